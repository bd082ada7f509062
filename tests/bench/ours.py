"""W1 of PERFORMANCE in our own terms: as a strategy for the compiled stepper, and the loop in C."""

from __future__ import annotations

import ctypes
import math
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rigd.hosts.kernels.backtest import compile_run
from rigd.hosts.kernels.stepper import BAR
from rigd.strategy.definition import Observes, Strategy
from rigd.strategy.exits import ExitRules
from rigd.strategy.stepper import StepPlan
from tests.bench.peers import work

if TYPE_CHECKING:
    from collections.abc import Callable

    from rigd.core.values import Bar
    from tests.bench.peers.work import Bars, Fill, Rules

    Run = Callable[[], Any]

C_FILE = Path(work.__file__).with_name("w1.c")


class Params(NamedTuple):
    """The range's length [minutes], the buffer [fraction] and the flat minute."""

    range_minutes: int
    buffer: float
    flat_minute: int


@dataclass(slots=True)
class State:
    """The range so far, and Σ typical price × volume and Σ volume since the open."""

    bars: float = 0.0
    top: float = 0.0
    bottom: float = 0.0
    notional: float = 0.0
    traded: float = 0.0


def entry(state: State, bar: Bar, params: Params) -> float:
    """Return +1 above range and VWAP, -1 below both, else 0."""
    state.notional += (bar.high + bar.low + bar.close) / 3.0 * bar.volume
    state.traded += bar.volume
    if bar.minute < params.range_minutes:
        if state.bars == 0.0 or bar.high > state.top:
            state.top = bar.high
        if state.bars == 0.0 or bar.low < state.bottom:
            state.bottom = bar.low
        state.bars += 1.0
        return 0.0
    if bar.minute >= params.flat_minute - 1:
        return 0.0
    vwap = state.notional / state.traded
    if bar.close > state.top * (1.0 + params.buffer) and bar.close > vwap:
        return 1.0
    if bar.close < state.bottom * (1.0 - params.buffer) and bar.close < vwap:
        return -1.0
    return 0.0


def analysis_bars(state: State) -> float:
    """Return how many bars of the range were seen."""
    return state.bars


def no_vwap(state: State) -> float:  # noqa: ARG001 - one signature for all strategies
    """Return NaN: the VWAP is no target."""
    return math.nan


def no_score(*_: object) -> float:
    """Return 0: one symbol needs no rank."""
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
    vwap=no_vwap,
)


def packed(bars: Bars) -> tuple[np.ndarray, np.ndarray]:
    """Return BAR[n] and the offsets of the days, as `stepper.pack` does."""
    rows = np.zeros(len(bars.day), BAR)
    for name in BAR.names or ():
        rows[name] = getattr(bars, name)
    days = int(bars.day[-1]) + 1
    return rows, np.searchsorted(bars.day, np.arange(days + 1))


def one_backtest(bars: Bars, rules: Rules) -> Run:
    """Return the run of the backtest host's kernel over prepared bars, which gives TRADE rows."""
    step = compile_run(W1)
    rows, offsets = packed(bars)
    params = Params(rules.range_minutes, rules.buffer, rules.flat_minute)
    exits = ExitRules(rules.stop, rules.target, math.nan, 1.0, 0.0, False, math.nan, 14)
    plan = StepPlan(rules.flat_minute, rules.flat_minute, 1, True, 0.0, rules.slippage)
    return lambda: step(rows, offsets, params, exits, plan)


def fills_of(trades: np.ndarray) -> list[Fill]:
    """Return TRADE rows in the terms of the peers."""
    return [work.Fill(*row) for row in trades[list(work.Fill._fields)].tolist()]


FILL = np.dtype([
    *((name, np.int64) for name in work.Fill._fields[:4]),
    *((name, np.float64) for name in work.Fill._fields[4:]),
])


class CRules(ctypes.Structure):
    """`work.Rules` as the C file names them."""

    _fields_ = (
        ("range_minutes", ctypes.c_int64),
        *((name, ctypes.c_double) for name in ("buffer", "stop", "target")),
        ("flat_minute", ctypes.c_int64),
        *((name, ctypes.c_double) for name in ("slippage", "commission", "size")),
    )


def build_c(folder: Path) -> ctypes.CDLL | None:
    """Build the loop in C with gcc; None without a gcc."""
    gcc = shutil.which("gcc")
    if gcc is None:
        return None
    library = folder / "w1.so"
    flags = ("-O3", "-march=native", "-ffp-contract=off", "-shared", "-fPIC")
    subprocess.run([gcc, *flags, str(C_FILE), "-o", str(library), "-lm"], check=True)  # noqa: S603 - our own source and flags
    return ctypes.CDLL(str(library))


def c_loop(library: ctypes.CDLL, bars: Bars, rules: Rules, *, whole: bool) -> Run:
    """Return the run of the loop in C, which gives FILL rows; `whole` looks at every bar."""
    rows, offsets = packed(bars)
    offsets = np.ascontiguousarray(offsets, np.int64)
    fills, pnl = np.zeros(len(offsets) - 1, FILL), ctypes.c_double()
    call = library.w1
    call.restype = ctypes.c_int64
    arguments = (
        ctypes.c_void_p(rows.ctypes.data),
        ctypes.c_void_p(offsets.ctypes.data),
        ctypes.c_int64(len(offsets) - 1),
        ctypes.byref(CRules(*rules)),
        ctypes.c_int64(whole),
        ctypes.c_void_p(fills.ctypes.data),
        ctypes.byref(pnl),
    )

    def run() -> np.ndarray:
        return fills[: call(*arguments)]

    run.keeps = (rows, offsets)  # type: ignore[attr-defined] # what the pointers point to
    return run
