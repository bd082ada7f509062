"""Fill the cache of compiled kernels, so that no sweep waits for a compiler (PERFORMANCE W5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rigd.calendar.exchange import session
from rigd.config.demo import demo_env_text
from rigd.config.parse import parse_env
from rigd.core.clock import SystemClock
from rigd.core.values import STRATEGIES
from rigd.hosts.sweep.grid import Axis, keys_of
from rigd.hosts.sweep.host import kernel_folder
from rigd.hosts.sweep.plan import history_of, make_grid
from rigd.hosts.sweep.work import Part, run_part
from rigd.market.sample import SAMPLE_DAY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rigd.store.paths import Home


def run(home: Home) -> Iterator[str]:
    """Compile or load every kernel of every strategy.

    Parameters
    ----------
    home
        Whose ``runs/cache/kernels`` is filled.

    Yields
    ------
    str
        One line for each kernel: which of how many, and how long it took.
    """
    clock, settings = SystemClock(), parse_env(demo_env_text(), source="the demo settings")
    day = session(SAMPLE_DAY)
    assert day is not None  # noqa: S101 - the sample's day is a session
    history = history_of([day], {"NONE": [[]]})
    bars, offsets = history.series["NONE"]
    kernels = [(name, entries) for name in STRATEGIES for entries in (1, 0)]
    for number, (name, entries) in enumerate(kernels, start=1):
        begun = clock.monotonic()
        axes = [Axis(keys_of(name).stop, ("",))]
        grid = make_grid(settings, name, axes, history.days, entries_a_day=entries)
        part = Part(
            number=0,
            strategy=name,
            bars=bars,
            offsets=offsets,
            classes=np.zeros(1, np.int64),
            entries=grid.entries,
            exits=grid.exits,
            frictions=grid.frictions,
            costs=grid.costs,
            rules=grid.rules,
            cache=str(kernel_folder(home)),
        )
        run_part(part)
        kind = "one entry a day" if entries == 1 else "re-entry"
        seconds = clock.monotonic() - begun
        yield f"[{number}/{len(kernels)}] {name}, {kind}: {seconds:.1f} s"
