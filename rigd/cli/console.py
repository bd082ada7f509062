"""What the command line prints: text for people, one JSON object for programs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from rigd.core.clock import SystemClock
from rigd.core.errors import ConfigError
from rigd.core.ids import SystemIds

if TYPE_CHECKING:
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
