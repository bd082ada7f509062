"""Small grids of every strategy and exit kind, and their points for the naive stepper."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np

from rigd.hosts.kernels.axes import TrailRow, exits_of
from rigd.hosts.kernels.sharing import Entries
from rigd.strategy import closing, midday, opening
from rigd.strategy.definition import required_bars
from rigd.strategy.exits import ExitRules
from rigd.strategy.stepper import StepPlan

OFF = math.nan
MODULES = {"open": opening, "mid": midday, "close": closing}
START = {"open": 0, "mid": 150, "close": 364}
TRIGGERS = {"open": (0.0, 0.0003), "mid": (0.0005, 0.002), "close": (5e-5, 0.0005)}
ANALYSES = {"open": (5, 20), "mid": (15, 7), "close": (5, 3)}
BREAKOUT = {"open": 10, "mid": 10, "close": 3}
MONITORING = {"open": (0, 5, 30), "mid": (5, 30), "close": (3, 15)}

STOPS = (OFF, 0.005, 0.002)
TARGETS = (0.003, OFF)
TRAILS = tuple(
    TrailRow(*row)
    for row in itertools.product(
        (0.0025, OFF, 0.001), (0.25, 1.0), (150.0, 900.0), (OFF, 1.5), (5, 14)
    )
)
"""Stops, targets, and trails with and without tightening and average true range."""


class Point(NamedTuple):
    """One combination as the naive stepper takes it, and where it lies in the kernels' result."""

    params: tuple
    rules: ExitRules
    plan: StepPlan
    place: tuple[int, int, int]


class Grid(NamedTuple):
    """One grid as the kernels take it, with its points."""

    name: str
    entries: Entries
    exits: object
    points: list[Point]


def grid(
    name,
    *,
    longer=0,
    stops=STOPS,
    targets=TARGETS,
    trails=TRAILS,
    triggers=None,
    latency=0.0,
    slip=0.0,
):
    """Return a grid; `longer` lengthens the breakout part [minutes]."""
    start, breakout = START[name], BREAKOUT[name] + longer
    asked = itertools.product(triggers or TRIGGERS[name], ANALYSES[name], (True, False))
    groups = [(trigger, analysis, shorts) for trigger, analysis, shorts in asked]
    params, ends, times = [], [], []
    for number, (trigger, analysis, _) in enumerate(groups):
        span = (start, start + analysis, start + analysis + breakout, trigger)
        mode = (closing.FADE if number % 2 else closing.MOMENTUM,) if name == "close" else ()
        params.append(span + mode)
        times.append([min(span[2] + after, 388) for after in MONITORING[name]])
        ends.append([min(span[2], time) if name == "close" else time for time in times[-1]])
    fields = MODULES[name].STRATEGY.entry.__globals__[PARAMS[name]]._fields
    kinds = [
        (field, np.int64 if isinstance(value, int) else np.float64)
        for field, value in zip(fields, params[0], strict=True)
    ]
    entries = Entries(
        params=np.array([[each] for each in params], dtype=np.dtype(kinds)),
        starts=np.full((len(groups), 1), 0 if name == "mid" else start),
        signal_ends=np.array([[each[2]] for each in params]),
        required=np.array([required_bars(analysis) for _, analysis, _ in groups]),
        shorts=np.array([shorts for *_, shorts in groups]),
        entry_ends=np.array(ends)[..., None],
        exit_minutes=np.array(times)[..., None],
    )
    touches = (False, True) if name == "mid" else (False,)
    exits, places = exits_of(stops, targets, trails, touches)
    points = []
    axes = (groups, stops, trails, times[0], targets, touches)
    for group, stop, trail, time, target, touch in itertools.product(
        *(range(len(a)) for a in axes)
    ):
        row = trails[trail]
        rules = ExitRules(stops[stop], targets[target], *row[:3], touches[touch], *row[3:])
        plan = StepPlan(
            ends[group][time],
            times[group][time],
            int(entries.required[group]),
            groups[group][2],
            latency,
            slip,
        )
        line = (places.stops[stop] * len(trails) + places.trails[trail]) * len(times[0]) + time
        other = places.targets[target] * len(touches) + places.touches[touch]
        kind = MODULES[name].STRATEGY.entry.__globals__[PARAMS[name]]
        points.append(Point(kind(*params[group]), rules, plan, (group, int(line), int(other))))
    return Grid(name, entries, exits, points)


PARAMS = {"open": "OpenParams", "mid": "MidParams", "close": "CloseParams"}
