"""The simulated exchange: one account, minute bars in, orders and fills out (SPEC §3a.3-8).

Its truth is its own log, which no other part of rigd reads. Every change is durable there before
the caller hears of it, and a minute's phase is one entry: killed at any instant and opened again,
the exchange is as it was before the call or after it, never in between.

A minute has two phases. `open_bar` fills market orders at the bar's open and resident orders that
the open has gapped through; `trade_through` fills resident orders that the bar's range reaches. An
order acts from the phase after the one that it came in: one placed after `open_bar` is therefore
tested without the open in its first bar, and with it in every later one. Phases that change nothing
write nothing; repeated after a restart they change nothing again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from rigd.broker.simulated.admission import Refusal, buying_power, judge, judge_id
from rigd.broker.simulated.book import (
    Book,
    CancelRefused,
    Change,
    Executed,
    Order,
    OrderTaken,
    StatusChanged,
    Trailed,
    pack_change,
    unpack_change,
)
from rigd.broker.simulated.matching import touched, trailed_level
from rigd.core.clock import from_iso, iso, require_utc
from rigd.core.errors import (
    ConfigError,
    LogicError,
    OrderRejected,
    OutcomeUnknown,
    StorageError,
    Unavailable,
)
from rigd.core.money import (
    ORDER_QUANTITY_DECIMALS,
    money,
    notional,
    price_from_float,
    round_down,
)
from rigd.core.orders import (
    TERMINAL,
    Account,
    BrokerClock,
    CancelAck,
    OrderRequest,
    OrderSnapshot,
    OrdStatus,
    OrdType,
)
from rigd.market.fills import market_fill

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from rigd.broker.simulated.model import SimModel
    from rigd.core.draws import Draws
    from rigd.core.orders import BrokerEvent, BrokerPosition, Fill
    from rigd.core.values import Bar, MarketSlice

STALE_EXIT = "stale_exit"
"""The reason on an exit that filled at the last mark because the session ended (SPEC §3a.8)."""

LAST_MARK = "last_mark"
"""The reason on an exit that filled at the last mark because nobody plays the market any more."""

_BAR = timedelta(minutes=1)

_OPEN, _THROUGH = 0, 1
_BEFORE = (-1, _THROUGH)
_ENDED = (1 << 30, _THROUGH)


class TruthLog(Protocol):
    """The part of `store.chainlog.ChainLog` that the exchange needs."""

    def append(
        self, at: datetime, kind: str, data: dict[str, Any], *, durable: bool = False
    ) -> tuple[int, str]:
        """Write one entry; with `durable` it survives a power loss."""
        ...

    def entries(self) -> Sequence[tuple[int, datetime, str, dict[str, Any], str]]:
        """Return number, time, kind, data and hash of every entry, oldest first."""
        ...


@dataclass(slots=True)
class _Session:
    """The session that the exchange is in; `moment` is the last phase that it has seen."""

    key: str
    stem: str
    moment: tuple[int, int]
    now: datetime

    @property
    def is_open(self) -> bool:
        return self.moment < _ENDED


class SimExchange:
    """One account at a simulated exchange.

    Parameters
    ----------
    log
        The account's own durable log; what it holds is taken in at once.
    model
        Latency, slippage, commission and faults.
    draws
        Keyed random numbers, so that a restart draws the same.
    account_id, currency
        The account; a log of another account is refused.

    Raises
    ------
    ConfigError
        If the log belongs to another account or currency.
    """

    def __init__(
        self, log: TruthLog, model: SimModel, draws: Draws, account_id: str, currency: str
    ) -> None:
        self._log = log
        self._model = model
        self._draws = draws
        self._account_id = account_id
        self._currency = currency
        self._book = Book(model.starting_cash)
        self._session: _Session | None = None
        self._ended: set[str] = set()
        self._pending: list[Change] = []
        self._usable = True
        for _, at, kind, data, _ in log.entries():
            self._replay(at, kind, data)

    @property
    def account_id(self) -> str:
        """The account's id."""
        return self._account_id

    # Sessions and phases: called by whoever plays the market.

    def begin_session(self, day: date, number: int, opens: datetime) -> None:
        """Begin a session, or go on with it when it is the present one.

        Orders that an earlier session left open expire.

        Parameters
        ----------
        day, number
            The session's exchange day and its number on that day.
        opens
            The first instant of regular trading, UTC.

        Raises
        ------
        LogicError
            If the session ended before the present one.
        """
        self._require_usable()
        key = f"{day.isoformat()}_{number}"
        if self._session is not None and self._session.key == key:
            return
        if key in self._ended:
            msg = f"a session that ended must not begin again, was {key}"
            raise LogicError(msg)
        data: dict[str, Any] = {"opens": iso(require_utc(opens))}
        if self._session is None:
            data |= {
                "account": self._account_id,
                "currency": self._currency,
                "cash": str(self._book.cash),
            }
        else:
            self._expire_all("session_over")
        self._enter(key, opens)
        self._commit("begin", data)

    def open_bar(self, slice_: MarketSlice) -> None:
        """Open a minute: market orders fill, and resident orders that the open gapped through.

        Parameters
        ----------
        slice_
            The minute's bars; a symbol without one keeps its orders waiting. A minute that was
            opened before is left alone.
        """
        session = self._present()
        session.now = max(session.now, slice_.start)
        if not self._reach(session, slice_.minute, _OPEN):
            return
        if self._book.working:
            self._each_order(slice_, self._at_open)
            self._commit("open", {})

    def trade_through(self, slice_: MarketSlice) -> None:
        """Trade a minute from its open to its close: resident orders fill where it reaches them.

        Parameters
        ----------
        slice_
            The minute's bars, the same that `open_bar` had. A minute that was traded before only
            renews the marks.

        Raises
        ------
        LogicError
            If the minute was not opened.
        """
        session = self._present()
        for symbol, bar in slice_.bars.items():
            self._book.marks[symbol] = bar.close
        session.now = max(session.now, slice_.start + _BAR)
        if session.moment < (slice_.minute, _OPEN):
            msg = f"minute {slice_.minute} must be opened before it is traded through"
            raise LogicError(msg)
        if not self._reach(session, slice_.minute, _THROUGH):
            return
        if self._book.working:
            self._each_order(slice_, self._inside_bar)
            self._each_order(slice_, self._after_bar)
            self._commit("through", {})

    def end_session(self, marks: Mapping[str, float] | None = None) -> None:
        """End the session: exits that still wait fill at the last mark, everything else expires.

        Parameters
        ----------
        marks
            Last price per symbol [currency/share]; the exchange's own last closes by default.
            These fills have no slippage, are marked synthetic, and their order carries the reason
            ``stale_exit``. Entries never fill here.
        """
        session = self._present()
        if not session.is_open:
            return
        self._book.marks.update(marks or {})
        for order in list(self._book.working.values()):
            mark = self._book.marks.get(order.request.symbol)
            waits = order.request.ord_type is OrdType.MARKET and not order.request.side.opens
            if waits and mark is not None and order.status not in TERMINAL:
                self._fill(order, price_from_float(mark), session.now, synthetic=STALE_EXIT)
        self._expire_all("session_over")
        session.moment = _ENDED
        self._ended.add(session.key)
        self._commit("end", {})

    def fill_at_marks(self) -> None:
        """Fill the exits that wait at market at the last marks: nobody plays the market any more.

        For whoever closes an account whose engine is dead. At an exchange the market would go on;
        here it stands still with its player. These fills have no slippage and are marked synthetic;
        a symbol of which no mark is known fills at the position's average price. Entries and
        resident orders are left alone.
        """
        session = self._present()
        if not session.is_open:
            return
        for order in list(self._book.working.values()):
            waits = order.request.ord_type is OrdType.MARKET and not order.request.side.opens
            if waits and order.status not in TERMINAL:
                price = self._last_price(order.request.symbol)
                self._fill(order, price, session.now, synthetic=LAST_MARK)
        self._commit("marks", {})

    # Orders: what a broker's client asks.

    def submit(self, request: OrderRequest) -> OrderSnapshot:
        """Take an order in.

        Parameters
        ----------
        request
            The order. An id that is known already changes nothing.

        Returns
        -------
        OrderSnapshot
            The new order, status NEW; or the order that has this id, in its present state.

        Raises
        ------
        OrderRejected
            If the order is refused; `find` then tells it as REJECTED.
        OutcomeUnknown
            If the answer is lost, whatever it was.
        """
        self._require_usable()
        known = self._book.orders.get(request.cl_ord_id)
        if known is not None:
            return known.snapshot()
        self._require_session(request)
        refusal = self._judge(request)
        self._take(request, refusal)
        self._commit("submit", {})
        return self._answer(request, refusal)

    def replace(self, cl_ord_id: str, new: OrderRequest) -> OrderSnapshot:
        """Replace a working order by a new one, in one step.

        Parameters
        ----------
        cl_ord_id
            The working order.
        new
            What takes its place, with an id of its own; same symbol and side.

        Returns
        -------
        OrderSnapshot
            The new order, status NEW; or the order that has its id already.

        Raises
        ------
        OrderRejected
            If the order is not working or the new one is refused; the old one is left as it is.
        OutcomeUnknown
            If the answer is lost, whatever it was.
        """
        self._require_usable()
        known = self._book.orders.get(new.cl_ord_id)
        if known is not None:
            return known.snapshot()
        self._require_session(new)
        old = self._book.working.get(cl_ord_id)
        if old is None:
            refusal: Refusal | None = Refusal("not_working", f"no working order {cl_ord_id}")
        elif (old.request.symbol, old.request.side) != (new.symbol, new.side):
            refusal = Refusal("other_order", "a replacement must keep symbol and side")
        else:
            refusal = self._judge(new, instead_of=old)
        if refusal is None:
            self._do(
                StatusChanged(
                    cl_ord_id=cl_ord_id, status=OrdStatus.REPLACED, reason=f"by {new.cl_ord_id}"
                )
            )
        self._take(new, refusal)
        self._commit("replace", {})
        return self._answer(new, refusal)

    def cancel(self, cl_ord_id: str) -> CancelAck:
        """Cancel a working order.

        Parameters
        ----------
        cl_ord_id
            The order.

        Returns
        -------
        CancelAck
            REQUESTED when it is cancelled, TOO_LATE when it is terminal or the cancel is refused,
            NOT_FOUND when no order has the id.
        """
        self._require_usable()
        order = self._book.orders.get(cl_ord_id)
        if order is None:
            return CancelAck.NOT_FOUND
        if order.status in TERMINAL:
            return CancelAck.TOO_LATE
        rate = self._model.refused_cancel_rate
        if self._draws.uniform("cancel", cl_ord_id, order.refused_cancels) < rate:
            self._do(CancelRefused(cl_ord_id=cl_ord_id))
            self._commit("cancel", {})
            return CancelAck.TOO_LATE
        self._drop(order, OrdStatus.CANCELED, "requested")
        self._commit("cancel", {})
        return CancelAck.REQUESTED

    def find(self, cl_ord_id: str) -> OrderSnapshot | None:
        """Return the order of an id, refused ones too; None when there is none."""
        self._require_usable()
        order = self._book.orders.get(cl_ord_id)
        return order.snapshot() if order else None

    def open_orders(self) -> list[OrderSnapshot]:
        """Return the working orders in order of acceptance."""
        self._require_usable()
        return [order.snapshot() for order in self._book.working.values()]

    def fills(self, since: datetime) -> list[Fill]:
        """Return the fills at or after an instant, in the order in which they happened."""
        self._require_usable()
        return [fill for fill in self._book.fills if fill.ts >= since]

    def positions(self) -> list[BrokerPosition]:
        """Return the open positions by symbol."""
        self._require_usable()
        return self._book.positions()

    def account(self) -> Account:
        """Return the money: cash, equity at the last marks, and what new positions may use."""
        self._require_usable()
        return Account(
            account_id=self._account_id,
            currency=self._currency,
            cash=self._book.cash,
            equity=self._book.equity(),
            buying_power=buying_power(self._book, self._model.commission_fraction),
        )

    def clock(self) -> BrokerClock:
        """Return the exchange's time, or raise Unavailable before its first session."""
        self._require_usable()
        if self._session is None:
            msg = "the simulated exchange must begin a session before it has a time"
            raise Unavailable(msg)
        return BrokerClock(now=self._session.now, is_open=self._session.is_open)

    def events(self, cursor: int) -> tuple[list[BrokerEvent], int]:
        """Return what happened after the first `cursor` events, and the new cursor.

        Parameters
        ----------
        cursor
            How many events the caller has; -1 for all there are, without telling them.

        Returns
        -------
        tuple of list and int
            The events in their order, and their count since the account began.
        """
        self._require_usable()
        events = self._book.events
        return ([] if cursor < 0 else events[cursor:]), len(events)

    # Deciding.

    def _judge(self, request: OrderRequest, instead_of: Order | None = None) -> Refusal | None:
        """Return why an order is refused, None when it is accepted."""
        if not self._started().is_open:
            return Refusal("market_closed", "the session is over")
        refusal = judge(
            request,
            self._book,
            self._model.commission_fraction,
            instead_of,
            native_trailing=self._model.native_trailing,
        )
        if refusal is not None:
            return refusal
        if self._draws.uniform("reject", request.cl_ord_id) < self._model.reject_rate:
            return Refusal("simulated", "refused at random")
        return None

    # Filling.

    def _each_order(self, slice_: MarketSlice, act: Callable[[Order, Bar, datetime], None]) -> None:
        """Show the bars to every working order, in order of acceptance."""
        for order in list(self._book.working.values()):
            bar = slice_.bars.get(order.request.symbol)
            if bar is not None and order.status not in TERMINAL:
                act(order, bar, slice_.start)

    def _at_open(self, order: Order, bar: Bar, start: datetime) -> None:
        if order.request.ord_type is OrdType.MARKET:
            self._fill_market(order, bar, start)
        else:
            self._fill_resident(order, bar, start, test_open=True)

    def _inside_bar(self, order: Order, bar: Bar, start: datetime) -> None:
        if order.request.ord_type is not OrdType.MARKET:
            self._fill_resident(order, bar, start, test_open=False)

    def _after_bar(self, order: Order, bar: Bar, _start: datetime) -> None:
        level = trailed_level(order, bar)
        if level is not None:
            self._do(Trailed(cl_ord_id=order.request.cl_ord_id, level=level))

    def _fill_market(self, order: Order, bar: Bar, start: datetime) -> None:
        request = order.request
        price = market_fill(
            bar.open,
            bar.close,
            self._model.latency_fraction,
            self._model.slippage_of(self._draws, request.cl_ord_id, order.parts),
            request.side.sign,
        )
        self._fill(order, price_from_float(price), start, part=self._first_part(order))

    def _last_price(self, symbol: str) -> Decimal:
        mark = self._book.marks.get(symbol)
        return self._book.holdings[symbol].avg_px if mark is None else price_from_float(mark)

    def _first_part(self, order: Order) -> Decimal | None:
        """Return what a market entry gets at its first open when it is drawn to fill in two."""
        request = order.request
        if order.parts or not request.side.opens:
            return None
        if self._draws.uniform("partial", request.cl_ord_id) >= self._model.partial_fill_rate:
            return None
        whole = request.qty == request.qty.to_integral_value()
        share = Decimal(repr(self._draws.uniform("part", request.cl_ord_id)))
        return round_down(request.qty * share, 0 if whole else ORDER_QUANTITY_DECIMALS) or None

    def _fill_resident(self, order: Order, bar: Bar, start: datetime, *, test_open: bool) -> None:
        """Fill what the bar reaches first of an order and its group."""
        orders = self._book.group(order.request.oco_group) or [order]
        found = touched(orders, bar, test_open=test_open)
        if found is None:
            return
        cl_ord_id, part = found.order.request.cl_ord_id, found.order.parts
        slippage = self._model.slippage_of(self._draws, cl_ord_id, part)
        self._fill(found.order, price_from_float(found.fill_price(slippage)), start)

    def _fill(
        self,
        order: Order,
        price: Decimal,
        at: datetime,
        *,
        part: Decimal | None = None,
        synthetic: str = "",
    ) -> None:
        """Fill an order, one that reduces a position never beyond it; then settle its siblings.

        `synthetic` is the reason of a fill that the market did not make.
        """
        request = order.request
        qty = min(order.leaves_qty, part) if part is not None else order.leaves_qty
        if not request.side.opens:
            qty = min(qty, abs(self._book.held(request.symbol)))
        self._do(
            Executed(
                exec_key=f"{self._started().stem}-{len(self._book.fills) + 1}",
                cl_ord_id=request.cl_ord_id,
                qty=qty,
                price=price,
                commission=money(notional(price, qty) * self._model.commission_fraction),
                ts=at,
                synthetic=bool(synthetic),
                reason=synthetic,
            )
        )
        if request.oco_group:
            for sibling in self._book.group(request.oco_group):
                reason = "position_gone" if sibling is order else "oco"
                self._drop(sibling, OrdStatus.CANCELED, reason)
        if not request.side.opens and not self._book.held(request.symbol):
            for other in self._book.working_in(request.symbol):
                if not other.request.side.opens:
                    self._drop(other, OrdStatus.CANCELED, "position_gone")

    # Keeping.

    def _take(self, request: OrderRequest, refusal: Refusal | None) -> None:
        self._do(
            OrderTaken(
                request=request,
                broker_order_id=f"S{self._book.taken + 1:06d}",
                status=OrdStatus.REJECTED if refusal else OrdStatus.NEW,
                reason=": ".join(refusal) if refusal else "",
            )
        )

    def _answer(self, request: OrderRequest, refusal: Refusal | None) -> OrderSnapshot:
        if self._draws.uniform("lost_reply", request.cl_ord_id) < self._model.lost_reply_rate:
            msg = f"no answer to order {request.cl_ord_id}"
            raise OutcomeUnknown(msg)
        if refusal is not None:
            raise OrderRejected(*refusal)
        return self._book.orders[request.cl_ord_id].snapshot()

    def _drop(self, order: Order, status: OrdStatus, reason: str) -> None:
        self._do(StatusChanged(cl_ord_id=order.request.cl_ord_id, status=status, reason=reason))

    def _expire_all(self, reason: str) -> None:
        for order in list(self._book.working.values()):
            self._drop(order, OrdStatus.EXPIRED, reason)

    def _do(self, change: Change) -> None:
        """Take in a change; nothing is told to anyone until `_commit` has made it durable."""
        self._usable = False
        self._pending.append(change)
        self._book.take(change, self._started().now)

    def _commit(self, kind: str, data: dict[str, Any]) -> None:
        """Write what was done since the last commit as one durable entry; nothing, when nothing."""
        changes, self._pending = self._pending, []
        if not changes and kind not in {"begin", "end"}:
            return
        session, marks = self._started(), self._book.marks
        entry = {
            "session": session.key,
            "moment": list(session.moment),
            "marks": {s: repr(marks[s]) for s in self._book.holdings if s in marks},
            "changes": [pack_change(change) for change in changes],
            **data,
        }
        self._usable = False
        try:
            self._log.append(session.now, kind, entry, durable=True)
        except (OSError, StorageError) as error:
            msg = f"the simulated exchange could not write its log: {error}"
            raise OutcomeUnknown(msg) from error
        self._usable = True

    def _replay(self, at: datetime, kind: str, data: dict[str, Any]) -> None:
        if "account" in data:
            self._require_own(data)
            self._book.cash = Decimal(data["cash"])
        if kind == "begin":
            self._enter(data["session"], from_iso(data["opens"]))
        session = self._started()
        minute, phase = data["moment"]
        session.moment, session.now = (minute, phase), at
        self._book.marks.update({s: float(mark) for s, mark in data["marks"].items()})
        if kind == "end":
            self._ended.add(session.key)
        for packed in data["changes"]:
            self._book.take(unpack_change(packed), at)

    def _require_own(self, data: dict[str, Any]) -> None:
        found = data["account"], data["currency"]
        if found != (self._account_id, self._currency):
            msg = (
                f"the simulated broker's file must be of account {self._account_id} in "
                f"{self._currency}, was of {found[0]} in {found[1]}"
            )
            raise ConfigError(msg)

    def _enter(self, key: str, opens: datetime) -> None:
        self._session = _Session(key=key, stem=key.replace("-", ""), moment=_BEFORE, now=opens)

    def _reach(self, session: _Session, minute: int, phase: int) -> bool:
        """Move on to a phase; False when the session has seen it."""
        if session.moment >= (minute, phase):
            return False
        session.moment = (minute, phase)
        return True

    def _present(self) -> _Session:
        self._require_usable()
        return self._started()

    def _started(self) -> _Session:
        if self._session is None:
            msg = "a session must begin before the exchange can trade"
            raise LogicError(msg)
        return self._session

    def _require_session(self, request: OrderRequest) -> None:
        """Refuse what cannot even be recorded: no session yet, or an id that is not one."""
        refusal = judge_id(request.cl_ord_id)
        if self._session is None:
            refusal = Refusal("market_closed", "no session has begun")
        if refusal is not None:
            raise OrderRejected(*refusal)

    def _require_usable(self) -> None:
        if not self._usable:
            msg = "the simulated exchange broke off within a step and must be started again"
            raise Unavailable(msg)
