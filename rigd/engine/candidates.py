"""Walk the ranked pool: filters, risk, order; on a rejection the next candidate (SPEC §3).

A candidate is the symbol that gave the signal; what is ordered for it is its instrument, which is
another symbol where a short side is taken by an inverse ETF (`short_side`): every row is about the
candidate, every limit, size and order about the instrument, and the filters judge the candidate on
its own bars. Every step is recorded with its reason. The pool is never widened, and a candidate
that was judged in this minute already, because the minute is run again after a crash, is not judged
twice.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rigd.config.strategies import TRIGGER_KEYS
from rigd.core.emergencies import Emergency
from rigd.core.events import CandidateJudged, Check, OrderIntent, Outcome, Stage
from rigd.core.lifecycle import RiskMode
from rigd.core.money import ZERO, notional
from rigd.core.orders import OrdStatus, OrdType, Purpose
from rigd.core.values import Candidate, Direction, Verdict
from rigd.engine import sending
from rigd.engine.asking import ASKED, CONFIRMATION, Question, Reply
from rigd.engine.short_side import Instrument, instrument_of
from rigd.enhancements.chain import decide
from rigd.enhancements.contract import FilterView
from rigd.risk.approval import Approval, approve
from rigd.risk.view import RiskView
from rigd.strategy.router import sequence

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from rigd.core.values import PoolEntry
    from rigd.engine.desk import Desk, Runner
    from rigd.engine.orders import Order

MANY_REFUSALS = 5
REFUSAL_MINUTES = 10
"""So many refused entries in so many minutes suspend new risk until reconciled (SPEC §9)."""

_TURNED_DOWN = (Outcome.BLOCKED, Outcome.REJECTED)


async def enter(desk: Desk, runner: Runner, signals: Mapping[str, float], minute: int) -> None:
    """Turn the signals of one bar into entries, in rank order.

    Parameters
    ----------
    desk
        The session's desk.
    runner
        The strategy that gave the signals.
    signals
        Symbol to signal: positive for long, negative for short.
    minute
        The minute of the bar that carries them.
    """
    turned_down = 0
    out = desk.recorder.facts.out_of_window(runner.name)
    for member in desk.recorder.facts.pools.get(runner.name, ()):
        signal = signals.get(member.symbol, 0.0)
        if not signal or _entered(desk, runner, member.symbol):
            continue
        desk.obey()
        if member.symbol in out:
            turned_down += 1
            continue
        candidate = _candidate(desk, runner, member, signal, minute, turned_down)
        if not await _try(desk, candidate):
            turned_down += 1


def note_no_signal(desk: Desk, runner: Runner, minute: int) -> None:
    """Record, for every pool member that never signalled, how near it came."""
    if runner.off or runner.name in desk.recorder.facts.off:
        return
    plan = runner.plan
    signalled = {symbol for symbol, _ in desk.recorder.facts.signals.get(runner.name, ())}
    for member in desk.recorder.facts.pools.get(runner.name, ()):
        state = runner.states.get(member.symbol)
        if member.symbol in signalled or state is None:
            continue
        reach = plan.strategy.reach(state, plan.params, plan.shorts)
        trigger = desk.settings.strategy(runner.name).trigger
        comparison = "needed" if runner.name == "close" else "needed more than"
        _once(
            desk,
            CandidateJudged(
                strategy=runner.name,
                symbol=member.symbol,
                direction=None,
                minute=minute,
                pool_rank=member.rank,
                fallback_level=0,
                stage=Stage.STRATEGY,
                outcome=Outcome.NO_SIGNAL,
                rule=TRIGGER_KEYS[runner.name],
                reason="below_trigger",
                measured=f"largest move {reach:.6f}, {comparison} {trigger:g}",
            ),
        )


def note_rejections(desk: Desk) -> None:
    """Record the entries that the broker refused and of which no row says so yet.

    An answer that was lost, or a crash, may come between the refusal and its row.
    """
    for order in desk.orders.entries:
        if order.status is OrdStatus.REJECTED and not order.cum_qty:
            intent = order.intent
            rows = desk.recorder.facts.rows(intent.strategy, intent.asked, intent.signal_minute)
            if not any(row.stage is Stage.BROKER for row in rows):
                _refused(desk, _candidate_of(intent), order)


async def _try(desk: Desk, candidate: Candidate) -> bool:
    """Take one candidate through the stages; True when its order is working or filled."""
    rows = desk.recorder.facts.rows(candidate.strategy, candidate.symbol, candidate.minute)
    if any(row.outcome in _TURNED_DOWN for row in rows) or _meant(desk, candidate):
        return False
    checks: list[Check] = []
    approved = _approve(desk, candidate, checks)
    if approved is None:
        return False
    if desk.settings.trade_confirmation_required:
        return _ask(desk, candidate, *approved)
    return await _send(desk, candidate, *approved, checks)


async def _send(
    desk: Desk,
    candidate: Candidate,
    bought: Candidate,
    approval: Approval,
    checks: list[Check],
) -> bool:
    """Take an approved candidate through the last door to the broker; True when it is there."""
    if not _passes_door(desk, candidate, bought, approval, checks):
        return False
    checks.append(_check(Stage.RISK, approval.verdict))
    intent = _intent(desk, candidate, bought, approval, checks)
    order = await sending.send(desk, intent)
    if order.status is OrdStatus.REJECTED and not order.cum_qty:
        _refused(desk, candidate, order)
        return False
    return True


async def answered(desk: Desk, minute: int) -> None:
    """Do what the operator said about the entries that wait, in the order of their signals.

    Parameters
    ----------
    desk
        The session's desk.
    minute
        The minute that is complete.
    """
    for key, asked in list(desk.recorder.facts.asked.items()):
        candidate, operator = desk.waiting.get(key), desk.operator
        if candidate is None or operator is None:
            _no(desk, asked, "cut_off_while_it_waited")
            continue
        if not desk.entries_allowed:
            _no(desk, asked, "no_new_risk")
        elif minute + 1 >= desk.runner(asked.strategy).plan.entry_end:
            _no(desk, asked, "window_over")
        else:
            reply = operator.reply(_question_number(desk, candidate))
            if reply is Reply.YES:
                await _confirmed(desk, candidate)
            elif reply is not Reply.WAITS:
                _no(desk, asked, reply.value)


def give_up(desk: Desk) -> None:
    """Turn every entry down that still waits: the session is over."""
    for asked in list(desk.recorder.facts.asked.values()):
        _no(desk, asked, "session_over")


def _ask(desk: Desk, candidate: Candidate, bought: Candidate, approval: Approval) -> bool:
    """Put an entry that everything else admits to the operator; False when nobody can be asked."""
    operator = desk.operator
    number = _question_number(desk, candidate)
    question = Question(
        number=number,
        strategy=candidate.strategy,
        symbol=bought.symbol,
        side=bought.direction.entry_side.value,
        qty=approval.qty,
        price=bought.reference_price,
    )
    if operator is None or not operator.ask(question):
        verdict = Verdict(allow=False, rule=CONFIRMATION, reason="not_asked")
        _turned_down(desk, candidate, [], Stage.ROUTER, Outcome.BLOCKED, verdict)
        return False
    desk.waiting[candidate.strategy, candidate.symbol, candidate.minute] = candidate
    measured = f"{question.side} {question.qty} {question.symbol}"
    _judged(desk, candidate, Outcome.ALLOWED, Check(Stage.ROUTER, ASKED, "asked", measured))
    return True


async def _confirmed(desk: Desk, candidate: Candidate) -> None:
    """Ask filters and risk once more, at the marks of now, and send."""
    _settle(desk, candidate)
    desk.obey()
    candidate = replace(candidate, reference_price=desk.mark(candidate.symbol))
    checks: list[Check] = []
    approved = _approve(desk, candidate, checks)
    if approved is not None:
        checks.append(Check(Stage.ROUTER, CONFIRMATION, Reply.YES.value, ""))
        await _send(desk, candidate, *approved, checks)


def _no(desk: Desk, asked: CandidateJudged, reason: str) -> None:
    key = (asked.strategy, asked.symbol, asked.minute)
    if (candidate := desk.waiting.get(key)) is not None:
        _settle(desk, candidate)
    row = replace(asked, outcome=Outcome.BLOCKED, rule=CONFIRMATION, reason=reason)
    desk.recorder.record(row)


def _settle(desk: Desk, candidate: Candidate) -> None:
    desk.waiting.pop((candidate.strategy, candidate.symbol, candidate.minute), None)
    if desk.operator is not None:
        desk.operator.settle(_question_number(desk, candidate))


def _question_number(desk: Desk, candidate: Candidate) -> str:
    return desk.order_id(candidate.strategy, candidate.symbol, candidate.minute, "asked")


def _refused(desk: Desk, candidate: Candidate, order: Order) -> None:
    """Record what became of an entry that the broker does not have.

    One that the broker refused is out for the window; one that never reached it may be asked for
    again on the next bar.
    """
    sent = order.evidence != sending.NOT_SENT
    verdict = Verdict(
        allow=False,
        rule="broker",
        reason="rejected" if sent else "not_sent",
        measured=order.reason,
    )
    outcome = Outcome.REJECTED if sent else Outcome.BLOCKED
    _judged(desk, candidate, outcome, _check(Stage.BROKER, verdict))
    if sent and _refusals(desk, candidate.minute) >= MANY_REFUSALS:
        _stop_asking(desk)


def _stop_asking(desk: Desk) -> None:
    """Meet the broker's repeated refusals, once until new risk is allowed again."""
    if desk.recorder.facts.risk_mode is RiskMode.ACTIVE:
        detail = f"{MANY_REFUSALS} refused entries in {REFUSAL_MINUTES} minutes"
        desk.meet(Emergency.BROKER_DOWN, detail)


def _refusals(desk: Desk, minute: int) -> int:
    """Count the entries that the broker refused of late."""
    return sum(
        1
        for order in desk.orders.entries
        if order.status is OrdStatus.REJECTED
        and order.evidence != sending.NOT_SENT
        and minute - order.intent.signal_minute < REFUSAL_MINUTES
    )


def _candidate_of(intent: OrderIntent) -> Candidate:
    return Candidate(
        strategy=intent.strategy,
        symbol=intent.asked,
        direction=Direction.SHORT if intent.signal_symbol else intent.direction,
        minute=intent.signal_minute,
        pool_rank=intent.pool_rank,
        fallback_level=intent.fallback_level,
        reference_price=intent.reference_price,
    )


def _approve(
    desk: Desk, candidate: Candidate, checks: list[Check]
) -> tuple[Candidate, Approval] | None:
    """Ask every filter and rule in order, up to the first no; the yeses go to `checks`.

    Returns
    -------
    tuple of Candidate and Approval
        What is to be ordered, and its size; None after a no, which is on record then.
    """
    gate = _gate(desk, candidate.strategy)
    if gate is not None:
        _turned_down(desk, candidate, checks, Stage.ROUTER, Outcome.BLOCKED, gate)
        return None
    found = instrument_of(desk, candidate)
    if not isinstance(found, Instrument):
        _turned_down(desk, candidate, checks, Stage.ROUTER, Outcome.BLOCKED, found)
        return None
    bought = found.candidate
    if found.verdict is not None:
        checks.append(_check(Stage.ROUTER, found.verdict))
    view = _filter_view(desk, candidate, bought)
    for verdict in decide(candidate, view, desk.settings, desk.chain):
        if not verdict.allow:
            _turned_down(desk, candidate, checks, Stage.ENHANCEMENT, Outcome.BLOCKED, verdict)
            return None
        checks.append(_check(Stage.ENHANCEMENT, verdict))
    approval = approve(bought, _risk_view(desk, bought), desk.settings)
    if not isinstance(approval, Approval):
        desk.meet(Emergency.INVALID_ORDER, approval.reason)
        _turned_down(desk, candidate, checks, Stage.RISK, Outcome.BLOCKED, approval)
        return None
    checks.extend(_check(Stage.RISK, warning) for warning in approval.warnings)
    return bought, approval


def _passes_door(
    desk: Desk,
    candidate: Candidate,
    bought: Candidate,
    approval: Approval,
    checks: list[Check],
) -> bool:
    """Ask the last door, which counts what it is asked: once for each order; a no is on record."""
    door = desk.door.admit(
        symbol=bought.symbol,
        qty=approval.qty,
        price=bought.reference_price,
        reference=desk.mark(bought.symbol),
        volume=desk.feed.reference(bought.symbol).previous_volume,
        previous=desk.mark_before(bought.symbol),
        signals=_signals(desk, candidate),
        now=desk.clock.now(),
    )
    if door.halt:
        sending.halt(desk, f"last door: {door.verdict.reason}")
    if not door.verdict.allow:
        desk.meet(Emergency.INVALID_ORDER, door.verdict.reason)
        _turned_down(desk, candidate, checks, Stage.RISK, Outcome.REJECTED, door.verdict)
    return door.verdict.allow


def _check(stage: Stage, verdict: Verdict) -> Check:
    return Check(stage, verdict.rule, verdict.reason, verdict.measured)


def _turned_down(
    desk: Desk,
    candidate: Candidate,
    checks: list[Check],
    stage: Stage,
    outcome: Outcome,
    verdict: Verdict,
) -> None:
    """Record the yeses of a candidate and the no that ended it."""
    for check in checks:
        _judged(desk, candidate, Outcome.ALLOWED, check)
    _judged(desk, candidate, outcome, _check(stage, verdict))


def _signals(desk: Desk, candidate: Candidate) -> int:
    """Count the signals of the session so far, this one included."""
    signals = desk.recorder.facts.signals
    own = (candidate.symbol, candidate.minute)
    known = own in signals.get(candidate.strategy, ())
    return sum(len(found) for found in signals.values()) + (0 if known else 1)


def _gate(desk: Desk, strategy: str) -> Verdict | None:
    """Return the no of a switch that stands before every filter, None when all are open."""
    if desk.recorder.facts.risk_mode is not RiskMode.ACTIVE or not desk.entries_allowed:
        return Verdict(allow=False, rule="risk_mode", reason="no_new_risk")
    if strategy not in sequence(desk.settings):
        return Verdict(allow=False, rule="strategy_toggle", reason="switched_off")
    if desk.watchdog.too_old():
        return Verdict(allow=False, rule="decision_age", reason="decision_too_old")
    if desk.settings.trade_confirmation_required and desk.operator is None:
        return Verdict(allow=False, rule=CONFIRMATION, reason="no_operator_to_confirm")
    return None


def _meant(desk: Desk, candidate: Candidate) -> bool:
    """Tell whether this signal has its order, whatever became of it: one signal, one order."""
    signal = (candidate.strategy, candidate.symbol, candidate.minute)
    return any(
        (order.intent.strategy, order.intent.asked, order.intent.signal_minute) == signal
        for order in desk.orders.entries
    )


def _entered(desk: Desk, runner: Runner, symbol: str) -> bool:
    """One entry per symbol: what waits, works or was filled is no candidate any more."""
    asked = desk.recorder.facts.asked
    return any(key[:2] == (runner.name, symbol) for key in asked) or any(
        symbol in (order.intent.asked, order.intent.symbol)
        and order.intent.strategy == runner.name
        and (order.working or order.cum_qty > 0)
        for order in desk.orders.entries
    )


def _candidate(
    desk: Desk, runner: Runner, member: PoolEntry, signal: float, minute: int, turned_down: int
) -> Candidate:
    return Candidate(
        strategy=runner.name,
        symbol=member.symbol,
        direction=Direction.LONG if signal > 0 else Direction.SHORT,
        minute=minute,
        pool_rank=member.rank,
        fallback_level=turned_down,
        reference_price=desk.mark(member.symbol),
    )


def _filter_view(desk: Desk, candidate: Candidate, bought: Candidate) -> FilterView:
    """Return what the filters see: the candidate's own bars; its fund's fills count as its own."""
    traded = frozenset(desk.portfolio.filled_symbols)
    if bought.symbol in traded:
        traded |= {candidate.symbol}
    return FilterView(
        bars=desk.bars[candidate.symbol],
        vix=desk.feed.vix(desk.day.day),
        traded=traded,
        defense=desk.defense,
        day=desk.day.day,
        session=desk.day,
        now=desk.clock.now(),
    )


def _risk_view(desk: Desk, candidate: Candidate) -> RiskView:
    capabilities = desk.broker.capabilities
    working = desk.working_entries()
    held = desk.portfolio.positions
    entries = [
        order for order in desk.orders.entries if order.intent.strategy == candidate.strategy
    ]
    symbol = candidate.symbol
    return RiskView(
        float_amount=desk.float_amount,
        session_cap=desk.session_cap,
        window_exposure=_window_exposure(desk, candidate.strategy),
        window_entries=sum(1 for order in entries if order.working or order.cum_qty > 0),
        open_positions=len(held)
        + len({order.intent.symbol for order in working if order.intent.symbol not in held}),
        symbol_busy=symbol in held or bool(desk.orders.working(symbol=symbol)),
        reference=desk.feed.reference(symbol),
        session_open_price=desk.bars[symbol][0].open,
        last_close=candidate.reference_price,
        spread=desk.feed.spread(symbol, candidate.minute),
        min_notional=capabilities.min_notional,
        quantity_decimals=capabilities.quantity_decimals,
        fractional=capabilities.fractional,
        short=capabilities.short,
        defense=desk.defense,
        expected_slippage=desk.expected_slippage,
    )


def _window_exposure(desk: Desk, strategy: str) -> Decimal:
    """Open plus working, at the reference prices of the entries."""
    total = sum((order.leaves_notional for order in desk.working_entries(strategy)), start=ZERO)
    for position in desk.portfolio.positions.values():
        entry = desk.orders.get(position.entry_id)
        if position.strategy == strategy and entry is not None:
            total += notional(entry.intent.reference_price, position.qty)
    return total


def _intent(
    desk: Desk,
    candidate: Candidate,
    bought: Candidate,
    approval: Approval,
    checks: list[Check],
) -> OrderIntent:
    mapped = bought.symbol != candidate.symbol
    leg = f"entry/{candidate.symbol}" if mapped else "entry"
    return OrderIntent(
        cl_ord_id=desk.order_id(candidate.strategy, bought.symbol, candidate.minute, leg),
        replaces="",
        strategy=candidate.strategy,
        symbol=bought.symbol,
        direction=bought.direction,
        side=bought.direction.entry_side,
        qty=approval.qty,
        ord_type=OrdType.MARKET,
        limit_price=None,
        stop_price=None,
        oco_group="",
        purpose=Purpose.ENTRY,
        signal_minute=candidate.minute,
        reference_price=bought.reference_price,
        verdict_id=approval.verdict_id,
        exit_reason=None,
        note="",
        epoch=desk.epoch,
        pool_rank=candidate.pool_rank,
        fallback_level=candidate.fallback_level,
        checks=tuple(checks),
        signal_symbol=candidate.symbol if mapped else "",
    )


def _judged(desk: Desk, candidate: Candidate, outcome: Outcome, check: Check) -> None:
    _once(
        desk,
        CandidateJudged(
            strategy=candidate.strategy,
            symbol=candidate.symbol,
            direction=candidate.direction,
            minute=candidate.minute,
            pool_rank=candidate.pool_rank,
            fallback_level=candidate.fallback_level,
            stage=check.stage,
            outcome=outcome,
            rule=check.rule,
            reason=check.reason,
            measured=check.measured,
        ),
    )


def _once(desk: Desk, row: CandidateJudged) -> None:
    """Record a row unless the journal has one of the same stage and rule for this bar."""
    rows = desk.recorder.facts.rows(row.strategy, row.symbol, row.minute)
    if not any((known.stage, known.rule) == (row.stage, row.rule) for known in rows):
        desk.recorder.record(row)
