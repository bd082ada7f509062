"""``rigd keys``: exchange the key that every secret is sealed with."""

from __future__ import annotations

from rigd.cli.console import CLOCK, open_bot_of, open_home, say, say_next
from rigd.core.errors import ExitCode
from rigd.hosts.keys import rotate_keys


def rotate(reason: str) -> int:
    """Draw a new key and seal every secret anew; one audit row.

    Parameters
    ----------
    reason
        Why; kept in the audit log.

    Returns
    -------
    int
        The exit code.
    """
    home = open_home()
    open_bot_of(home)
    say(f"every secret is sealed with the new key {rotate_keys(home, CLOCK, reason)}")
    say("the sealed files before it lie in runs/backups/secrets_…, their key in env/keys/retired/")
    say_next("rigd doctor")
    return int(ExitCode.OK)
