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
from rigd.hosts.research import pairs_of
from rigd.hosts.sweep.grid import axes_from
from rigd.hosts.sweep.host import make_sweep, resumed_request
from rigd.hosts.sweep.request import SweepRequest, new_name
from rigd.store.paths import Home

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from rigd.config.schema import Settings
    from rigd.hosts.sweep.result import SweepResult


def sweep(
    strategy: str = "",
    *,
    grid: Mapping[str, object] | Iterable[str] | str = (),
    data: str | Path = "",
    start: str | date = "",
    end: str | date = "",
    symbols: str | Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    changes: str = "",
    entries_a_day: int = 1,
    portfolio: bool = False,
    bar_stamp: str = "start",
    jobs: int = 0,
    cluster: str = "",
    resume: str = "",
    progress: bool = True,
    home: Home | str | None = None,
) -> SweepResult:
    """Run a strategy with every combination of a grid; Ctrl-C leaves what is done.

    Parameters
    ----------
    strategy
        open, mid or close.
    grid
        ``{"STOP_PCT_OPEN": [0.005, None], "STRAT_OPEN_BUFFER": "0:0.01:0.001"}``; None is off. Or
        the same as text, ``STOP_PCT_OPEN=0.005,off; STRAT_OPEN_BUFFER=0:0.01:0.001``.
    data
        Folder of bar files; the built-in sample without it.
    start, end
        First and last exchange day, YYYY-MM-DD; without `end` the first alone.
    symbols
        What is traded; every symbol of the folder without it.
    settings
        Other settings for this sweep.
    changes
        The same as text, ``KEY=VALUE; KEY=VALUE``.
    entries_a_day
        Of one symbol: 1 as in a session, more for re-entry, 0 for no limit.
    portfolio
        Whether all symbols share one account, with the ranked pool, MAX_TRADES, weights and the
        loss limit in trade order, as in a session; otherwise each trades on its own, which is
        far faster.
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
    place, clock = _place(home), SystemClock()
    if resume:
        request = resumed_request(place, resume)
    else:
        first = _day(start, "start")
        request = SweepRequest(
            strategy=strategy,
            data=str(data),
            start=first,
            end=_day(end, "end") if end else first,
            axes=axes_from(grid),
            symbols=_symbols(symbols),
            changes=(*(settings or {}).items(), *pairs_of(changes)),
            entries_a_day=entries_a_day,
            bar_stamp=bar_stamp,
            portfolio=portfolio,
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


def _place(home: Home | str | None) -> Home:
    if isinstance(home, Home):
        return home
    return Home(rigd_home({"RIGD_HOME": home} if home else None))


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
