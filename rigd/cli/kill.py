"""``rigd kill``: close everything now, whatever else is broken; exit 0 only when verified flat."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from rigd.cli.console import CLOCK, IDS, open_home, say, say_json, say_next
from rigd.core.errors import ExitCode
from rigd.core.lines import one_line
from rigd.hosts.kill import Kill, Verdict
from rigd.hosts.kill_access import find_access

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rigd.hosts.kill import Killed


class _Capital(argparse.HelpFormatter):
    """Begins as the help of the other commands does."""

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[argparse._MutuallyExclusiveGroup],
        prefix: str | None = None,
    ) -> None:
        """Add the usage line."""
        super().add_usage(usage, actions, groups, prefix or "Usage: ")


def main(arguments: Sequence[str]) -> int:
    """Close the account; return the process's exit code.

    Parameters
    ----------
    arguments
        The options as typed. They are read by the standard library: what reads the other commands'
        options takes longer to load than the whole kill.

    Returns
    -------
    int
        0 only when the account is verified flat.
    """
    options = _parser().parse_args(arguments)
    home = open_home()
    access = find_access(home, options.bot)
    kill = Kill(home, access, CLOCK, IDS, tell=_tell, why=one_line(options.reason))
    try:
        killed = kill.run(options.patience or None)
    except KeyboardInterrupt:
        _tell(f"{Verdict.PENDING}: interrupted, NOT verified flat; by hand: {access.contact}")
        return int(ExitCode.INTERRUPTED)
    if options.json:
        say_json(_as_fields(killed))
    else:
        _print(killed, access.contact)
    return int(ExitCode.OK if killed.verdict is Verdict.FLAT else ExitCode.ERROR)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rigd kill",
        description="Cancel and close everything now, with nothing else of rigd working. "
        "Exit code 0 only when the broker was seen flat, twice.",
        formatter_class=_Capital,
        allow_abbrev=False,
    )
    parser.add_argument("--bot", default="", help="the bot's identity; the home's own without it")
    parser.add_argument("--reason", default="", help="why; goes into flag, kill switch and audit")
    parser.add_argument(
        "--patience", type=_seconds, default=0.0, help="give up after so many seconds; 0: never"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        msg = f"must be 0 or more seconds, was {text}"
        raise argparse.ArgumentTypeError(msg)
    return seconds


def _as_fields(killed: Killed) -> dict[str, object]:
    closing = killed.closing
    return {
        "account": killed.account,
        "verdict": killed.verdict.value,
        "first_cancel_s": closing.first_cancel_s,
        "took_s": closing.took_s,
        "cancels": closing.cancels,
        "closes": closing.closes,
        "problem": closing.problem,
        "unwritten": list(killed.unwritten),
    }


def _print(killed: Killed, contact: str) -> None:
    closing = killed.closing
    for text in killed.unwritten:
        _tell(f"could not be written, and the kill went on: {text}")
    if killed.verdict is Verdict.FLAT:
        say(
            f"{killed.account} is flat, verified with the broker: {closing.cancels} orders "
            f"cancelled, {len(closing.closes)} closes sent, {closing.took_s:.1f} s"
        )
        say_next("rigd flags clear; rigd session (closes its record); rigd risk reset --reason '…'")
        return
    _tell(f"{Verdict.PENDING}: NOT verified flat: {closing.problem or 'the bot has another owner'}")
    say_next(f"rigd kill again; by hand: {contact}")


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
