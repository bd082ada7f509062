"""``rigd config check|show|set|encrypt|decrypt``: the settings, validated and without secrets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rigd.cli.console import CLOCK, open_bot_of, open_home, read_named, say, say_json, say_next
from rigd.cli.session import pairs_of
from rigd.config.digest import digest
from rigd.config.lines import decode
from rigd.config.parse import parse_env
from rigd.core.errors import ConfigError, ExitCode
from rigd.hosts.bot import encryption_key
from rigd.hosts.configure import change_settings, decrypt_settings, encrypt_settings
from rigd.vault.fernet import open_fernet

if TYPE_CHECKING:
    from collections.abc import Sequence


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


def change(texts: Sequence[str], reason: str) -> int:
    """Change settings in the sealed file; a session that runs takes them in."""
    values = dict(pairs_of(texts, source="rigd config set"))
    done = change_settings(open_bot_of(open_home()), values, reason, CLOCK)
    for key, before, after in done.changes:
        say(f"{key}: {before or '(blank)'} -> {after or '(blank)'}")
    if not done.changes:
        say("nothing to change: the settings are so already")
    else:
        say(f"sealed in env/.env_bot.enc, generation {done.generation}; audited")
    if done.running and done.changes:
        say_next("the running session takes them in at its next minute; see main_bot.log")
    else:
        say_next("rigd config show", "rigd session")
    return int(ExitCode.OK)


def encrypt(file: str, reason: str, *, fernet: bool) -> int:
    """Seal a settings text with a new key; it comes from a file or standard input.

    Parameters
    ----------
    file
        Its path; ``-`` for standard input, which leaves no readable copy.
    reason
        Why; kept in the audit log.
    fernet
        Whether it is a Fernet token, to be opened with ENCRYPTION_KEY of ``env/.env``.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    ConfigError
        If there is no such file, or the text is not valid.
    """
    content = read_named(file, what="a settings file")
    home = open_home()
    if fernet:
        content = open_fernet(content, encryption_key(home))
    key_id = encrypt_settings(open_bot_of(home), content, reason, CLOCK)
    say(f"sealed in env/.env_bot.enc with the new key {key_id}; audited")
    if file != "-" and not fernet:
        say_next(f"delete the readable {file}")
    return int(ExitCode.OK)


def decrypt(reason: str) -> int:
    """Print the sealed settings as they are, byte for byte; audited."""
    sys.stdout.buffer.write(decrypt_settings(open_home(), reason, CLOCK))
    sys.stdout.buffer.flush()
    return int(ExitCode.OK)
