"""The files of kill switch and defense mode: read, written, and tripped from outside a session."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rigd.risk import defense_mode
from rigd.risk.defense_mode import DefenseState
from rigd.risk.kill_switch import Cause, LatchState, trip, unreadable
from rigd.store import manifest
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from rigd.core.values import BotIdentity, Profile
    from rigd.store.paths import Home


def read_latch(path: Path) -> LatchState:
    """Return the kill switch's state of a bot: tripped when its file is broken, or was lost."""
    if not path.exists():
        if _was_sealed(path.parent):
            return unreadable(f"{path.name} is gone beside sealed sessions")
        return LatchState()
    try:
        held = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        return unreadable(f"{path.name}: {error}")
    if isinstance(held, dict):
        held.pop("profile", None)
        held.pop("test_mode", None)
    return LatchState.from_json(held)


def read_defense(path: Path) -> DefenseState:
    """Return what defense mode of a bot left behind: on when its file is broken, or was lost."""
    if not path.exists():
        if _was_sealed(path.parent):
            return defense_mode.unreadable(f"{path.name} is gone beside sealed sessions")
        return DefenseState()
    try:
        held = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        return defense_mode.unreadable(f"{path.name}: {error}")
    if isinstance(held, dict):
        held.pop("profile", None)
        held.pop("test_mode", None)
    return DefenseState.from_json(held)


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


def _was_sealed(tree: Path) -> bool:
    return any((tree / "sessions").glob(f"*/{manifest.NAME}"))
