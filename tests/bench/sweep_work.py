"""The work that the sweep is measured on (PERFORMANCE W1, W2), and the naive loop in C."""

from __future__ import annotations

import ctypes
import itertools
import math
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rigd.hosts.kernels.axes import TrailRow, exits_of
from rigd.hosts.kernels.sharing import Entries, Exits, Frictions
from rigd.hosts.kernels.stepper import BAR
from rigd.hosts.kernels.tally import Costs
from rigd.strategy import closing, midday, opening

DAYS = 252
MINUTES = 390
OFF = math.nan
FRICTIONS = Frictions(0.0, 1e-4)
COSTS = Costs(10_000.0, 1e6, 1e-4)
KINDS = {"open": 0, "mid": 1, "close": 2}
PARAMS = {"open": opening.OpenParams, "mid": midday.MidParams, "close": closing.CloseParams}
MODULES = {"open": opening, "mid": midday, "close": closing}


def year_of_bars(seed: int = 7, days: int = DAYS) -> tuple[np.ndarray, np.ndarray]:
    """Return one symbol-year of seeded minute bars as `stepper.pack` does."""
    draws = np.random.default_rng(seed)
    at = np.linspace(0.0, 1.0, MINUTES)
    shape = 0.6 + 1.6 * np.exp(-9.0 * at) + 0.7 * np.exp(-12.0 * (1.0 - at))
    level = np.clip(5.5e-4 * np.exp(0.05 * draws.standard_normal(days).cumsum()), 2.5e-4, 1.5e-3)
    steps = draws.standard_normal((days, MINUTES, 4)) * (level[:, None] * shape / 2.0)[..., None]
    gaps = np.zeros((days, MINUTES, 4))
    gaps[:, 0, 0] = 0.004 * draws.standard_normal(days)
    path = 100.0 * np.exp((steps + gaps).reshape(-1).cumsum()).reshape(-1, 4)
    bars = np.zeros(days * MINUTES, BAR)
    opened = np.concatenate([[100.0], path[:-1, 3]]).reshape(days, MINUTES)
    opened[1:, 0] = path.reshape(days, MINUTES, 4)[1:, 0, 0]
    bars["minute"] = np.tile(np.arange(MINUTES), days)
    bars["open"] = np.round(opened.reshape(-1), 2)
    bars["close"] = np.round(path[:, 3], 2)
    edges = np.stack([bars["open"], bars["close"]])
    bars["high"] = np.maximum(np.round(path.max(axis=1), 2), edges.max(axis=0))
    bars["low"] = np.minimum(np.round(path.min(axis=1), 2), edges.min(axis=0))
    noise = np.exp(0.4 * draws.standard_normal(days * MINUTES))
    bars["volume"] = np.round(5000.0 * np.tile(shape, days) * noise) + 1.0
    return bars, np.arange(days + 1, dtype=np.int64) * MINUTES


class Work(NamedTuple):
    """One grid, as the sharing kernel takes it and as the naive loop does.

    `points` are rows of `naive.c`'s Point in the order of `share`'s result.
    """

    name: str
    entries: Entries
    exits: object
    points: np.ndarray


STOPS = (0.002, 0.004, 0.006, 0.01, OFF)
TARGETS = (0.003, 0.006, 0.01, 0.02, OFF)
TRAILS = (0.002, 0.004, 0.007, 0.012, OFF)
FACTOR, BUFFER_S = 0.5, 300.0

WINDOWS = {
    "open": (0, (5, 10, 15, 30, 60), 60, (30, 90, 180, 300)),
    "mid": (150, (5, 10, 15, 20, 30), 30, (15, 30, 60, 120)),
    "close": (364, (3, 4, 5, 6, 7), 3, (6, 9, 12, 14)),
}
"""Start, analysis parts, breakout part and monitoring parts [minutes]."""

TRIGGERS = {
    "open": (0.0, 0.0005, 0.001, 0.002),
    "mid": (0.001, 0.002, 0.003, 0.005),
    "close": (0.0002, 0.0005, 0.001, 0.002),
}


def grid(name: str) -> Work:
    """Return 10,000 combinations: 5 ranges, 4 triggers, 5 stops, trails, targets, 4 times."""
    start, analyses, breakout, monitorings = WINDOWS[name]
    groups = list(itertools.product(analyses, TRIGGERS[name]))
    params, ends, exits_at = [], [], []
    for analysis, trigger in groups:
        analysis_end, breakout_end = start + analysis, start + analysis + breakout
        params.append((start, analysis_end, breakout_end, trigger, 1.0))
        times = [min(breakout_end + after, 388) for after in monitorings]
        exits_at.append(times)
        ends.append([breakout_end] * len(times) if name == "close" else times)
    row = record_of(name, params[0])
    entries = Entries(
        params=np.array([[each[: len(row)]] for each in params], dtype=row),
        starts=np.full((len(groups), 1), 0 if name == "mid" else start),
        signal_ends=np.array([[each[2]] for each in params]),
        required=np.array([-(-analysis * 80 // 100) for analysis, _ in groups]),
        shorts=np.ones(len(groups), np.bool_),
        entry_ends=np.array(ends)[..., None],
        exit_minutes=np.array(exits_at)[..., None],
    )
    trails = [TrailRow(trail, FACTOR, BUFFER_S, OFF, 14) for trail in TRAILS]
    exits, _ = exits_of(STOPS, TARGETS, trails, [name == "mid"])
    return Work(name, entries, exits, points_of(params, entries, exits))


def one_set(work: Work, number: int) -> tuple[Entries, Exits]:
    """Return one combination of a grid as a grid of its own."""
    entries, exits = work.entries, work.exits
    shape = (
        len(entries.required),
        len(exits.stops),
        len(exits.trails),
        entries.entry_ends.shape[1],
        len(exits.targets),
    )
    group, stop, trail, time, target = np.unravel_index(number, shape)
    some = slice(group, group + 1)
    own = Entries(*(array[some] for array in entries))
    own = own._replace(
        entry_ends=own.entry_ends[:, time : time + 1],
        exit_minutes=own.exit_minutes[:, time : time + 1],
    )
    row = TrailRow(*exits.trails[trail].item())
    made, _ = exits_of([exits.stops[stop]], [exits.targets[target]], [row], list(exits.touches))
    return own, made


def record_of(name: str, params: tuple[float, ...]) -> np.dtype:
    """Return the record of a strategy's parameters."""
    kinds = zip(PARAMS[name]._fields, params, strict=False)
    return np.dtype([(f, np.int64 if isinstance(v, int) else np.float64) for f, v in kinds])


def points_of(params: list, entries: Entries, exits: object) -> np.ndarray:
    """Return every combination as a row of numbers for the naive loop."""
    rows = [
        (
            *each,
            entries.required[number],
            1.0,
            entries.entry_ends[number, time, 0],
            entries.exit_minutes[number, time, 0],
            stop,
            target,
            trail["trail_fraction"],
            trail["tighten_factor"],
            trail["tighten_buffer_s"],
            touch,
        )
        for number, each in enumerate(params)
        for stop in exits.stops
        for trail in exits.trails
        for time in range(entries.entry_ends.shape[1])
        for target in exits.targets
        for touch in exits.touches
    ]
    return np.array(rows, dtype=np.float64)


@cache
def naive_library(folder: Path) -> ctypes.CDLL:
    """Build `naive.c` by gcc and load it."""
    gcc = shutil.which("gcc")
    if gcc is None:
        msg = "the reference in C needs gcc, found none"
        raise FileNotFoundError(msg)
    built = folder / "naive.so"
    flags = ["-O3", "-march=native", "-ffp-contract=off", "-shared", "-fPIC"]
    source = Path(__file__).with_name("naive.c")
    subprocess.run([gcc, *flags, "-o", str(built), str(source), "-lm"], check=True)  # noqa: S603 - fixed arguments
    return ctypes.CDLL(str(built))


def run_naive(
    library: ctypes.CDLL,
    work: Work,
    bars: np.ndarray,
    offsets: np.ndarray,
    *,
    entries_a_day: int = 1,
    early: bool = False,
    points: np.ndarray | None = None,
) -> np.ndarray:
    """Return the outputs of every combination by the naive loop in C."""
    rows = work.points if points is None else points
    out = np.empty((len(rows), 6))
    whole, real = ctypes.c_int64, ctypes.c_double
    library.naive(
        whole(KINDS[work.name]),
        bars.ctypes,
        offsets.ctypes,
        whole(len(offsets) - 1),
        rows.ctypes,
        whole(len(rows)),
        real(FRICTIONS.latency_fraction),
        real(FRICTIONS.slippage),
        real(COSTS.stake),
        real(COSTS.lots),
        real(COSTS.commission),
        whole(entries_a_day),
        whole(int(early)),
        out.ctypes,
    )
    return out
