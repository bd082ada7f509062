"""One minute as one list of calls; each stage returns a value and never calls another stage.

market → screener → strategy → enhancements → risk → journal → broker → journal. The only way back
is the portfolio, folded from the journal, which the next minute reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.core.events import PoolRanked
from rigd.engine import candidates, sending
from rigd.engine.error_handler import event_of
from rigd.engine.recorder import STRATEGY_OFF
from rigd.screener.pool import pool_size, rank, skip_reasons

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rigd.core.values import Bar, MarketSlice
    from rigd.engine.desk import Desk, Runner


async def run(desk: Desk, slice_: MarketSlice) -> None:
    """Take one minute of closed bars through every stage.

    Parameters
    ----------
    desk
        The session's desk.
    slice_
        The bars of the minute; they are known now, at its end.
    """
    for runner, signals in step(desk, slice_):
        if signals and desk.entries_allowed:
            await candidates.enter(desk, runner, signals, slice_.minute)


def step(desk: Desk, slice_: MarketSlice) -> list[tuple[Runner, dict[str, float]]]:
    """Show the minute's bars to the strategies; return the signals of each that had any."""
    bars = desk.bars
    minute = slice_.minute
    for symbol, bar in slice_.bars.items():
        history = bars.get(symbol)
        if history is None:
            bars[symbol] = [bar]
        else:
            history.append(bar)
    signalled = []
    for runner in desk.runners:
        if runner.off or not runner.first_minute <= minute < runner.plan.window.breakout_end:
            continue
        signals = _show(desk, runner, slice_)
        if signals:
            signalled.append((runner, signals))
    return signalled


def _show(desk: Desk, runner: Runner, slice_: MarketSlice) -> dict[str, float]:
    """Show a minute to one strategy; whatever it raises, the others and the exits go on."""
    if runner.name in desk.recorder.facts.off:
        runner.off = True
        return {}
    analysis_end = runner.plan.window.analysis_end
    ranked = None
    try:
        if slice_.minute >= analysis_end:
            ranked = _ranked(desk, runner)
        signals = _entries(runner, _candidates(desk, slice_.bars))
        if slice_.minute == analysis_end - 1:
            ranked = _ranked(desk, runner)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a plug-in's fault must stay its own (FAULTS K07)
        runner.off = True
        sending.record_error(desk, error, runner.name, STRATEGY_OFF)
        desk.meet(event_of(error, runner.name), f"strategy {runner.name}: {type(error).__name__}")
        return {}
    if ranked is not None:
        desk.recorder.record(ranked)
    # No signal before the pool is known, though after a crash it may be on record already.
    return signals if slice_.minute >= analysis_end - 1 else {}


def _candidates(desk: Desk, bars: Mapping[str, Bar]) -> Mapping[str, Bar]:
    """Return the bars of the symbols that may be candidates."""
    if not desk.bought_only:
        return bars
    return {symbol: bar for symbol, bar in bars.items() if symbol not in desk.bought_only}


def _entries(runner: Runner, bars: Mapping[str, Bar]) -> dict[str, float]:
    """Call the entry rule once per symbol and bar: the hot loop."""
    strategy, params, states = runner.plan.strategy, runner.plan.params, runner.states
    entry = strategy.entry
    signals = {}
    for symbol, bar in bars.items():
        state = states.get(symbol)
        if state is None:
            state = states[symbol] = strategy.new_state()
        signal = entry(state, bar, params)
        if signal:
            signals[symbol] = signal
    return signals


def _ranked(desk: Desk, runner: Runner) -> PoolRanked | None:
    """Rank the pool once, at the end of analysis, from what the analysis bars alone say."""
    if runner.name in desk.recorder.facts.pools:
        return None
    plan = runner.plan
    strategy, states = plan.strategy, runner.states
    scores = {symbol: strategy.score(state, plan.params) for symbol, state in states.items()}
    seen = {symbol: strategy.analysis_bars(state) for symbol, state in states.items()}
    watched = [symbol for symbol in desk.feed.symbols if symbol not in desk.bought_only]
    seen = dict.fromkeys(watched, 0.0) | seen
    skipped = skip_reasons(scores, seen, plan.required_bars)
    fit = {symbol: score for symbol, score in scores.items() if symbol not in skipped}
    pool = rank(fit, pool_size(desk.settings.max_trades, desk.settings.candidate_multiplier))
    beyond = fit.keys() - {member.symbol for member in pool}
    skipped |= dict.fromkeys(beyond, "beyond_pool")
    return PoolRanked(
        strategy=runner.name,
        minute=plan.window.analysis_end - 1,
        pool=pool,
        skipped=tuple(sorted(skipped.items())),
    )
