"""Run a backtest as a notebook by papermill, recorded under ``runs/backtest_results/``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rigd.config.sources import checkout, environment
from rigd.core.errors import ConfigError, ExitCode
from rigd.hosts import supervisor
from rigd.hosts.backtest.opening import terms_of
from rigd.hosts.backtest.result import stamp_text
from rigd.hosts.runner import Job
from rigd.store.files import make_folder
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from rigd.core.ports import ControlClock
    from rigd.hosts.backtest.request import BacktestRequest
    from rigd.store.paths import Home

WRITER = "rigd.hosts.backtest.launch"
NOTEBOOK = "backtest.ipynb"
TICK_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A backtest that ran in a notebook: its folder, the executed copy and its summary."""

    folder: Path
    notebook: Path
    summary: dict[str, Any]


def parameters_of(
    home: Home, request: BacktestRequest, stamp: str, config: str
) -> dict[str, str | int | float | bool]:
    """Return the values for the notebook's parameters cell.

    Parameters
    ----------
    home, request, stamp, config
        The run.

    Returns
    -------
    dict
        Name to value; every name is declared by the notebook.
    """
    return {
        "strategy": request.strategy,
        "data": request.data,
        "start": request.start.isoformat(),
        "end": request.end.isoformat(),
        "symbols": ",".join(request.symbols),
        "bar_stamp": request.bar_stamp,
        "changes": "; ".join(f"{key}={value}" for key, value in request.overrides),
        "cash": request.cash,
        "config": config,
        "home": str(home.root),
        "stamp": stamp,
    }


def run(
    home: Home,
    request: BacktestRequest,
    clock: ControlClock,
    *,
    config: str = "",
    on_tick: Callable[[], object] = lambda: None,
) -> Ended:
    """Execute the backtest notebook by papermill.

    Parameters
    ----------
    home
        RIGD_HOME.
    request
        What is asked; its settings are checked before anything starts.
    clock
        Names the run.
    config
        A settings file instead of the bot's own; blank for those.
    on_tick
        Called while it runs.

    Returns
    -------
    Ended
        The record of the run.

    Raises
    ------
    ConfigError
        If a setting is wrong, or the notebook did not run to its end.
    """
    terms_of(home, request, config)
    stamp = _free_stamp(home, stamp_text(clock.now()))
    registry = Registry(home, stamp=stamp)
    output = registry.claim(NOTEBOOK, writer=WRITER)
    make_folder(output.parent)
    job = Job(
        notebook=str(checkout() / "notebooks" / NOTEBOOK),
        output=str(output),
        folder=str(output.parent),
        parameters=parameters_of(home, request, stamp, config),
    )
    with TemporaryDirectory(prefix="rigd-") as runtime:
        variables = supervisor.run_environment(
            environment(),
            home=home.root,
            kernels=checkout() / "env" / "jupyter",
            runtime=Path(runtime),
        )
        code, text = supervisor.run_notebook(
            job, variables, tick_s=TICK_S, on_tick=on_tick, on_interrupt=lambda: None
        )
    if code != ExitCode.OK:
        told = [line for line in text.strip().splitlines() if line.strip()]
        last = (told or ["no output"])[-1]
        msg = f"the backtest notebook must run to its end, papermill ended with {code}: {last}"
        raise ConfigError(msg, fix=f"the executed part lies in {output}")
    summary = json.loads(registry.read("backtest/daily_summary_backtest.json"))
    return Ended(folder=output.parent, notebook=output, summary=summary)


def _free_stamp(home: Home, stamp: str) -> str:
    """Return a stamp of which no folder exists: the instant's own, or with a number."""
    taken, number = stamp, 1
    while Registry(home, stamp=taken).path(NOTEBOOK).parent.exists():
        number += 1
        taken = f"{stamp}_{number}"
    return taken
