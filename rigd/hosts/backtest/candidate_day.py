"""One day of a backtest over its candidate events in time order.

The bars were scanned before: here only the minutes in which a member of a pool signals are looked
at. Each goes through the session's own `engine.candidates.enter`, with the session's filters, risk,
sizes, caps and last door, over a desk that knows what happened until then. What fills when and at
what price follows from the bars; it is recorded as the session records it, so that the portfolio's
arithmetic is the session's.

A day on which anything rare may happen (loss limit, defense mode, late marks, funds that run out)
is told by `rare`, and is left to the session engine.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from decimal import Decimal
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from rigd.broker.adapters.sim import CAPABILITIES
from rigd.broker.simulated.model import SimModel, SlippageKind
from rigd.core.clock import MarketClock
from rigd.core.draws import Draws
from rigd.core.emergencies import response_to
from rigd.core.events import (
    Entry,
    NoteMade,
    OrderIntent,
    PoolRanked,
    SessionStarted,
    WindowPlanned,
)
from rigd.core.lifecycle import BotState
from rigd.core.money import ZERO, money, notional, price_from_float
from rigd.core.orders import Fill, OrderSnapshot, OrdStatus, OrdType, Purpose
from rigd.core.values import ExitReason
from rigd.engine import candidates, sending
from rigd.engine.alerting import JournalAlerts
from rigd.engine.broker_line import BrokerLine
from rigd.engine.desk import Desk, Runner
from rigd.engine.orders import OrderBook
from rigd.engine.portfolio import STALE_EXIT, Portfolio, minute_start
from rigd.engine.recorder import Recorder
from rigd.engine.session import LATE_MINUTES
from rigd.engine.watchdog import Watchdog, limits_of
from rigd.enhancements import chain as filters
from rigd.hosts import wiring
from rigd.hosts.backtest.played import StillClock, finish
from rigd.hosts.kernels.backtest import BARS_ENDED, TIME_EXIT
from rigd.market.fills import STOP_GAPPED, STOP_HIT, TARGET_GAPPED, exit_fill, market_fill
from rigd.risk.defense import session_cap
from rigd.risk.defense_mode import FEWEST_TRADES, LOSS_PART, DefenseMode, DefenseState
from rigd.risk.kill_switch import KillSwitch, LatchState
from rigd.risk.last_door import LastDoor, door_limits
from rigd.screener.pool import pool_size, rank, skip_reasons
from rigd.strategy.exits import levels
from rigd.strategy.router import RunnableStrategy
from rigd.strategy.trailing import RangeState, average_range, follow, higher, observe_range

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rigd.core.emergencies import Emergency, Response
    from rigd.core.events import Record
    from rigd.core.orders import BrokerEvent, OrderRequest
    from rigd.core.values import Bar
    from rigd.engine.orders import Order
    from rigd.engine.portfolio import Position
    from rigd.hosts.backtest.history import History
    from rigd.hosts.backtest.played import Terms
    from rigd.hosts.backtest.scanning import Scans
    from rigd.market.feed import DayFeed

FUNDS_PART = Decimal(1) / 3
"""Entries up to this part of the cash never meet a refusal for want of funds, short or long."""

_OPENS, _TRADES = 0, 1
"""The two phases of a minute: market orders and gaps at its open, levels inside it."""

_STOPPED = frozenset({STOP_HIT, STOP_GAPPED})


@dataclass(frozen=True, slots=True)
class Pool:
    """What became of one window's screening: the record, and what each member saw."""

    plan: RunnableStrategy
    ranked: PoolRanked
    states: dict[str, Any]
    events: dict[int, dict[str, float]]


@dataclass(slots=True, kw_only=True)
class _Open:
    """A position as the bars will end it; `at` is the index of the entry's bar."""

    symbol: str
    at: int
    until: int
    last: int
    qty: Decimal
    direction: int
    entry_price: float


class ListJournal:
    """A journal in memory without a chain: nobody has to trust it."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def append(self, at: datetime, record: Record, *, durable: bool = False) -> Entry:
        """Keep one record."""
        del durable
        entry = Entry(len(self._entries) + 1, at, record, "")
        self._entries.append(entry)
        return entry

    def sync(self) -> None:
        """Do nothing."""

    def entries(self) -> Sequence[Entry]:
        """Return every entry so far, oldest first."""
        return self._entries


class TakingBroker:
    """The simulated broker as far as a day without refusals needs it: it takes every order."""

    name = "SIM"
    capabilities = CAPABILITIES

    def __init__(self, clock: MarketClock) -> None:
        self._clock = clock
        self._taken = 0

    async def submit(self, request: OrderRequest) -> OrderSnapshot:
        """Take an order."""
        self._taken += 1
        return self._snapshot(request, OrdStatus.NEW)

    def poll(self) -> list[BrokerEvent]:
        """Tell nothing: what fills is found in the bars."""
        return []

    def expired(self, order: Order) -> OrderSnapshot:
        """Return what an entry becomes that no bar filled in time."""
        snapshot = self._snapshot(order.request(), OrdStatus.CANCELED)
        return replace(snapshot, reason="expired: no bar in time")

    def _snapshot(self, request: OrderRequest, status: OrdStatus) -> OrderSnapshot:
        return OrderSnapshot(
            cl_ord_id=request.cl_ord_id,
            broker_order_id=f"S{self._taken:06d}",
            symbol=request.symbol,
            side=request.side,
            qty=request.qty,
            cum_qty=ZERO,
            avg_px=None,
            ord_status=status,
            updated_at=self._clock.now(),
            reason="",
        )


def is_special(terms: Terms) -> bool:
    """Tell whether the settings ask for what only the session engine does.

    Parameters
    ----------
    terms
        The terms of the backtest.

    Returns
    -------
    bool
        True with random refusals, lost answers or partial fills, a broker that trails by itself,
        or defense mode on from the start.
    """
    settings, model = terms.settings, SimModel.from_settings(terms.settings)
    odd = model.reject_rate + model.lost_reply_rate + model.partial_fill_rate
    return (
        odd > 0.0
        or model.native_trailing
        or settings.defense_mode_active
        or terms.defense != DefenseState()
    )


def pools_of(
    terms: Terms, history: History, scans: Scans, number: int, *, bought_only: frozenset[str]
) -> list[Pool]:
    """Rank the pools of a day and find the signals of their members.

    Parameters
    ----------
    terms, history, scans
        The backtest.
    number
        The day's place in the history.
    bought_only
        Symbols that are no candidates themselves.

    Returns
    -------
    list of Pool
        One per window that ranked, in time order; as `engine.pipeline` would have ranked it.
    """
    feed = history.feeds[number]
    watched = [symbol for symbol in feed.symbols if symbol not in bought_only]
    return [
        _pool(terms, scans, feed, number, plan, watched)
        for plan in scans.plans[number].strategies
        if _ranks(feed, plan)
    ]


def _ranks(feed: DayFeed, plan: RunnableStrategy) -> bool:
    """Tell whether a minute with bars comes at which the pool is ranked."""
    first, last = plan.window.analysis_end - 1, plan.window.breakout_end
    for bars in feed.bars.values():
        at = bisect_left(bars, first, key=_minute)
        if at < len(bars) and bars[at].minute < last:
            return True
    return False


def _pool(
    terms: Terms,
    scans: Scans,
    feed: DayFeed,
    number: int,
    plan: RunnableStrategy,
    watched: Sequence[str],
) -> Pool:
    strategy, window = plan.strategy, plan.window
    seen = {symbol: scans.seen(plan, symbol, number) for symbol in watched}
    counts = {symbol: strategy.analysis_bars(each.state) for symbol, each in seen.items()}
    scores = {symbol: strategy.score(each.state, plan.params) for symbol, each in seen.items()}
    skipped = skip_reasons(scores, counts, plan.required_bars)
    fit = {symbol: score for symbol, score in scores.items() if symbol not in skipped}
    settings = terms.settings
    members = rank(fit, pool_size(settings.max_trades, settings.candidate_multiplier))
    beyond = fit.keys() - {member.symbol for member in members}
    skipped |= dict.fromkeys(beyond, "beyond_pool")
    events: dict[int, dict[str, float]] = {}
    for member in members:
        signals = seen[member.symbol].signals
        bars = feed.bars[member.symbol]
        for at in signals.nonzero()[0].tolist():
            minute = bars[at].minute
            if minute >= window.analysis_end - 1:
                events.setdefault(minute, {})[member.symbol] = float(signals[at])
    return Pool(
        plan=plan,
        ranked=PoolRanked(
            strategy=strategy.name,
            minute=window.analysis_end - 1,
            pool=members,
            skipped=tuple(sorted(skipped.items())),
        ),
        states={member.symbol: seen[member.symbol].state for member in members},
        events=events,
    )


class CandidateDay:
    """One day on which a member of a pool signals.

    Parameters
    ----------
    terms, history, scans
        The backtest.
    number
        The day's place in the history.
    opening_cash
        The account's cash at the open [currency].
    pools
        The day's pools.
    bought_only
        Symbols that are no candidates themselves.
    """

    def __init__(
        self,
        terms: Terms,
        history: History,
        scans: Scans,
        number: int,
        opening_cash: Decimal,
        pools: Sequence[Pool],
        *,
        bought_only: frozenset[str],
        chain: Sequence[Any] | None = None,
    ) -> None:
        self._terms = terms
        self._feed = history.feeds[number]
        self._scans = scans
        self._number = number
        self._cash = opening_cash
        self._pools = pools
        self._day = self._feed.session
        self._model = SimModel.from_settings(terms.settings)
        self._draws = Draws(terms.settings.simulation_seed)
        self._journal = ListJournal()
        self._clock = MarketClock(self._day.open)
        self._broker = TakingBroker(self._clock)
        self._desk = self._make_desk(bought_only, chain)
        self._queue: list[tuple[int, int, int, str]] = []
        self._acts: dict[int, Any] = {}
        self._placed = 0
        self._executed = 0
        self._held: list[_Open] = []

    def run(self) -> tuple[Entry, ...]:
        """Run the day; return its records as the session would have journalled them."""
        desk = self._desk
        desk.recorder.record(self._started())
        for item in self._scans.plans[self._number].planned:
            window = item.window
            desk.recorder.record(
                WindowPlanned(
                    strategy=item.strategy,
                    start=window.start if window else 0,
                    analysis_end=window.analysis_end if window else 0,
                    breakout_end=window.breakout_end if window else 0,
                    end=window.end if window else 0,
                    exit_minute=window.exit_minute if window else 0,
                    skipped=item.skipped,
                )
            )
        for pool, runner in zip(self._pools, desk.runners, strict=True):
            self._window(pool, runner)
        self._settle(self._day.minutes)
        return tuple(self._journal.entries())

    def rare(self) -> bool:
        """Tell whether something may have happened that only the session engine knows."""
        desk = self._desk
        entries = sum(
            (notional(o.intent.reference_price, o.intent.qty) for o in desk.orders.entries), ZERO
        )
        fees = 1 + self._model.commission_fraction
        if entries * fees > self._cash * FUNDS_PART or len(desk.portfolio.trades) >= FEWEST_TRADES:
            return True
        limit = desk.kill_switch.limit * LOSS_PART
        return self._deepest_loss() >= limit or self._marks_late()

    def _window(self, pool: Pool, runner: Runner) -> None:
        desk = self._desk
        window = pool.plan.window
        self._settle(window.analysis_end - 2)
        self._move_to(window.analysis_end - 1)
        desk.recorder.record(pool.ranked)
        runner.states = pool.states
        for minute in sorted(pool.events):
            signals = pool.events[minute]
            self._settle(minute)
            self._move_to(minute)
            self._show(signals, minute)
            finish(candidates.enter(desk, runner, signals, minute))
            self._place(minute)
        self._settle(window.end - 1)
        self._move_to(window.end - 1)
        candidates.note_no_signal(desk, runner, window.breakout_end - 1)

    def _move_to(self, minute: int) -> None:
        """Let the market clock stand at the end of a minute."""
        at = minute_start(self._day.open, minute + 1)
        self._clock.advance(max(self._clock.now(), at))

    def _show(self, signals: dict[str, float], minute: int) -> None:
        """Put the bars on the desk that were known at the end of a minute."""
        funds = [self._terms.inverse_etfs.of(symbol) for symbol in signals]
        for symbol in {*signals, *funds} & self._feed.bars.keys():
            bars = self._feed.bars[symbol]
            known = bisect_right(bars, minute, key=_minute)
            self._desk.bars[symbol] = list(bars[:known])

    def _place(self, minute: int) -> None:
        """Find when the orders of a minute fill or expire."""
        entries = self._desk.orders.entries
        for order in entries[self._placed :]:
            plan = self._desk.runner(order.intent.strategy).plan
            bars = self._feed.bars[order.intent.symbol]
            at = bisect_right(bars, minute, key=_minute)
            if at < len(bars) and bars[at].minute < plan.entry_end:
                self._push(bars[at].minute, _OPENS, lambda o=order, i=at: self._fill_entry(o, i))
            else:
                self._push(plan.entry_end, _OPENS, lambda o=order: self._expire(o))
        self._placed = len(entries)

    def _push(self, minute: int, phase: int, act: Any) -> None:  # noqa: ANN401 - a callable
        number = len(self._acts)
        self._acts[number] = act
        heappush(self._queue, (minute, phase, number, ""))

    def _settle(self, minute: int) -> None:
        """Let everything happen that happens until the end of a minute."""
        while self._queue and self._queue[0][0] <= minute:
            _, _, number, _ = heappop(self._queue)
            self._acts[number]()

    def _expire(self, order: Order) -> None:
        update = self._desk.orders.update_for(self._broker.expired(order), "event")
        if update is not None:
            self._desk.recorder.record(update)

    def _fill_entry(self, order: Order, at: int) -> None:
        intent, bar = order.intent, self._feed.bars[order.intent.symbol][at]
        self._at(bar.minute)
        price = market_fill(
            bar.open,
            bar.close,
            self._model.latency_fraction,
            self._model.slippage_of(self._draws, intent.cl_ord_id),
            intent.side.sign,
        )
        self._book(intent, price_from_float(price), minute_start(self._day.open, bar.minute))
        self._follow(self._desk.portfolio.positions[intent.symbol], at)

    def _follow(self, position: Position, at: int) -> None:
        """Find the end of a position in the bars of its symbol."""
        plan = self._desk.runner(position.strategy).plan
        symbol, sign = position.symbol, position.direction.sign
        entry_price = float(position.entry_price)
        code, last, price = self._scans.follow(
            self._scans.bars(symbol, self._number),
            at,
            sign,
            entry_price,
            plan.rules,
            plan.window.exit_minute,
        )
        bars = self._feed.bars[symbol]
        until = self._day.minutes if code == BARS_ENDED else bars[last].minute
        self._held.append(
            _Open(
                symbol=symbol,
                at=at,
                until=until,
                last=last,
                qty=position.qty,
                direction=sign,
                entry_price=entry_price,
            )
        )
        opens = code in {TIME_EXIT, STOP_GAPPED, TARGET_GAPPED, BARS_ENDED}
        self._push(
            until,
            _OPENS if opens else _TRADES,
            lambda: self._end(position, at, code, last, price),
        )

    def _end(self, position: Position, at: int, code: int, last: int, price: float) -> None:
        bar = self._feed.bars[position.symbol][last]
        plan = self._desk.runner(position.strategy).plan
        sign = position.direction.sign
        if code == BARS_ENDED:
            self._end_stale(position, bar)
            return
        self._at(bar.minute)
        exit_minute = plan.window.exit_minute
        if code == TIME_EXIT:
            due = next(s.minute for s in self._feed.slices(exit_minute))
            intent = self._exit(position, f"exit/{due}", ExitReason.TIMEOUT)
            slippage = self._model.slippage_of(self._draws, intent.cl_ord_id)
            filled = market_fill(bar.open, bar.close, self._model.latency_fraction, slippage, -sign)
        elif code in _STOPPED:
            label = self._stop_label(position, plan, at, bar.minute)
            intent = self._exit(position, f"stop/{label}", ExitReason.STOP_LOSS, Purpose.STOP)
            slippage = self._model.slippage_of(self._draws, intent.cl_ord_id)
            filled = exit_fill(code, price, slippage, sign)
        else:
            label = f"target/{bar.minute}"
            intent = self._exit(position, label, ExitReason.TARGET_HIT, Purpose.TARGET)
            filled = exit_fill(code, price, 0.0, sign)
        self._desk.recorder.record(intent)
        self._book(intent, price_from_float(filled), minute_start(self._day.open, bar.minute))

    def _end_stale(self, position: Position, bar: Bar) -> None:
        """Close at the last mark what the bars left open (SPEC §3a.8)."""
        *_, ended = self._feed.slices()
        self._at(ended.minute + 1)
        self._desk.recorder.record(NoteMade(topic=STALE_EXIT, text=position.symbol))
        intent = self._exit(position, f"exit/{ended.minute + 1}", ExitReason.TIMEOUT)
        self._desk.recorder.record(intent)
        at = minute_start(self._day.open, ended.minute + 1)
        self._book(intent, price_from_float(bar.close), at)

    def _stop_label(self, position: Position, plan: RunnableStrategy, at: int, minute: int) -> str:
        """Return the minute at which the stop came to rest where it was hit."""
        # It is part of the order's id, and with it of the draw of its slippage; nothing else
        # depends on it.
        if self._model.slippage is not SlippageKind.RANDOMIZED:
            return str(minute)
        bars = self._feed.bars[position.symbol]
        rules, exit_minute = plan.rules, plan.window.exit_minute
        sign, entry = position.direction.sign, float(position.entry_price)
        ranges, best = RangeState(), float("nan")
        for bar in bars[:at]:
            observe_range(ranges, bar, rules.atr_period)
        label, resting = "", None
        entered = bars[at].minute
        for slice_ in self._feed.slices(entered):
            now = slice_.minute
            stop, _ = levels(
                sign,
                entry,
                higher(sign, entry, best),
                float("nan"),
                exit_minute - now,
                average_range(ranges, rules.atr_period),
                rules,
            )
            if stop != resting:
                resting = stop
                label = f"{now}/open" if now == entered else f"{now}"
            if now == minute:
                break
            own = slice_.bars.get(position.symbol)
            if own is not None:
                best = follow(sign, best, own.high, own.low)
                observe_range(ranges, own, rules.atr_period)
        return label

    def _exit(
        self,
        position: Position,
        leg: str,
        reason: ExitReason,
        purpose: Purpose = Purpose.EXIT,
    ) -> OrderIntent:
        desk, symbol = self._desk, position.symbol
        minute = position.signal_minute
        level = position.entry_price
        ord_type = {Purpose.STOP: OrdType.STOP, Purpose.TARGET: OrdType.LIMIT}.get(
            purpose, OrdType.MARKET
        )
        return OrderIntent(
            cl_ord_id=desk.order_id(position.strategy, symbol, minute, leg),
            replaces="",
            strategy=position.strategy,
            symbol=symbol,
            direction=position.direction,
            side=position.direction.exit_side,
            qty=position.qty,
            ord_type=ord_type,
            limit_price=level if ord_type is OrdType.LIMIT else None,
            stop_price=level if ord_type is OrdType.STOP else None,
            oco_group="" if purpose is Purpose.EXIT else position.entry_id,
            purpose=purpose,
            signal_minute=minute,
            reference_price=level,
            verdict_id="",
            exit_reason=reason,
            note="",
            epoch=desk.epoch,
        )

    def _book(self, intent: OrderIntent, price: Decimal, at: datetime) -> None:
        """Record an execution of a whole order, and the trade that it closed."""
        desk = self._desk
        self._executed += 1
        commission = money(notional(price, intent.qty) * self._model.commission_fraction)
        fill = Fill(
            exec_key=f"{self._day.day:%Y%m%d}_{self._terms.number}-{self._executed}",
            cl_ord_id=intent.cl_ord_id,
            broker_order_id="",
            symbol=intent.symbol,
            side=intent.side,
            qty=intent.qty,
            price=price,
            ts=at,
            commission=commission,
        )
        sending.take_fill(desk, fill)
        sending.record_closed(desk)

    def _at(self, minute: int) -> None:
        at = minute_start(self._day.open, min(minute, self._day.minutes))
        self._clock.advance(max(self._clock.now(), at))

    def _deepest_loss(self) -> Decimal:
        """Return a loss that the day's PnL never passed at any mark [currency]."""
        total = ZERO
        for each in self._held:
            bars = self._feed.bars[each.symbol][each.at : each.last + 1]
            if each.direction > 0:
                worst = each.entry_price - min(bar.low for bar in bars)
            else:
                worst = max(bar.high for bar in bars) - each.entry_price
            total += Decimal(max(worst, 0.0)) * each.qty
        fees = sum((trade.commission for trade in self._desk.portfolio.trades), ZERO)
        lost = sum((min(t.pnl, ZERO) for t in self._desk.portfolio.trades), ZERO)
        return max(total + fees, -lost)

    def _marks_late(self) -> bool:
        """Tell whether at some minute the marks of all that was held were late (SPEC §10)."""
        if not any(self._gaps(each) for each in self._held):
            return False
        for slice_ in self._feed.slices():
            held = {
                each.symbol: each
                for each in self._held
                if self._feed.bars[each.symbol][each.at].minute <= slice_.minute < each.until
            }
            if held and slice_.bars.keys() - held.keys():
                late = [
                    slice_.minute - self._last_minute(symbol, slice_.minute) > LATE_MINUTES
                    for symbol in held
                ]
                if all(late):
                    return True
        return False

    def _gaps(self, each: _Open) -> bool:
        bars = self._feed.bars[each.symbol]
        minutes = [bar.minute for bar in bars[each.at : each.last + 1]]
        minutes.append(min(each.until, self._day.minutes))
        return any(b - a > LATE_MINUTES for a, b in itertools.pairwise(minutes))

    def _last_minute(self, symbol: str, minute: int) -> int:
        bars = self._feed.bars[symbol]
        return bars[bisect_right(bars, minute, key=_minute) - 1].minute

    def _started(self) -> SessionStarted:
        terms, day = self._terms, self._day
        return SessionStarted(
            bot=str(terms.identity),
            day=day.day,
            number=terms.number,
            profile=terms.profile,
            test_mode=False,
            replay=True,
            broker=self._broker.name,
            session_open=day.open,
            session_close=day.close,
            half_day=day.half_day,
            data_label=self._feed.label,
            data_digest=self._feed.digest,
            config_digest=terms.config_digest,
            code_digest=terms.code_digest,
            symbols=self._feed.symbols,
            strategies=tuple(
                item.strategy
                for item in self._scans.plans[self._number].planned
                if item.window is not None
            ),
            currency=wiring.CURRENCY,
            opening_cash=self._cash,
            float_amount=self._cash,
            session_cap=self._desk.session_cap,
            settings=(),
            limits=(),
        )

    def _make_desk(self, bought_only: frozenset[str], chain: Sequence[Any] | None) -> Desk:
        terms, day, clock = self._terms, self._day, self._clock
        settings = terms.settings
        orders, portfolio = OrderBook(), Portfolio(self._broker.name, day.open)
        recorder = Recorder(self._journal, clock, (orders, portfolio))
        line = BrokerLine(self._broker, clock, StillClock(day.open), 0)  # type: ignore[arg-type] # of a broker a day without refusals asks no more
        still = StillClock(day.open)
        defense = DefenseMode(
            settings=settings,
            session=f"{day.day.isoformat()}_{terms.number}",
            state=terms.defense,
            at=day.open,
        )
        return Desk(
            identity=terms.identity,
            settings=settings,
            day=day,
            number=terms.number,
            epoch=1,
            feed=self._feed,
            broker=line,
            clock=clock,
            recorder=recorder,
            orders=orders,
            portfolio=portfolio,
            chain=filters.build_chain(settings, terms.sources) if chain is None else chain,
            door=LastDoor(door_limits(settings)),
            kill_switch=KillSwitch(
                limit_fraction=settings.daily_loss_limit,
                equity=self._cash,
                day=day.day,
                session=terms.number,
                state=LatchState(),
            ),
            float_amount=self._cash,
            session_cap=session_cap(settings, self._cash, defense=defense.on),
            defense_mode=defense,
            opening_equity=self._cash,
            watchdog=Watchdog(limits_of(settings), line, clock, still, None, day),
            alerts=JournalAlerts(recorder),
            expected_slippage=wiring.expected_slippage(settings),
            inverse_etfs=terms.inverse_etfs,
            bought_only=bought_only,
            runners=[Runner(plan=pool.plan) for pool in self._pools],
            meet=_meet,
        )


def _meet(event: Emergency, detail: str) -> Response:
    """Answer with the table's cell of a running session; the day's records need no more."""
    del detail
    return response_to(event, BotState.TRADING)


def _minute(bar: Bar) -> int:
    return bar[0]
