"""The broker's truth: orders, executions, positions and cash of one account, and its moods.

Unlike the simulated exchange of `rigd.broker` this venue does what real brokers do at their worst:
it fills what it has cancelled, fills too much, takes back, corrects, hides, and trades for others.
It knows nothing of the bot. It trades on its own bars, whatever the feed shows.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from rigd.core.errors import OrderRejected
from rigd.core.money import ZERO, money, notional, price_from_float, round_down
from rigd.core.orders import (
    TERMINAL,
    BrokerPosition,
    CancelAck,
    ExecType,
    Fill,
    OrderRequest,
    OrderSnapshot,
    OrdStatus,
    OrdType,
)
from rigd.core.values import Side
from rigd.hosts.simulate.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rigd.core.orders import BrokerEvent
    from rigd.core.values import Bar
    from rigd.hosts.simulate.faults import FaultPlan
    from rigd.hosts.simulate.swarm import Personality
    from rigd.hosts.simulate.trace import Trace

MINUTE = timedelta(minutes=1)
MAX_HALT_MINUTES = 20
FOREIGN = "MANUAL-"
"""How the ids of orders begin that somebody else placed."""

_FORCED = (OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED)
"""How a broker may end an order that it had acknowledged."""

_LAG = 2
"""For how many phases a lagging list does not show an order; a minute has two."""


@dataclass(slots=True)
class VenueOrder:
    """One order at the broker, ours or not."""

    request: OrderRequest
    number: str
    status: OrdStatus
    updated_at: datetime
    accepted_at: datetime
    reason: str = ""
    cum_qty: Decimal = ZERO
    traded: Decimal = ZERO
    listed_from: int = -1
    found_from: int = -1

    @property
    def leaves_qty(self) -> Decimal:
        """What may still fill [shares]."""
        return max(ZERO, self.request.qty - self.cum_qty)

    @property
    def foreign(self) -> bool:
        """Tell whether somebody else placed it."""
        return self.request.cl_ord_id.startswith(FOREIGN)

    def snapshot(self) -> OrderSnapshot:
        """Return the order as the broker tells it."""
        return OrderSnapshot(
            cl_ord_id=self.request.cl_ord_id,
            broker_order_id=self.number,
            symbol=self.request.symbol,
            side=self.request.side,
            qty=self.request.qty,
            cum_qty=self.cum_qty,
            avg_px=(self.traded / self.cum_qty).quantize(Decimal("0.000001"))
            if self.cum_qty
            else None,
            ord_status=self.status,
            updated_at=self.updated_at,
            reason=self.reason,
        )


class Venue:
    """One account.

    Parameters
    ----------
    bars
        The bars that the venue trades on: minute to symbol to bar.
    opens, closes
        The session, UTC.
    personality
        What this broker does by rule.
    plan
        What goes wrong.
    trace
        Where events are noted.
    """

    def __init__(
        self,
        bars: Sequence[Mapping[str, Bar]],
        opens: datetime,
        closes: datetime,
        personality: Personality,
        plan: FaultPlan,
        trace: Trace,
    ) -> None:
        self._bars = bars
        self._opens = opens
        self._closes = closes
        self._plan = plan
        self._trace = trace
        self._delayed: list[tuple[int, OrderRequest]] = []
        self._late: list[VenueOrder] = []
        self._halted: dict[str, int] = {}
        self.personality = personality
        self.now = opens
        self.phase = -1
        self.ended = False
        self.cash = personality.cash
        self.corrections = ZERO
        self.orders: list[VenueOrder] = []
        self.by_id: dict[str, list[VenueOrder]] = {}
        self.working: dict[str, VenueOrder] = {}
        self.fills: list[Fill] = []
        self.positions: dict[str, Decimal] = {}
        self.foreign: dict[str, Decimal] = {}
        self.events: list[BrokerEvent] = []
        self.marks: dict[str, float] = {}
        self._settled: set[str] = set()
        self._recent: deque[Fill] = deque(maxlen=4)

    # Time.

    def open_minute(self, minute: int) -> None:
        """Open a minute: market orders fill, and resident orders that the open gapped through."""
        if self.phase >= 2 * minute or self.ended:
            return
        self.phase = 2 * minute
        self.now = self._opens + minute * MINUTE
        self._trace.at(self.now)
        self._moods(minute)
        self._arrive()
        bars = self._bars[minute]
        for order in list(self.working.values()):
            bar = bars.get(order.request.symbol)
            if bar is None or order.status in TERMINAL or order.request.symbol in self._halted:
                continue
            if order.request.ord_type is OrdType.MARKET:
                self._fill_market(order, bar.open)
            else:
                self._touch(order, bar.open, bar.open, bar.open)
        self._fill_late(bars)

    def trade_minute(self, minute: int) -> None:
        """Trade a minute to its end: resident orders fill where its range reaches them."""
        if self.phase >= 2 * minute + 1 or self.ended:
            return
        self.open_minute(minute)
        self.phase = 2 * minute + 1
        self._arrive()
        bars = self._bars[minute]
        for order in list(self.working.values()):
            bar = bars.get(order.request.symbol)
            if bar is None or order.status in TERMINAL or order.request.symbol in self._halted:
                continue
            if order.request.ord_type is not OrdType.MARKET:
                self._touch(order, bar.open, bar.high, bar.low)
        for symbol, bar in bars.items():
            self.marks[symbol] = bar.close
        self._undo()
        self.now = self._opens + (minute + 1) * MINUTE
        self._trace.at(self.now)

    def end(self) -> None:
        """End the session: exits that wait fill at the last marks, everything else expires."""
        if self.ended:
            return
        self.phase += 1
        self._arrive()
        self.ended = True
        self.now = max(self.now, self._closes)
        for order in list(self.working.values()):
            request = order.request
            mark = self.marks.get(request.symbol)
            if request.ord_type is OrdType.MARKET and not request.side.opens and mark is not None:
                self._execute(order, order.leaves_qty, price_from_float(mark))
            if order.status not in TERMINAL:
                self._finish(order, OrdStatus.EXPIRED, "session_over")

    # What a client asks.

    def submit(self, request: OrderRequest, replaces: str = "") -> OrderSnapshot:
        """Take an order in, or raise OrderRejected.

        Parameters
        ----------
        request
            The order.
        replaces
            The working order that it replaces; blank for a new one.

        Returns
        -------
        OrderSnapshot
            The new order, or the order that has the id where the broker compares ids.

        Raises
        ------
        OrderRejected
            If it is refused.
        """
        known = self.by_id.get(request.cl_ord_id)
        if known and self.personality.idempotent:
            return known[0].snapshot()
        old = self.working_of(replaces) if replaces else None
        refusal = self._refusal(request, replaces, old)
        status = OrdStatus.NEW if refusal is None else OrdStatus.REJECTED
        if old is not None and refusal is None:
            self._finish(old, OrdStatus.REPLACED, f"by {request.cl_ord_id}")
        order = self._accept(request, status, "" if refusal is None else ": ".join(refusal))
        self._tell(order)
        if refusal is not None:
            raise OrderRejected(*refusal)
        return order.snapshot()

    def submit_later(self, request: OrderRequest) -> None:
        """Let a request arrive some phases from now."""
        self._delayed.append((self.phase + 1 + self._plan.pick("delay", 3), request))

    def cancel(self, cl_ord_id: str) -> CancelAck:
        """Cancel a working order."""
        known = self.by_id.get(cl_ord_id)
        if not known:
            return CancelAck.NOT_FOUND
        order = self.working_of(cl_ord_id)
        if order is None:
            return CancelAck.TOO_LATE
        if self._plan.fires(Fault.REFUSED_CANCEL):
            return CancelAck.TOO_LATE
        self._finish(order, OrdStatus.CANCELED, "requested")
        return CancelAck.REQUESTED

    def find(self, cl_ord_id: str) -> OrderSnapshot | None:
        """Return the newest order of an id that a look-up shows; None when there is none."""
        for order in reversed(self.by_id.get(cl_ord_id, [])):
            if order.found_from <= self.phase or self.ended:
                return order.snapshot()
        return None

    def open_orders(self) -> list[OrderSnapshot]:
        """Return the working orders that the list shows."""
        return [
            order.snapshot()
            for order in self.working.values()
            if order.listed_from <= self.phase or self.ended
        ]

    def executions(self, since: datetime) -> list[Fill]:
        """Return the executions at or after an instant, those of others too."""
        return [fill for fill in self.fills if fill.ts >= since]

    def held(self) -> list[BrokerPosition]:
        """Return the positions by symbol."""
        return [
            BrokerPosition(
                symbol=symbol, qty=qty, avg_px=price_from_float(self.marks.get(symbol, 1.0))
            )
            for symbol, qty in sorted(self.positions.items())
        ]

    def equity(self) -> Decimal:
        """Return cash and positions at their marks [currency]."""
        worth = sum(
            (notional(price_from_float(self.marks[s]), q) for s, q in self.positions.items()), ZERO
        )
        return self.cash + worth

    # What an oracle asks.

    def working_of(self, cl_ord_id: str) -> VenueOrder | None:
        """Return the working order of an id."""
        for order in self.by_id.get(cl_ord_id, ()):
            if order.status not in TERMINAL:
                return order
        return None

    def ours(self) -> Iterator[VenueOrder]:
        """Iterate over the orders that are ours, oldest first."""
        return (order for order in self.orders if not order.foreign)

    def net_of_ours(self) -> dict[str, Decimal]:
        """Return what our executions net to, by symbol; zeros are left out."""
        net = {
            symbol: qty - self.foreign.get(symbol, ZERO)
            for symbol, qty in (dict.fromkeys(self.foreign, ZERO) | self.positions).items()
        }
        return {symbol: qty for symbol, qty in net.items() if qty}

    def is_quiet(self) -> bool:
        """Tell whether nothing that was asked or cancelled may still turn into a fill."""
        return not self._delayed and not self._late

    def is_halted(self, symbol: str) -> bool:
        """Tell whether a symbol is halted now."""
        return symbol in self._halted

    # Within.

    def _refusal(
        self, request: OrderRequest, replaces: str, old: VenueOrder | None
    ) -> tuple[str, str] | None:
        if self.ended:
            return "market_closed", "the session is over"
        if replaces and old is None:
            return "not_working", f"no working order {replaces}"
        if request.symbol in self._halted:
            return "halted", f"{request.symbol} is halted"
        if request.ord_type is OrdType.STOP and not self.personality.stops:
            return "bad_type", "no stop orders here"
        if self.personality.guards_positions and not request.side.opens:
            free = -request.side.sign * self.positions.get(request.symbol, ZERO)
            if not request.oco_group:
                free -= sum(
                    (
                        order.leaves_qty
                        for order in self.working.values()
                        if order.request.symbol == request.symbol
                        and not order.request.side.opens
                        and not order.request.oco_group
                        and not order.foreign
                        and order is not old
                    ),
                    ZERO,
                )
            if free <= 0 or (request.qty > free and not request.oco_group):
                return "oversell", f"{free} {request.symbol} are free to {request.side}"
        if self._plan.fires(Fault.REJECT):
            return "refused", "refused at random"
        return None

    def _accept(self, request: OrderRequest, status: OrdStatus, reason: str) -> VenueOrder:
        order = VenueOrder(
            request=request,
            number=f"B{len(self.orders) + 1}",
            status=status,
            updated_at=self.now,
            accepted_at=self.now,
            reason=reason,
        )
        if self._plan.fires(Fault.LIST_LAG):
            order.listed_from = self.phase + _LAG
        if not self.personality.authoritative and self._plan.fires(Fault.FIND_LAG):
            order.found_from = order.listed_from = self.phase + _LAG
        self.orders.append(order)
        self.by_id.setdefault(request.cl_ord_id, []).append(order)
        if status not in TERMINAL:
            self.working[order.number] = order
        self._trace.add("order", f"{order.number} {request.cl_ord_id} {request.side} {request.qty}")
        return order

    def _arrive(self) -> None:
        due = [request for at, request in self._delayed if at <= self.phase]
        self._delayed = [item for item in self._delayed if item[0] > self.phase]
        for request in due:
            try:
                self.submit(request)
            except OrderRejected as error:
                self._trace.add("late", f"{request.cl_ord_id} {error.code}")

    def _moods(self, minute: int) -> None:
        """Let the broker do what nobody asked for."""
        over = [symbol for symbol, until in self._halted.items() if until <= minute]
        for symbol in over:
            del self._halted[symbol]
            self._suspend(symbol, on=False)
        plan = self._plan
        symbols = sorted(self.marks)
        if symbols and plan.fires(Fault.HALT):
            works = sorted({o.request.symbol for o in self.working.values() if not o.foreign})
            symbols_to_halt = works or symbols
            symbol = symbols_to_halt[plan.pick("halt", len(symbols_to_halt))]
            self._halted[symbol] = minute + 1 + plan.pick("halt length", MAX_HALT_MINUTES)
            self._trace.add("halt", f"{symbol} until {self._halted[symbol]}")
            self._suspend(symbol, on=True)
        if symbols and plan.fires(Fault.FOREIGN_ORDER):
            self._foreign_order(symbols[plan.pick("foreign", len(symbols))], fills=False)
        if symbols and plan.fires(Fault.FOREIGN_FILL):
            self._foreign_order(symbols[plan.pick("foreign", len(symbols))], fills=True)
        if plan.fires(Fault.CASH_CORRECTION):
            amount = Decimal(plan.pick("cash", 2000) - 1000) / 100 or Decimal(1)
            self.cash += amount
            self.corrections += amount
            self._trace.add("cash", str(amount))
        for order in list(self.working.values()):
            if not order.foreign and plan.fires(Fault.FORCED_CANCEL):
                status = _FORCED[plan.pick("forced", len(_FORCED))]
                self._finish(order, status, "by the broker")

    def _suspend(self, symbol: str, *, on: bool) -> None:
        """Let the orders of a symbol rest while it is halted, and work again afterwards."""
        for order in self.working.values():
            if order.request.symbol == symbol and not order.foreign:
                worked = OrdStatus.PARTIALLY_FILLED if order.cum_qty else OrdStatus.NEW
                order.status = OrdStatus.SUSPENDED if on else worked
                self._tell(order)

    def _foreign_order(self, symbol: str, *, fills: bool) -> None:
        price = price_from_float(self.marks[symbol])
        request = OrderRequest(
            cl_ord_id=f"{FOREIGN}{len(self.orders) + 1}",
            symbol=symbol,
            side=Side.BUY if self._plan.pick("foreign side", 2) else Side.SELL,
            qty=Decimal(1 + self._plan.pick("foreign size", 50)),
            ord_type=OrdType.LIMIT,
            limit_price=(price / 100).quantize(Decimal("0.01")) + 1,
        )
        order = self._accept(request, OrdStatus.NEW, "")
        self._tell(order)
        if fills:
            self._execute(order, request.qty, price)

    def _fill_market(self, order: VenueOrder, price: float) -> None:
        qty = order.leaves_qty
        if qty > 1 and self._plan.fires(Fault.PARTIAL_FILL):
            if qty % 2 == 0 and self._plan.pick("halves", 2):
                self._execute(order, qty / 2, price_from_float(price))
                qty /= 2
            else:
                qty = round_down(qty * (1 + self._plan.pick("part", 8)) / 10, 0) or Decimal(1)
        self._execute(order, qty, price_from_float(price))

    def _touch(self, order: VenueOrder, opened: float, high: float, low: float) -> None:
        request = order.request
        buys = request.side.sign > 0
        if order.foreign:
            return
        if request.ord_type is OrdType.STOP and request.stop_price is not None:
            level = float(request.stop_price)
            if high >= level if buys else low <= level:
                price = max(opened, level) if buys else min(opened, level)
                self._execute(order, order.leaves_qty, price_from_float(price))
        elif request.limit_price is not None:
            level = float(request.limit_price)
            if low <= level if buys else high >= level:
                price = min(opened, level) if buys else max(opened, level)
                self._execute(order, order.leaves_qty, price_from_float(price))

    def _fill_late(self, bars: Mapping[str, Bar]) -> None:
        late, self._late = self._late, []
        for order in late:
            bar = bars.get(order.request.symbol)
            if bar is None:
                self._late.append(order)
                continue
            self._execute(order, order.leaves_qty, price_from_float(bar.open))

    def _execute(self, order: VenueOrder, qty: Decimal, price: Decimal) -> None:
        """Fill part of an order, perhaps for more than it was meant for; its group is cancelled."""
        if not order.foreign and qty == order.leaves_qty and self._plan.fires(Fault.OVERFILL):
            qty += max(Decimal(1), round_down(order.request.qty / 10, 0))
        request = order.request
        worth = notional(price, qty)
        fee = money(worth * self.personality.commission)
        fill = Fill(
            exec_key=f"X{len(self.fills) + 1}",
            cl_ord_id=request.cl_ord_id,
            broker_order_id=order.number,
            symbol=request.symbol,
            side=request.side,
            qty=qty,
            price=price,
            ts=self.now,
            commission=fee,
        )
        self._book(fill, fill.side.sign, foreign=order.foreign)
        order.cum_qty += qty
        order.traded += worth
        order.updated_at = self.now
        if order.status not in TERMINAL:
            full = order.cum_qty >= request.qty
            order.status = OrdStatus.FILLED if full else OrdStatus.PARTIALLY_FILLED
            if full:
                self.working.pop(order.number, None)
        if not order.foreign:
            self._recent.append(fill)
        self._tell(order)
        for other in list(self.working.values()):
            if request.oco_group and other.request.oco_group == request.oco_group:
                self._finish(other, OrdStatus.CANCELED, f"{request.cl_ord_id} of its group filled")

    def _book(self, fill: Fill, sign: int, *, foreign: bool) -> None:
        """Let a fact change cash and position, and tell it."""
        worth, fee = notional(fill.price, fill.qty), fill.commission or ZERO
        taken_back = fill.exec_type is ExecType.BUST
        self.cash += (sign * worth + fee) * (1 if taken_back else -1)
        held = self.positions.get(fill.symbol, ZERO) + sign * fill.qty * (-1 if taken_back else 1)
        self.positions[fill.symbol] = held
        if not held:
            del self.positions[fill.symbol]
        if foreign:
            self.foreign[fill.symbol] = self.foreign.get(fill.symbol, ZERO) + sign * fill.qty
        self.fills.append(fill)
        self.events.append(fill)
        what = f"{fill.exec_key} {fill.exec_type} {fill.cl_ord_id} {fill.qty} at {fill.price}"
        self._trace.add("execution", what)

    def _undo(self) -> None:
        """Take back or correct an execution of the last minutes."""
        for fill in list(self._recent):
            if fill.exec_key in self._settled:
                continue
            if self._plan.fires(Fault.BUST):
                self._settled.add(fill.exec_key)
                self._refer(fill, ExecType.BUST, fill.price)
                order = self.by_id[fill.cl_ord_id][-1]
                order.cum_qty -= fill.qty
                order.traded -= notional(fill.price, fill.qty)
            elif self._plan.fires(Fault.CORRECTION):
                self._settled.add(fill.exec_key)
                price = (fill.price * Decimal("1.001")).quantize(Decimal("0.000001"))
                self._refer(fill, ExecType.CORRECT, price)

    def _refer(self, fill: Fill, kind: ExecType, price: Decimal) -> None:
        word = replace(
            fill,
            exec_key=f"X{len(self.fills) + 1}",
            exec_ref_key=fill.exec_key,
            exec_type=kind,
            price=price,
            ts=self.now,
        )
        if kind is ExecType.BUST:
            self._book(word, fill.side.sign, foreign=False)
            return
        self.cash += fill.side.sign * (notional(fill.price, fill.qty) - notional(price, fill.qty))
        self.fills.append(word)
        self.events.append(word)
        self._trace.add("execution", f"{word.exec_key} correct {fill.exec_key} to {price}")

    def _finish(self, order: VenueOrder, status: OrdStatus, reason: str) -> None:
        order.status, order.reason, order.updated_at = status, reason, self.now
        self.working.pop(order.number, None)
        self._tell(order)
        may_fill = not (self.ended or order.foreign) and order.leaves_qty > 0
        if may_fill and self._plan.fires(Fault.LATE_FILL):
            self._late.append(order)

    def _tell(self, order: VenueOrder) -> None:
        self.events.append(order.snapshot())
