"""``rigd backtest``: run a backtest in a notebook, print what it found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rigd.cli.console import CLOCK, open_home, say, say_json, say_next
from rigd.cli.session import pairs_of
from rigd.core.errors import ConfigError, ExitCode
from rigd.hosts.backtest import launch
from rigd.hosts.research import request_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rigd.hosts.backtest.launch import Ended

SOURCES = {"csv"}
"""Where bars may come from (document 050); files in other forms are read just the same."""


def run(
    *,
    strategy: str,
    start: str,
    end: str,
    data: str,
    symbols: str,
    bar_stamp: str,
    changes: Sequence[str],
    cash: str,
    config: str,
    data_source: str,
    as_json: bool,
) -> int:
    """Run one backtest; return the process's exit code.

    Parameters
    ----------
    strategy, start, end, data, symbols, bar_stamp, changes, cash, config, data_source, as_json
        The options as typed.

    Returns
    -------
    int
        0 also when nothing traded: the reasons are printed then.

    Raises
    ------
    ConfigError
        If an option is malformed.
    """
    if data_source.lower() not in SOURCES:
        msg = f"--data_source must be CSV, was {data_source!r}"
        raise ConfigError(msg, fix="give the folder of files with --data")
    request = request_of(
        strategy=strategy,
        data=str(Path(data).expanduser().absolute()) if data else "",
        start=start,
        end=end,
        symbols=symbols,
        bar_stamp=bar_stamp,
        overrides=pairs_of(changes, source="--set"),
        cash=cash,
    )
    home = open_home()
    settings_file = str(Path(config).expanduser().absolute()) if config else ""
    ended = launch.run(home, request, CLOCK, config=settings_file)
    if as_json:
        say_json({"record": str(ended.folder), "notebook": str(ended.notebook), **ended.summary})
    else:
        _print(ended, str(home.root))
    return int(ExitCode.OK)


def _print(ended: Ended, root: str) -> None:
    summary = ended.summary
    figures = summary["figures"]
    say(f"Backtest of {summary['strategy']}, {summary['start']} to {summary['end']} [BACKTEST]")
    sessions = ", ".join(f"{count} {way}" for way, count in summary["ways"].items())
    say(f"  data: {summary['data_label']}, {summary['sessions']} sessions ({sessions})")
    for way in summary["funnel"]:
        blocked = sum(item["count"] for item in way["blocked"])
        say(
            f"  {way['strategy']:<6} {way['candidates']} candidates, {way['signals']} signals, "
            f"{blocked} blocked, {way['orders']} orders, {way['trades']} trades"
        )
    say(
        f"Trades {summary['total_trades']}, PnL {summary['realised_pnl']} "
        f"{summary['units']['money']}, win rate {_shown(figures['win_rate'])}, "
        f"maximum drawdown {_shown(figures['max_drawdown'])}, Sharpe {_shown(figures['sharpe'])}"
    )
    if summary["reasons"]:
        say("Why nothing traded")
        for reason in summary["reasons"]:
            say(f"  {reason}")
    record = str(ended.folder).removeprefix(root).lstrip("/")
    say(f"Record  {record}/ (backtest.ipynb, plots.html)")
    say_next("jupyter lab notebooks/backtest.ipynb", "rigd session --set KEY=VALUE")


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.6g}"
