"""What the command line prints: text for people, one JSON object for programs."""

from __future__ import annotations

import getpass
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rigd.core.clock import SystemClock
from rigd.core.errors import ConfigError
from rigd.core.ids import SystemIds

if TYPE_CHECKING:
    from rigd.access.roles import Action
    from rigd.hosts.bot import Bot
    from rigd.store.paths import Home

CLOCK = SystemClock()
IDS = SystemIds()


def say(text: str) -> None:
    """Print text to standard output."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()


def say_next(*steps: str) -> None:
    """Print what to do next."""
    say("next: " + "; ".join(steps))


def say_json(fields: dict[str, Any]) -> None:
    """Print one JSON object."""
    say(json.dumps(fields, indent=1, sort_keys=True, default=str))


def read_named(path: str, *, what: str) -> bytes:
    """Return what a file that was typed holds; ``-`` stands for standard input.

    Parameters
    ----------
    path
        As typed.
    what
        What it should be, for the message.

    Returns
    -------
    bytes
        Its content.

    Raises
    ------
    ConfigError
        If there is no such file.
    """
    if path == "-":
        return sys.stdin.buffer.read()
    if not Path(path).is_file():
        msg = f"{what} must exist, found none at {path}"
        raise ConfigError(msg)
    return Path(path).read_bytes()


def read_password(*, new: bool = False, whose: str = "") -> str:
    """Return a password: typed without an echo, or the one line of a pipe.

    Parameters
    ----------
    new
        Whether it is being chosen: at a terminal it is typed twice.
    whose
        The user's name, for the question.

    Returns
    -------
    str
        As typed.

    Raises
    ------
    ConfigError
        If the two are not the same.
    """
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass(f"password of {whose}: " if whose else "password: ")
    if new and getpass.getpass("again: ") != first:
        msg = "the two passwords must be the same, they differ"
        raise ConfigError(msg, fix="type it again")
    return first


def proved(home: Home, user: str, action: Action) -> tuple[str, bool]:
    """Ask who acts for their password where the home has users; nobody can prove it elsewhere.

    Parameters
    ----------
    home
        Whose users.
    user
        As typed; the system's user when blank.
    action
        What is about to be done.

    Returns
    -------
    tuple
        The name, and whether it was proven.

    Raises
    ------
    AccessError
        If name or password are wrong, the user is disabled, locked out, or may not.
    """
    from rigd.access.directory import has_users, prove  # noqa: PLC0415 - keeps `rigd --help` light
    from rigd.hosts.operator_audit import name  # noqa: PLC0415 - keeps `rigd --help` light

    user = user or name()
    if not has_users(home, CLOCK):
        return user, False
    prove(home, CLOCK, user, read_password(whose=user), action)
    return user, True


def open_home() -> Home:
    """Return the home that RIGD_HOME names, else the checkout's."""
    from rigd.config.sources import rigd_home  # noqa: PLC0415 - keeps `rigd --help` light
    from rigd.store.paths import Home as Place  # noqa: PLC0415 - keeps `rigd --help` light

    return Place(rigd_home())


def open_bot_of(home: Home) -> Bot:
    """Return the bot of a home, or raise ConfigError when there is none yet."""
    from rigd.config.sources import checkout  # noqa: PLC0415 - keeps `rigd --help` light
    from rigd.hosts import bot  # noqa: PLC0415 - keeps `rigd --help` light

    if not bot.is_provisioned(home):
        msg = f"{home.root} must hold a bot, found none"
        raise ConfigError(msg, fix="run `rigd session` once: it provisions the demo, marked TEST")
    return bot.open_bot(home, checkout() / "VERSION.md")
