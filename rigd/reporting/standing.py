"""Where the bot stands, as a reader may tell it: bot_state.txt counts while its writer lives.

The supervisor alone writes that file (JUPYTER §7). When it is dead its last word goes stale, while
an engine that lives obeys stop and kill by itself: then status.json says more, and after its end it
is the last that is known of the session.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from rigd.core.errors import StorageError
from rigd.core.lifecycle import GROUPS, BotState, StateGroup
from rigd.reporting.status import NAME
from rigd.store.files import read_plain
from rigd.store.lease import Phase, read_lease
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rigd.core.values import BotIdentity
    from rigd.store.paths import Home

_STALE = frozenset(
    state
    for group in (StateGroup.READY, StateGroup.RUNNING, StateGroup.CLOSING)
    for state in GROUPS[group]
)
"""What nobody is without a process; a bot that is stopped, in error or down stays it."""


class Standing(NamedTuple):
    """Where the bot stands.

    `state` is None when nobody says it, and `told` is what a person should know where no supervisor
    lives; blank where one does.
    """

    state: BotState | None
    told: str


def standing(home: Home, bot: BotIdentity | None) -> Standing:
    """Return where a bot stands.

    Parameters
    ----------
    home
        Its home.
    bot
        Which; None before there is one.

    Returns
    -------
    Standing
        Of bot_state.txt while a supervisor lives, else of the engine's own words.
    """
    said = _state(_text(Registry(home).path("bot_state.txt")))
    resident = read_lease(home.resident_lease)
    if resident is not None and resident.owner.lives:
        return Standing(said, "")
    resting = None if said in _STALE else said
    if bot is None:
        return Standing(resting, "no supervisor")
    lease = read_lease(home.bot(bot).lease)
    status = _fields(Registry(home, bot).path(NAME))
    name = status.get("session")
    state = _state(str(status.get("state", "")))
    if lease is not None and lease.phase is not Phase.ENDED and lease.owner.lives:
        if status.get("pid") != lease.owner.pid:
            return Standing(None, "no supervisor; an engine starts")
        return Standing(state, f"no supervisor; the engine of session {name} goes on by itself")
    if not name or state is None:
        return Standing(resting, "no supervisor")
    held = len(status.get("positions") or ())
    holds = f"{held} positions held" if held else "nothing held"
    return Standing(resting, f"no supervisor; the last word of session {name}: {state}, {holds}")


def _state(text: str) -> BotState | None:
    with suppress(ValueError):
        return BotState(text.strip())
    return None


def _text(path: Path) -> str:
    with suppress(StorageError):
        return read_plain(path).decode("ascii", "replace")
    return ""


def _fields(path: Path) -> Mapping[str, Any]:
    with suppress(ValueError, RecursionError):
        found = json.loads(_text(path) or "{}")
        return found if isinstance(found, dict) else {}
    return {}
