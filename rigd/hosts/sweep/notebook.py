"""``rigd.sweep(...)``: a sweep from a notebook or the command line, with a progress bar."""

from __future__ import annotations

import os
import sys
from datetime import date
from typing import TYPE_CHECKING

from tqdm import tqdm

from rigd.config.sources import checkout, rigd_home
from rigd.core.clock import SystemClock
from rigd.core.errors import ConfigError
from rigd.hosts import bot
from rigd.hosts.sweep.grid import axes_from
from rigd.hosts.sweep.host import SweepRequest, make_sweep, new_name, resumed_request
from rigd.store.paths import Home

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from rigd.config.schema import Settings
    from rigd.hosts.sweep.result import SweepResult


def sweep(
    strategy: str = "",
    *,
    grid: Mapping[str, object] | Iterable[str] = (),
    data: str | Path = "",
    start: str | date = "",
    end: str | date = "",
    symbols: str | Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    entries_a_day: int = 1,
    bar_stamp: str = "start",
    jobs: int = 0,
    cluster: str = "",
    resume: str = "",
    progress: bool = True,
    home: Home | None = None,
) -> SweepResult:
    """Run a strategy with every combination of a grid; Ctrl-C leaves what is done.

    Parameters
    ----------
    strategy
        open, mid or close.
    grid
        ``{"STOP_PCT_OPEN": [0.005, None], "STRAT_OPEN_BUFFER": "0:0.01:0.001"}``; None is off.
    data
        Folder of bar files.
    start, end
        First and last exchange day, YYYY-MM-DD; without `end` the first alone.
    symbols
        What is traded, each symbol on its own; every symbol of the folder without it.
    settings
        Other settings for this sweep.
    entries_a_day
        Of one symbol: 1 as in a session, more for re-entry, 0 for no limit.
    bar_stamp
        Whether stamps are the starts or the ends of bars.
    jobs
        Processes; 0 for one a core.
    cluster
        Address of a Dask scheduler, instead of processes here.
    resume
        The name of a sweep that was cut off; everything else is taken from it.
    progress
        Whether a bar with the time left is shown on standard error.
    home
        Where results go; RIGD_HOME without it.

    Returns
    -------
    SweepResult
        Every combination; also written below ``runs/backtest_results/strategy_tuning/sweeps``.

    Raises
    ------
    ConfigError
        If a key, a value or the span is wrong; names the nearest.
    KeyboardInterrupt
        After Ctrl-C, with the name to resume.
    """
    place, clock = home or Home(rigd_home()), SystemClock()
    if resume:
        request = resumed_request(place, resume)
    else:
        first = _day(start, "start")
        request = SweepRequest(
            strategy=strategy,
            data=_folder(data),
            start=first,
            end=_day(end, "end") if end else first,
            axes=axes_from(grid),
            symbols=_symbols(symbols),
            changes=tuple((settings or {}).items()),
            entries_a_day=entries_a_day,
            bar_stamp=bar_stamp,
        )
    name = resume or new_name(clock, request)
    made = make_sweep(
        place,
        settings_of(place),
        request,
        name,
        jobs=jobs or os.cpu_count() or 1,
        cluster=cluster,
    )
    with tqdm(total=made.total, unit="set", file=sys.stderr, disable=not progress) as bar:
        bar.set_description(name)
        try:
            return made.run(clock, bar.update, resumed=bool(resume))
        except KeyboardInterrupt:
            msg = f"interrupted; what is done stays. next: rigd sweep --resume {name}"
            raise KeyboardInterrupt(msg) from None


def settings_of(home: Home) -> Settings:
    """Return the settings of a home's bot, or those its demo would have."""
    version = checkout() / "VERSION.md"
    if bot.is_provisioned(home):
        return bot.open_bot(home, version).settings
    return bot.first_settings(home, version)


def _folder(data: str | Path) -> str:
    if not data:
        msg = "a sweep must be given a folder of bars, was given none"
        raise ConfigError(msg, fix="--data DIR, or data=… in a notebook")
    return str(data)


def _symbols(symbols: str | Sequence[str]) -> tuple[str, ...]:
    listed = symbols.split(",") if isinstance(symbols, str) else symbols
    return tuple(name.strip().upper() for name in listed if name.strip())


def _day(text: str | date, what: str) -> date:
    if isinstance(text, date):
        return text
    try:
        return date.fromisoformat(text)
    except ValueError:
        msg = f"{what} must be an exchange day YYYY-MM-DD, was {text!r}"
        raise ConfigError(msg) from None
