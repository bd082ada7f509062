"""``rigd kill``: close everything now, whatever else is broken; exit 0 only when verified flat."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rigd.cli.console import CLOCK, IDS, open_home, say, say_json, say_next
from rigd.core.errors import ExitCode
from rigd.hosts.kill import Kill, Verdict
from rigd.hosts.kill_access import find_access

if TYPE_CHECKING:
    from rigd.hosts.kill import Killed


def run(*, bot: str, reason: str, patience_s: float, as_json: bool) -> int:
    """Close the account; return the process's exit code.

    Parameters
    ----------
    bot, reason, patience_s, as_json
        The options as typed; a patience of 0 has no end.

    Returns
    -------
    int
        0 only when the account is verified flat.
    """
    home = open_home()
    access = find_access(home, bot)
    kill = Kill(home, access, CLOCK, IDS, tell=_tell, why=reason)
    try:
        killed = kill.run(patience_s or None)
    except KeyboardInterrupt:
        _tell(f"{Verdict.PENDING}: interrupted, NOT verified flat; by hand: {access.contact}")
        return int(ExitCode.INTERRUPTED)
    if as_json:
        say_json(_fields(killed))
    else:
        _print(killed, access.contact)
    return int(ExitCode.OK if killed.verdict is Verdict.FLAT else ExitCode.ERROR)


def _fields(killed: Killed) -> dict[str, object]:
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
