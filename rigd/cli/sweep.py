"""``rigd sweep`` and ``rigd warmup``: many parameter sets, and the kernels that run them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from rigd.cli.console import open_home, say, say_json, say_next
from rigd.core.errors import ConfigError, ExitCode
from rigd.hosts.sweep import warmup as warm
from rigd.hosts.sweep.notebook import sweep
from rigd.hosts.sweep.result import RANKS

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN = 10
"""Combinations that are printed."""


def run(*, changes: Sequence[str], by: str, as_json: bool, **asked: Any) -> int:  # noqa: ANN401 - the options of `notebook.sweep`
    """Run a sweep and print its best combinations.

    Parameters
    ----------
    changes
        Settings as KEY=VALUE.
    by
        What the combinations are ranked by.
    as_json
        Print one JSON object.
    asked
        The options of `rigd.sweep` as typed.

    Returns
    -------
    int
        0 when it was finished, 7 when it was interrupted.

    Raises
    ------
    ConfigError
        If an option makes no sense.
    """
    if by not in RANKS:
        msg = f"--by must be one of {', '.join(RANKS)}, was {by!r}"
        raise ConfigError(msg)
    settings = {}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals:
            msg = f"--set must be KEY=VALUE, was {change!r}"
            raise ConfigError(msg)
        settings[key.strip()] = value.strip()
    try:
        result = sweep(settings=settings, progress=not as_json, home=open_home(), **asked)
    except KeyboardInterrupt as interrupted:
        sys.stderr.write(f"{interrupted}\n")
        return int(ExitCode.INTERRUPTED)
    if as_json:
        say_json(result.summary())
        return int(ExitCode.OK)
    say(f"{len(result)} combinations, {len(result.symbols)} symbols, {result.days} days")
    best = result.ranking(by)[:SHOWN]
    values = list(result.values())
    for number in best:
        keys = zip(result.axes, values[number], strict=True)
        setting = " ".join(f"{axis.key}={value or 'off'}" for axis, value in keys)
        trades, pnl, wins, drawdown, held, _ = result.outputs[number].tolist()
        say(
            f"  {setting}: {trades:.0f} trades, PnL {pnl:.2f}, wins {wins / trades:.0%}, "
            f"drawdown {drawdown:.2f}, {held / trades:.1f} min"
        )
    if not len(best):
        say("no combination has enough trades to be ranked")
    say(f"all of them: {result.table}")
    say_next("rigd.sweep(...) in a notebook gives the same with a heat map")
    return int(ExitCode.OK)


def warmup() -> int:
    """Compile every kernel into the home's cache, one line each; return 0."""
    for line in warm.run(open_home()):
        say(line)
    say_next("rigd sweep --strategy open --grid STRAT_OPEN_BUFFER=0.002:0.02:0.002 …")
    return int(ExitCode.OK)
