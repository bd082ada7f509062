"""``rigd optimize``: search a strategy's parameters, count the trials, and judge what is found."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from rigd.access.roles import Action
from rigd.cli.console import CLOCK, open_bot_of, open_home, proved, say, say_json, say_next
from rigd.cli.session import pairs_of
from rigd.core.errors import ConfigError, ExitCode
from rigd.hosts import operator_audit
from rigd.hosts.optimize.notebooks import run_notebook
from rigd.hosts.optimize.proposals import propose
from rigd.hosts.optimize.request import StudyRequest, day_of, names_of
from rigd.hosts.optimize.scheduled import run_due
from rigd.hosts.optimize.study import run_study

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rigd.hosts.bot import Bot

NOTEBOOK = "optimize.ipynb"
_WHOLE = ("trials", "seed", "lookback_days")
_DEFAULTS: dict[str, str | int] = {
    "strategy": "open",
    "trials": 0,
    "objectives": "sharpe",
    "seed": 1,
    "lookback_days": 0,
    "bar_stamp": "start",
}
"""What an option is when it is not named; a blank text where nothing stands here."""


def request_of(
    *,
    strategy: str,
    method: str,
    trials: int,
    objectives: str,
    seed: int,
    lookback: int,
    data: str,
    end: str,
    symbols: str,
    bar_stamp: str,
    levels: Sequence[str],
    changes: Sequence[str],
) -> StudyRequest:
    """Return the request that the options make; ConfigError names what is wrong."""
    return StudyRequest(
        strategy=strategy,
        method=method,
        trials=trials,
        objectives=names_of(objectives),
        seed=seed,
        lookback_days=lookback,
        data=data,
        end=day_of(end),
        symbols=names_of(symbols),
        bar_stamp=bar_stamp,
        levels=tuple(pairs_of(levels, source="--levels")),
        overrides=tuple(pairs_of(changes, source="--set")),
    )


def run(request: StudyRequest, *, proposes: bool, user: str, as_json: bool) -> int:
    """Run a study, or take up one that was interrupted, with a progress line."""
    bot = open_bot_of(open_home())
    # asked before the search, which may take hours
    who, verified = proved(bot.home, user, Action.PROPOSE) if proposes else ("", False)
    try:
        found = run_study(bot, request, CLOCK, on_trial=_Progress())
    except KeyboardInterrupt:
        say_next("the same command goes on where it stopped")
        return int(ExitCode.INTERRUPTED)
    if found is None:
        msg = "a study must run to its end, it was cancelled"
        raise ConfigError(msg)
    if as_json:
        say_json(dict(found))
    else:
        _tell(found)
    if proposes:
        _propose(bot, found, who, verified=verified)
    elif not as_json:
        say_next("rigd optimize … --propose --user NAME" if found["approvable"] else "more days")
    return int(ExitCode.OK)


def in_notebook(request: StudyRequest, pairs: Sequence[str], *, proposes: bool, user: str) -> int:
    """Execute the optimisation notebook by papermill with the options and NAME=VALUE given."""
    bot = open_bot_of(open_home())
    parameters = {**_options(request), **dict(_parameter(text) for text in pairs)}
    if proposes:
        parameters["propose_as"] = user or operator_audit.name()
    stamp = f"notebook_{CLOCK.now():%Y%m%dT%H%M%SZ}"
    say(f"executed: {run_notebook(bot, NOTEBOOK, parameters, stamp)}")
    say_next("open it in JupyterLab; rigd proposal list")
    return int(ExitCode.OK)


def scheduled(data: str) -> int:
    """Run the studies that are due since the last session; return 0 also when none is."""
    made = run_due(open_bot_of(open_home()), CLOCK, data)
    for copy in made:
        say(f"executed: {copy}")
    if not made:
        say("every study since the last session was made")
    say_next("rigd proposal list")
    return int(ExitCode.OK)


def _options(request: StudyRequest) -> dict[str, str | int]:
    """Return the notebook's parameters for the options that differ from their defaults."""
    given: dict[str, str | int] = {
        "strategy": request.strategy,
        "method": request.method,
        "trials": request.trials,
        "objectives": ",".join(request.objectives),
        "seed": request.seed,
        "lookback_days": request.lookback_days,
        "data": request.data,
        "end": request.end.isoformat() if request.end else "",
        "symbols": ",".join(request.symbols),
        "bar_stamp": request.bar_stamp,
        "levels": "; ".join(f"{key}={value}" for key, value in request.levels),
        "changes": "; ".join(f"{key}={value}" for key, value in request.overrides),
    }
    return {name: value for name, value in given.items() if value != _DEFAULTS.get(name, "")}


def _parameter(text: str) -> tuple[str, str | int]:
    name, sign, value = text.partition("=")
    if not sign:
        msg = f"a parameter must be NAME=VALUE, was {text!r}"
        raise ConfigError(msg)
    if name in _WHOLE:
        if not value.isdecimal():
            msg = f"{name} must be a whole number, was {value!r}"
            raise ConfigError(msg)
        return name, int(value)
    return name, value


class _Progress:
    """A progress bar on standard error, made with the first trial."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        if not sys.stderr.isatty():
            return
        if self._bar is None:
            from tqdm import tqdm  # noqa: PLC0415 - only where somebody watches

            self._bar = tqdm(total=total, initial=done, unit="trial", file=sys.stderr)
        self._bar.update(done - self._bar.n)
        if done == total:
            self._bar.close()


def _tell(study: Mapping[str, Any]) -> None:
    window = study["window"]
    say(
        f"{study['strategy']} [{study['data_label']}] {window['first']} to {window['last']}, "
        f"{window['days']} days, {study['method']}, {len(study['trials'])} trials "
        f"({study['register']['trials']} ever made on it)"
    )
    chosen = study["chosen"]
    values = " ".join(f"{key}={value}" for key, value in chosen["params"].items())
    say(f"chosen: {values}")
    say(f"  Sharpe a year {_short(chosen['sharpe'])}, {chosen['trades']} trades")
    for row in study["findings"]:
        holds = "yes" if row["holds"] else "NO "
        say(f"  {holds}  {row['rule']}: {_short(row['found'])}, asked {row['limit']}")
    say("approvable" if study["approvable"] else "not approvable")


def _propose(bot: Bot, study: Mapping[str, Any], user: str, *, verified: bool) -> None:
    made = propose(bot, study, user, CLOCK, verified=verified)
    say(f"proposal {made.version} by {user}: nothing is changed before another person approves")
    say_next(f"rigd proposal show {made.version}")


def _short(value: object) -> str:
    return "n/a" if value is None else f"{float(str(value)):.4g}"
