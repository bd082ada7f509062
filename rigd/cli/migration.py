"""``rigd config import``: take over what the bot of document stability kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rigd.cli.console import CLOCK, open_bot_of, open_home, read_named, say, say_next
from rigd.config import hot
from rigd.config.lines import decode
from rigd.config.migration import read_old, told
from rigd.config.parse import override
from rigd.core.errors import ConfigError, ExitCode
from rigd.hosts.configure import change_secret, change_settings

if TYPE_CHECKING:
    from rigd.config.migration import Imported


def run(file: str, environment: str, reason: str, *, take: bool) -> int:
    """Tell where each old name went; with `take` change settings and channels.

    Parameters
    ----------
    file, environment
        Path of ``config.yaml`` and of its exported environment, which may be ``-`` for standard
        input; blank for none.
    reason
        Why; kept in the audit log.
    take
        Whether anything is changed.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    ConfigError
        If a file is missing or wrong; nothing was changed.
    """
    if not file and not environment:
        msg = "a file of the old bot must be named: its config.yaml, or --environment, found none"
        raise ConfigError(msg)
    found = read_old(_text(file), _text(environment), source=Path(file).name or "config.yaml")
    bot = open_bot_of(open_home())
    changes = hot.changes(
        bot.settings, override(bot.settings, found.settings, source="rigd config import")
    )
    _tell(found, bot.identity.broker_code)
    for key, before, after in changes:
        say(f"{key}: {before or '(blank)'} -> {after or '(blank)'}")
    if not take:
        say(f"{len(changes)} setting(s) and {len(found.alerts)} field(s) of alerts.json to take")
        say_next("the same with --run takes them over")
        return int(ExitCode.OK)
    if changes:
        change_settings(bot, found.settings, reason, CLOCK)
    fields = change_secret(bot.home, "alerts", found.alerts, reason, CLOCK) if found.alerts else ()
    say(f"{len(changes)} setting(s) and {len(fields)} field(s) of alerts.json changed; audited")
    say_next("rigd config show", "rigd alerts test", f"delete {file or environment}")
    return int(ExitCode.OK)


def _text(path: str) -> str:
    if not path:
        return ""
    source = "standard input" if path == "-" else path
    return decode(read_named(path, what="a file of the old bot"), source=source)


def _tell(found: Imported, broker_code: str) -> None:
    for line in told(found):
        say(line)
    if found.broker and found.broker != broker_code:
        say(
            f"the old bot traded at {found.broker}, this one at {broker_code}: "
            "a bot at another broker lives in a RIGD_HOME of its own"
        )
