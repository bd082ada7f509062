"""``rigd config check|show``: the settings, validated and without secrets."""

from __future__ import annotations

from pathlib import Path

from rigd.cli.console import open_bot_of, open_home, say, say_json, say_next
from rigd.config.digest import digest
from rigd.config.lines import decode
from rigd.config.parse import parse_env
from rigd.core.errors import ConfigError, ExitCode


def check(file: str) -> int:
    """Check a settings file, or the bot's own; every error is reported at once."""
    if file:
        path = Path(file)
        if not path.is_file():
            msg = f"a settings file must exist, found none at {file}"
            raise ConfigError(msg)
        settings = parse_env(decode(path.read_bytes(), source=file), source=file)
        source = file
    else:
        bot = open_bot_of(open_home())
        settings, source = bot.settings, bot.settings_source
    say(f"{source}: valid, {len(settings.public_items())} settings, digest {digest(settings)[:16]}")
    say_next("rigd config show", "rigd session")
    return int(ExitCode.OK)


def show(*, as_json: bool) -> int:
    """Show every setting in force."""
    bot = open_bot_of(open_home())
    items = bot.settings.public_items()
    if as_json:
        say_json({"source": bot.settings_source, "settings": dict(items)})
        return int(ExitCode.OK)
    width = max(len(name) for name, _ in items)
    say(f"{bot.identity} [{bot.profile.value}] from {bot.settings_source}")
    for name, value in items:
        say(f"  {name.ljust(width)}  {value}")
    say_next("change one for a session: rigd session --set KEY=VALUE")
    return int(ExitCode.OK)
