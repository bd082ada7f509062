"""What one backtest costs: the compiled host against C, vectorbt and the whole host (P1, W1).

One symbol, one year of 1-minute bars (98,280), opening range breakout with a VWAP filter, long and
short, stop and target, flat at a minute, 1 bp of slippage. The C loop is built with gcc from
``backtest.c`` in the same run and makes the same trades to the last bit; vectorbt's `from_signals`
has its own fill rules and is timed alone. Peers that are not installed are named, not guessed.
"""

from __future__ import annotations

import ctypes
import gc
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rigd.calendar.exchange import sessions
from rigd.core.values import Bar
from rigd.hosts.backtest.host import Host
from rigd.hosts.backtest.scanning import Lane
from rigd.hosts.kernels.backtest import compile_run
from rigd.hosts.kernels.stepper import compile_stepper, pack
from rigd.strategy.definition import Observes, Strategy
from rigd.strategy.exits import ExitRules
from rigd.strategy.stepper import StepPlan
from tests.hosts.backtest.days import CASH, history_of, terms

if TYPE_CHECKING:
    from collections.abc import Callable

NS, NB = 252, 390
ROUNDS = 41
SLIPPAGE = 1e-4
LIMIT = 1.3
"""P1: at most so many times the C loop."""
PEERS = {"vectorbt from_signals": 20.0}
"""P1: at least so many times as fast as these."""
LATER = ("backtesting", "nautilus_trader", "backtrader")
SOURCE = Path(__file__).with_name("backtest.c")


class Params(NamedTuple):
    """The opening range's end [minutes since the open] and the buffer [fraction]."""

    analysis_end: int
    buffer: float


@dataclass(slots=True)
class State:
    """The opening range, and Σ typical price × volume and Σ volume since the open."""

    bars: float = 0.0
    range_high: float = 0.0
    range_low: float = 0.0
    notional: float = 0.0
    traded: float = 0.0


def entry(state: State, bar: Bar, params: Params) -> float:
    """+1 above the range and the VWAP, -1 below both."""
    state.notional += (bar.high + bar.low + bar.close) / 3.0 * bar.volume
    state.traded += bar.volume
    if bar.minute < params.analysis_end:
        if state.bars == 0.0 or bar.high > state.range_high:
            state.range_high = bar.high
        if state.bars == 0.0 or bar.low < state.range_low:
            state.range_low = bar.low
        state.bars += 1.0
        return 0.0
    level = state.notional / state.traded
    if bar.close > state.range_high * (1.0 + params.buffer) and bar.close > level:
        return 1.0
    if bar.close < state.range_low * (1.0 - params.buffer) and bar.close < level:
        return -1.0
    return 0.0


def analysis_bars(state: State) -> float:
    """How many bars of the range were seen."""
    return state.bars


def no_level(state: State) -> float:  # noqa: ARG001 - one signature for all strategies
    """No VWAP touch."""
    return math.nan


def no_score(*_: object) -> float:
    """No pool here: one symbol."""
    return 0.0


W1 = Strategy(
    name="open",
    observes=Observes.SESSION,
    fills_in_breakout=False,
    state=State,
    entry=entry,
    score=no_score,
    reach=no_score,
    analysis_bars=analysis_bars,
    vwap=no_level,
)
PARAMS = Params(15, 0.0005)
STOP, TARGET, FLAT = 0.004, 0.008, 359
RULES = ExitRules(STOP, TARGET, math.nan, 1.0, 0.0, False, math.nan, 14)
PLAN = StepPlan(FLAT, FLAT, 12, True, 0.0, SLIPPAGE)


def year(seed: int = 7) -> list[list[Bar]]:
    """One year of seeded minute bars: volatile at both ends of the day, with gaps overnight."""
    draw = np.random.default_rng(seed)
    x = np.linspace(0.0, 1.0, NB)
    shape = 0.6 + 1.6 * np.exp(-x * 9) + 0.7 * np.exp(-(1 - x) * 12)
    level = np.clip(0.00055 * np.exp(0.05 * draw.standard_normal(NS).cumsum()), 0.00025, 0.0015)
    price, days = 100.0, []
    for day in range(NS):
        price *= float(np.exp(0.004 * draw.standard_normal()))
        steps = draw.standard_normal((NB, 4)) * (level[day] * shape)[:, None] / 2
        path = np.exp(np.log(price) + steps.ravel().cumsum()).reshape(NB, 4)
        opens = np.concatenate(([price], path[:-1, 3]))
        high = np.maximum(opens, path.max(axis=1))
        low = np.minimum(opens, path.min(axis=1))
        volume = np.round(5000 * shape * np.exp(0.4 * draw.standard_normal(NB))) + 1
        price = float(path[-1, 3])
        columns = np.round(np.stack([opens, high, low, path[:, 3]]), 2)
        days.append([Bar(m, *columns[:, m].tolist(), float(volume[m])) for m in range(NB)])
    return days


def built(folder: Path) -> Any:
    """The C loop, built with gcc -O3 -march=native, as a function."""
    library = folder / "backtest.so"
    compiler = shutil.which("gcc") or "gcc"
    flags = ("-O3", "-march=native", "-ffp-contract=off", "-shared", "-fPIC")
    subprocess.run(  # noqa: S603 - our own source and flags
        [compiler, *flags, "-o", str(library), str(SOURCE), "-lm"], check=True
    )
    function = ctypes.CDLL(str(library)).backtest
    function.restype = ctypes.c_int64
    return function


TRADE = np.dtype([
    *((name, np.int64) for name in ("direction", "entry_minute", "exit_minute", "reason")),
    ("entry_price", np.float64),
    ("exit_price", np.float64),
])


def c_loop(function: Any, bars: Any, offsets: Any) -> Callable[[], Any]:
    """A call of the C loop over the packed bars."""
    trades = np.zeros(NS, dtype=TRADE)
    numbers = (PARAMS.buffer, STOP, TARGET, SLIPPAGE)

    def call() -> Any:
        found = function(
            ctypes.c_void_p(bars.ctypes.data),
            ctypes.c_void_p(offsets.ctypes.data),
            *(ctypes.c_int64(n) for n in (NS, PARAMS.analysis_end, FLAT, FLAT)),
            *(ctypes.c_double(n) for n in numbers),
            ctypes.c_void_p(trades.ctypes.data),
        )
        return trades[:found]

    return call


def vectorbt_call(days: list[list[Bar]]) -> Callable[[], Any]:
    """`Portfolio.from_signals` on the same signals, made with numpy in the same call."""
    import pandas as pd  # noqa: PLC0415 - a peer's own
    import vectorbt as vbt  # noqa: PLC0415 - a peer, seconds of imports

    columns = np.array([bar[1:] for day in days for bar in day]).T
    opens, high, low, close, volume = columns
    minutes = np.tile(np.arange(NB), NS)
    index = pd.date_range("2013-01-02", periods=NS * NB, freq="min")
    series = [pd.Series(each, index=index) for each in (opens, high, low, close)]

    def shifted(signals: Any) -> Any:
        return np.concatenate(([False], signals[:-1]))

    def call() -> Any:
        typical = ((high + low + close) / 3 * volume).reshape(NS, NB)
        vwap = (typical.cumsum(axis=1) / volume.reshape(NS, NB).cumsum(axis=1)).ravel()
        span = (NS, NB)
        top = high.reshape(span)[:, : PARAMS.analysis_end].max(axis=1).repeat(NB)
        bottom = low.reshape(span)[:, : PARAMS.analysis_end].min(axis=1).repeat(NB)
        asked = (minutes >= PARAMS.analysis_end) & (minutes < FLAT - 1)
        long = asked & (close > top * (1 + PARAMS.buffer)) & (close > vwap)
        short = asked & (close < bottom * (1 - PARAMS.buffer)) & (close < vwap)
        either = (long | short).reshape(span)
        first = ((either.cumsum(axis=1) == 1) & either).ravel()
        leave = minutes == FLAT
        so, sh, sl, sc = series
        portfolio = vbt.Portfolio.from_signals(
            sc,
            shifted(long & first),
            leave,
            shifted(short & first),
            leave,
            size=100.0,
            price=so,
            open=so,
            high=sh,
            low=sl,
            fees=0.0,
            slippage=SLIPPAGE,
            sl_stop=STOP,
            tp_stop=TARGET,
            init_cash=1e6,
            freq="1min",
        )
        return portfolio.trades.count(), portfolio.trades.pnl.sum()

    return call


def whole_host(days: list[list[Bar]]) -> tuple[float, int]:
    """The median time of a backtest of `open` over the year by the host [s], and its trades."""
    span = sessions(date(2013, 1, 2), date(2014, 1, 31))[:NS]
    history = history_of({found.day: {"SPY": day} for found, day in zip(span, days, strict=True)})
    run = terms(strategy_override="open", strat_open_buffer="0.001", short_type_open="ShortSell")
    history.packed("SPY")
    times, trades = [], 0
    for _ in range(4):
        began = perf_counter()
        found = Host(run, history, Lane.COMPILED).run(CASH)
        times.append(perf_counter() - began)
        trades = sum(len(day.trades) for day in found)
    return statistics.median(times[1:]), trades


def paired(ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """Medians of two calls, taken in turns so that both meet the same machine [s]."""
    times: tuple[list[float], list[float]] = ([], [])
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for call, kept in zip((ours, theirs), times, strict=True):
                began = perf_counter()
                call()
                kept.append(perf_counter() - began)
    finally:
        gc.enable()
    return statistics.median(times[0]), statistics.median(times[1])


def same_trades(rows: Any, reference: Any) -> bool:
    """Whether our trades are the C loop's to the last bit."""
    return len(rows) == len(reference) and all(
        np.array_equal(rows[name], reference[name]) for name in TRADE.names or ()
    )


def say(text: str) -> None:
    """Print one line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def verdict(met: bool) -> str:  # noqa: FBT001 - the answer itself
    """Return ``met`` or ``not met``."""
    return "met" if met else "not met"


def main() -> int:
    """Print P1 with both sides in the same run; 1 when a goal that could be measured is missed."""
    days = year()
    bars, offsets = pack(days)
    step, naive = compile_run(W1), compile_stepper(W1)

    def ours() -> Any:
        return step(bars, offsets, PARAMS, RULES, PLAN)

    with tempfile.TemporaryDirectory() as folder:
        loop = c_loop(built(Path(folder)), bars, offsets)
        equal = same_trades(ours(), loop())
        equal = equal and np.array_equal(ours(), naive(bars, offsets, PARAMS, RULES, PLAN))
        mine, limit = paired(ours, loop, ROUNDS)
    ratio = mine / limit
    missed = not equal or ratio > LIMIT
    say(
        f"W1: {NS} days, {len(bars):,} bars, {len(loop())} trades; "
        f"equal to C and to the naive stepper: {equal}"
    )
    say(
        f"P1 one backtest {mine * 1e3:.3f} ms, C {limit * 1e3:.3f} ms: {ratio:.2f} × C, "
        f"goal ≤ {LIMIT}: {verdict(equal and ratio <= LIMIT)}"
    )
    whole, trades = whole_host(days)
    say(
        "P1 the whole host, with pool, filters, risk, sizes, caps and records: "
        f"{whole * 1e3:.0f} ms for the year, {trades} trades ({whole / limit:.0f} × C; no goal)"
    )
    if find_spec("vectorbt") is None:
        say("P1 vectorbt is not installed: not measured")
    else:
        call = vectorbt_call(days)
        call()
        mine, theirs = paired(ours, call, 5)
        fast = theirs / mine
        goal = PEERS["vectorbt from_signals"]
        missed = missed or fast < goal
        say(
            f"P1 vectorbt from_signals {theirs * 1e3:.1f} ms, ours {mine * 1e3:.3f} ms: "
            f"{fast:.0f} × as fast, goal ≥ {goal:g}: {verdict(fast >= goal)}"
        )
    for name in LATER:
        if find_spec(name) is None:
            say(f"P1 {name} is not installed here: not measured")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
