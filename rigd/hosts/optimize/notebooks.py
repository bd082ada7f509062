"""The notebooks of optimisation and tuning: what their cells call, and how they are run.

A parameter that the notebook does not declare is refused before anything starts.
"""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rigd.config.sources import checkout, environment, rigd_home
from rigd.core.clock import SystemClock
from rigd.core.errors import ConfigError, ExitCode
from rigd.hosts import supervisor
from rigd.hosts.bot import is_provisioned, open_bot, provision_demo
from rigd.hosts.optimize.proposals import propose
from rigd.hosts.optimize.request import Pairs, StudyRequest, day_of, names_of
from rigd.hosts.optimize.study import run_study
from rigd.hosts.runner import Job, declared_parameters
from rigd.hosts.throwaway import throwaway_home
from rigd.store.files import make_folder
from rigd.store.paths import Home
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rigd.core.ports import ControlClock
    from rigd.hosts.bot import Bot

WRITER = "rigd.hosts.optimize.notebooks"
OUTPUTS = {"optimize.ipynb": "optimized.ipynb", "tune.ipynb": "tuned.ipynb"}
"""The executed copy of each notebook, in the table of outputs."""
TICK_S = 0.2
Value = str | int | float | bool


class StudyHandle:
    """A finished study, as a notebook shows it.

    Parameters
    ----------
    bot
        Whose.
    document
        What the study's file holds.
    clock
        The control clock.
    """

    def __init__(self, bot: Bot, document: Mapping[str, Any], clock: ControlClock) -> None:
        self.bot = bot
        self.document = document
        self._clock = clock

    def show(self, view: Callable[[Mapping[str, Any]], str]) -> str:
        """Return one block of `reporting.study_view`."""
        return view(self.document)

    def propose(self, user: str) -> str:
        """Propose what was chosen; return what was done, for people."""
        if not user:
            return "nothing was proposed: propose_as is blank"
        made = propose(self.bot, self.document, user, self._clock)
        told = f"proposal {made.version} by {user}"
        if not self.document["approvable"]:
            return f"{told}: it cannot be approved, see which rules do not hold"
        return f"{told}; next: rigd proposal approve {made.version} --user SOMEBODY-ELSE"


def open_home_bot(home: str) -> Bot:
    """Return the bot of a home.

    Parameters
    ----------
    home
        Blank for a throw-away folder. It and RIGD_HOME get the demo, marked TEST, where no bot is
        in them yet, as by `rigd session`; any other folder must hold one.

    Returns
    -------
    Bot
        Open.
    """
    place = Home(Path(home).expanduser().absolute() if home else throwaway_home())
    own = not home or place.root == Home(rigd_home()).root
    if own and not is_provisioned(place):
        provision_demo(place)
    return open_bot(place, checkout() / "VERSION.md")


def optimise(
    home: str = "",
    *,
    strategy: str = "open",
    method: str = "",
    trials: int = 0,
    objectives: str = "sharpe",
    seed: int = 1,
    lookback_days: int = 0,
    data: str = "",
    end: str = "",
    symbols: str = "",
    bar_stamp: str = "start",
    levels: str = "",
    changes: str = "",
) -> StudyHandle:
    """Run a study with the parameters of a notebook.

    Parameters
    ----------
    home
        RIGD_HOME; blank for a throw-away folder with the demo.
    strategy, method, trials, seed, lookback_days, data, bar_stamp
        As `StudyRequest` takes them.
    objectives, symbols
        Names with commas between them.
    end
        The last day, YYYY-MM-DD; blank for the newest.
    levels
        Searched values, such as ``STRAT_OPEN_BUFFER=0.001,0.002; TRAIL_PCT_OPEN=0.01``.
    changes
        Settings of this study, such as ``MAX_TRADES=1; WEIGHTS=1``.

    Returns
    -------
    StudyHandle
        The finished study.

    Raises
    ------
    ConfigError
        If a parameter has another form, or it was cancelled.
    """
    request = StudyRequest(
        strategy=strategy,
        method=method,
        trials=trials,
        objectives=names_of(objectives),
        seed=seed,
        lookback_days=lookback_days,
        data=data,
        end=day_of(end),
        symbols=names_of(symbols),
        bar_stamp=bar_stamp,
        levels=_pairs(levels),
        overrides=_pairs(changes),
    )
    bot, clock = open_home_bot(home), SystemClock()
    found = run_study(bot, request, clock)
    if found is None:
        msg = "a study in a notebook must run to its end, it was cancelled"
        raise ConfigError(msg)
    return StudyHandle(bot, found, clock)


def run_notebook(bot: Bot, name: str, parameters: Mapping[str, Value], stamp: str) -> Path:
    """Execute a notebook by papermill; return the executed copy.

    Parameters
    ----------
    bot
        Whose; its home is the notebook's.
    name
        ``optimize.ipynb`` or ``tune.ipynb``.
    parameters
        Values for its parameters cell.
    stamp
        What the copy is called.

    Returns
    -------
    Path
        Below ``runs/backtest_results/strategy_tuning/``.

    Raises
    ------
    ConfigError
        If the notebook does not declare a parameter: nothing was started; or it did not run to
        its end.
    """
    notebook = checkout() / "notebooks" / name
    require_declared(notebook, parameters)
    registry = Registry(bot.home, bot.identity, stamp=stamp)
    output = registry.claim(OUTPUTS[name], writer=WRITER)
    make_folder(output.parent)
    job = Job(
        notebook=str(notebook),
        output=str(output),
        folder=str(output.parent),
        parameters={**parameters, "home": str(bot.home.root)},
    )
    with TemporaryDirectory(prefix="rigd-") as runtime:
        variables = supervisor.run_environment(
            environment(),
            home=bot.home.root,
            kernels=checkout() / "env" / "jupyter",
            runtime=Path(runtime),
        )
        code, text = supervisor.run_notebook(
            job, variables, tick_s=TICK_S, on_tick=lambda: None, on_interrupt=lambda: None
        )
    if code != ExitCode.OK:
        last = (text.strip().splitlines() or ["no output"])[-1]
        msg = f"{name} must run to its end, papermill ended with {code}: {last}"
        raise ConfigError(msg, fix=f"look at the executed part: {output}")
    return output


def require_declared(notebook: Path, parameters: Mapping[str, Value]) -> None:
    """Do nothing when a notebook declares each parameter; ConfigError names the nearest."""
    declared = declared_parameters(json.loads(notebook.read_text(encoding="utf-8")))
    for odd in sorted(parameters.keys() - declared):
        near = difflib.get_close_matches(odd, sorted(declared), n=1, cutoff=0.0)
        msg = f"{notebook.name} has no parameter {odd!r}; did you mean {near[0]!r}?"
        raise ConfigError(msg, fix=f"it takes {', '.join(sorted(declared))}")


def _pairs(text: str) -> Pairs:
    found = []
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        key, sign, value = part.partition("=")
        if not sign:
            msg = f"expected KEY=VALUE with ';' between them, found {part!r}"
            raise ConfigError(msg)
        found.append((key.strip(), value.strip()))
    return tuple(found)
