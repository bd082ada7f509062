"""The files of kill switch and defense mode: read, written, and tripped from outside a session."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar

from rigd.risk import defense_mode, kill_switch
from rigd.risk.defense_mode import DefenseState
from rigd.risk.kill_switch import Cause, LatchState, trip
from rigd.store import manifest
from rigd.store.paths import SESSIONS
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from rigd.core.values import BotIdentity, Profile
    from rigd.store.paths import Home

_State = TypeVar("_State", LatchState, DefenseState)


def read_latch(path: Path) -> LatchState:
    """Return the kill switch's state of a bot: tripped when its file is broken, or was lost."""
    return _read(path, LatchState(), LatchState.from_json, kill_switch.unreadable)


def read_defense(path: Path) -> DefenseState:
    """Return what defense mode of a bot left behind: on when its file is broken, or was lost."""
    return _read(path, DefenseState(), DefenseState.from_json, defense_mode.unreadable)


def state_text(
    state: LatchState | DefenseState, profile: Profile, *, test_mode: bool = False
) -> bytes:
    """Return the content of risk_state.json or defense_state.json."""
    fields = {"profile": profile.value, "test_mode": test_mode} | state.to_json()
    return json.dumps(fields, indent=1, sort_keys=True).encode() + b"\n"


def trip_latch(
    home: Home, identity: BotIdentity, profile: Profile, *, cause: Cause, why: str, at: datetime
) -> None:
    """Trip a bot's kill switch while no session runs; the caller holds the session's lock.

    Parameters
    ----------
    home, identity, profile
        Whose kill switch.
    cause, why
        Why; a switch that is tripped already keeps its cause.
    at
        The instant, UTC.
    """
    path = home.bot(identity).risk_state
    state = trip(read_latch(path), cause=cause, detail=why, at=at)
    with Registry(home, identity) as registry:
        content = state_text(state, profile, test_mode=home.test_mode)
        registry.write("risk_state.json", content, writer="rigd.engine.session")


def _read(
    path: Path,
    fresh: _State,
    from_json: Callable[[object], _State],
    unreadable: Callable[[str], _State],
) -> _State:
    """Return a state as its file has it; a file that is broken, or lost, is never a fresh one."""
    if not path.exists():
        if any((path.parent / SESSIONS).glob(f"*/{manifest.NAME}")):
            return unreadable(f"{path.name} is gone beside sealed sessions")
        return fresh
    try:
        held = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        return unreadable(f"{path.name}: {error}")
    if isinstance(held, dict):
        held.pop("profile", None)
        held.pop("test_mode", None)
    return from_json(held)
