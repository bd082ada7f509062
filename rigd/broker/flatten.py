"""Close an account and prove it: cancel all, wait, read what is held, close that, look again.

Reduce-only by computation (FAULTS X08): a position is closed when no order of its symbol can fill
any more, for exactly what the broker says is held then, by one order at a time. What the broker
does not answer is asked again for ever; nothing is called flat that was not seen flat twice. It
knows a broker's port and a clock, and nothing of the bot.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from rigd.core.errors import (
    OrderRejected,
    RateLimited,
    RigdError,
    Unavailable,
)
from rigd.core.money import plain
from rigd.core.orders import TERMINAL, OrderRequest
from rigd.core.ports import Broker
from rigd.core.values import Side

if TYPE_CHECKING:
    from decimal import Decimal

    from rigd.core.orders import BrokerPosition, OrderSnapshot
    from rigd.core.ports import ControlClock

_T = TypeVar("_T")

POLL_S = 0.1
SETTLE_S = 2.0
"""How long a round waits for cancelled orders to be terminal [s]."""
MAX_WAIT_S = 5.0
"""The longest pause between two attempts [s] (FAULTS X07)."""
LAG_S = 5.0
"""How old the view of a broker may be whose look-ups are not authoritative [s] (FAULTS O08)."""
ALERT_S = 60.0
"""How often it is said again that the account is not verified flat [s] (FAULTS X07)."""
PENDING = "KILL_PENDING"


@dataclass(slots=True, kw_only=True)
class Flattening:
    """What came of it.

    Parameters
    ----------
    verified
        Whether the broker was seen without open orders and positions, twice.
    first_cancel_s
        From the start to the first cancel that the broker answered [s]; None without one.
    took_s
        From the start to the end [s].
    cancels, rounds
        How many cancels were answered, and how often the whole was gone through.
    closes
        Ids of the closes that were sent.
    problem
        What stood in the way last; blank when nothing did.
    """

    verified: bool = False
    first_cancel_s: float | None = None
    took_s: float = 0.0
    cancels: int = 0
    rounds: int = 0
    closes: list[str] = field(default_factory=list)
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way to an account.

    Parameters
    ----------
    broker
        Connected.
    play
        Lets a simulated market fill what waits; nothing where there is a real one.
    give_back
        Closes what was opened for it.
    """

    broker: Broker
    play: Callable[[], None] = lambda: None
    give_back: Callable[[], None] = lambda: None


class Flattener:
    """Closes one account.

    Parameters
    ----------
    connect
        Opens the way to the account and returns it, connected; called again when it was lost.
    clock
        The control clock. Only its monotonic side counts time: a wrong wall clock changes nothing.
    order_id
        Returns a new order id for a close of a symbol.
    tell
        Called with what people must know.
    contact
        Where a person closes by hand.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Way]],
        clock: ControlClock,
        *,
        order_id: Callable[[str], str],
        tell: Callable[[str], None],
        contact: str,
    ) -> None:
        self._open = connect
        self._clock = clock
        self._order_id = order_id
        self._tell = tell
        self._contact = contact
        self._began = clock.monotonic()
        self._until = float("inf")
        self._way: Way | None = None
        self._next_alert = self._began
        self._unsettled: dict[str, tuple[str, float | None]] = {}
        self._held: dict[str, tuple[Decimal, float]] = {}
        self._flat_since: float | None = None
        self.outcome = Flattening()

    async def run(self, patience_s: float | None = None) -> Flattening:
        """Go round until the account is verified flat.

        Parameters
        ----------
        patience_s
            After how long to give up [s]; None for never.

        Returns
        -------
        Flattening
            `verified` is True unless it gave up.
        """
        outcome, wait = self.outcome, POLL_S
        if patience_s is not None:
            self._until = self._began + patience_s
        while True:
            done = len(outcome.closes) + outcome.cancels
            outcome.rounds += 1
            outcome.verified = await self._attempt()
            outcome.took_s = self._clock.monotonic() - self._began
            if outcome.verified:
                outcome.problem = ""
                return outcome
            if self._clock.monotonic() >= self._until:
                return outcome
            self._alert()
            wait = POLL_S if len(outcome.closes) + outcome.cancels > done else wait * 2
            wait = min(wait, MAX_WAIT_S)
            await self._clock.wait(wait)

    async def cancel_all(self) -> None:
        """Cancel every open order once, if the broker answers: it harms nobody and comes first."""
        try:
            await self._connect()
            await self._cancel(await self._ask(self._broker.open_orders))
        except Exception as error:  # noqa: BLE001 - as in `_attempt`
            await self._lose(error)

    async def _attempt(self) -> bool:
        self.outcome.problem = ""
        try:
            await self._connect()
            return await self._round()
        except Exception as error:  # noqa: BLE001 - no fault of an adapter may end an emergency close
            await self._lose(error)
            return False

    async def _connect(self) -> None:
        if self._way is None:
            self._way = await self._open()

    async def _lose(self, error: Exception) -> None:
        """Give the way to the account up: the next attempt opens a new one."""
        self._note(error)
        self._flat_since = None
        try:
            await self.close()
        except Exception as unclosed:  # noqa: BLE001 - a way that does not close is given up too
            self._note(unclosed)

    async def close(self) -> None:
        """Close the way to the account."""
        way, self._way = self._way, None
        if way is not None:
            try:
                await way.broker.close()
            finally:
                way.give_back()

    async def _round(self) -> bool:
        still_open = await self._clear_orders()
        await self._settle_closes()
        positions = await self._ask(self._broker.positions)
        busy = {order.symbol for order in still_open} | self._unsettled.keys()
        steady = self._steady(positions)
        for position in steady:
            if position.symbol not in busy:
                await self._close(position)
        if self._unsettled:
            self._now.play()
            await self._clear_orders(cancel=False)
            await self._settle_closes()
        return await self._is_flat()

    async def _clear_orders(self, *, cancel: bool = True) -> list[OrderSnapshot]:
        """Cancel what is open and wait a little for it to end; return what has not."""
        until = self._clock.monotonic() + SETTLE_S
        open_orders = await self._ask(self._broker.open_orders)
        if cancel:
            await self._cancel(open_orders)
        while open_orders and self._clock.monotonic() < until:
            open_orders = await self._ask(self._broker.open_orders)
            if open_orders:
                await self._clock.wait(POLL_S)
        return open_orders

    async def _cancel(self, orders: list[OrderSnapshot]) -> None:
        own = {cl_ord_id for cl_ord_id, _ in self._unsettled.values()}
        for order in orders:
            if order.cl_ord_id in own:
                continue
            try:
                await self._ask(partial(self._broker.cancel, order.cl_ord_id))
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - one order's fault must not keep the rest open
                self._note(error)
                continue
            self.outcome.cancels += 1
            if self.outcome.first_cancel_s is None:
                self.outcome.first_cancel_s = self._clock.monotonic() - self._began

    async def _settle_closes(self) -> None:
        """Look up our own closes; a symbol has no second one before the first is known to be over.

        One that is not found never arrived, for certain where look-ups are authoritative, else when
        it stays unfound for longer than the broker's view may lag.
        """
        for symbol, (cl_ord_id, missing_since) in list(self._unsettled.items()):
            found = await self._ask(partial(self._broker.find, cl_ord_id))
            now = self._clock.monotonic()
            if found is not None:
                over = found.ord_status in TERMINAL
            elif missing_since is None and not self._current:
                over = False
                self._unsettled[symbol] = (cl_ord_id, now)
            else:
                over = self._current or now - (missing_since or now) >= LAG_S
            if over:
                del self._unsettled[symbol]
                self._held.pop(symbol, None)

    def _steady(self, positions: list[BrokerPosition]) -> list[BrokerPosition]:
        """Return the positions that the broker has told for long enough to be believed."""
        now = self._clock.monotonic()
        told = {position.symbol: position.qty for position in positions}
        self._held = {
            symbol: kept if (kept := self._held.get(symbol)) and kept[0] == qty else (qty, now)
            for symbol, qty in told.items()
        }
        lag = 0.0 if self._current else LAG_S
        return [p for p in positions if p.qty and now - self._held[p.symbol][1] >= lag]

    async def _close(self, position: BrokerPosition) -> str:
        cl_ord_id = self._order_id(position.symbol)
        request = OrderRequest(
            cl_ord_id=cl_ord_id,
            symbol=position.symbol,
            side=Side.SELL if position.qty > 0 else Side.BUY_TO_COVER,
            qty=abs(position.qty),
        )
        self._unsettled[position.symbol] = (cl_ord_id, None)
        self.outcome.closes.append(cl_ord_id)
        try:
            await self._ask(partial(self._broker.submit, request))
        except OrderRejected as error:
            del self._unsettled[position.symbol]
            self._note(error)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - what became of it is looked up; the rest is closed
            self._note(error)
        return cl_ord_id

    async def _is_flat(self) -> bool:
        """Tell whether the account was seen flat for long enough; a second look at least."""
        if not await self._looks_flat():
            self._flat_since = None
            return False
        now = self._clock.monotonic()
        if self._flat_since is None:
            self._flat_since = now
        if self._current:
            return await self._looks_flat()
        return now - self._flat_since >= LAG_S

    async def _looks_flat(self) -> bool:
        orders = await self._ask(self._broker.open_orders)
        positions = [p for p in await self._ask(self._broker.positions) if p.qty]
        if orders or positions:
            held = ", ".join(f"{plain(p.qty)} {p.symbol}" for p in positions) or "nothing"
            rest = f"{len(orders)} open orders, held: {held}"
            self.outcome.problem = f"{self.outcome.problem}; {rest}".removeprefix("; ")
            return False
        return not self._unsettled

    async def _ask(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """Ask the broker; a rate limit is waited for, here and not by starting over."""
        while True:
            try:
                return await call()
            except RateLimited as error:
                if self._clock.monotonic() >= self._until:
                    raise
                left = (error.retry_at - self._clock.now()).total_seconds()
                await self._clock.wait(min(max(left, POLL_S), MAX_WAIT_S))
                self._alert()

    @property
    def _now(self) -> Way:
        assert self._way is not None  # noqa: S101 - connected before
        return self._way

    @property
    def _broker(self) -> Broker:
        return self._now.broker

    @property
    def _current(self) -> bool:
        return self._broker.capabilities.authoritative_lookup

    def _note(self, error: Exception) -> None:
        told = error.message if isinstance(error, RigdError) else f"{type(error).__name__}: {error}"
        self.outcome.problem = told

    def _alert(self) -> None:
        now = self._clock.monotonic()
        if now >= self._next_alert:
            self._next_alert += ALERT_S * (1 + (now - self._next_alert) // ALERT_S)
            why = self.outcome.problem or "the broker asks us to wait"
            self._tell(f"{PENDING}: not verified flat: {why}; by hand: {self._contact}")
