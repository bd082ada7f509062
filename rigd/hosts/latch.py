"""The files of kill switch and defense mode: read, written, and tripped from outside a session."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, TypeVar

from rigd.core.errors import StorageError
from rigd.risk import defense_mode, kill_switch
from rigd.risk.defense_mode import DefenseState
from rigd.risk.kill_switch import Cause, LatchState, trip
from rigd.store import manifest
from rigd.store.files import overwrite, read_plain
from rigd.store.paths import SESSIONS
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from rigd.core.values import BotIdentity, Profile
    from rigd.store.paths import BotTree, Home

WRITER = "rigd.engine.session"

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
    content = state_text(state, profile, test_mode=home.test_mode)
    with Registry(home, identity) as registry:
        save_latch(registry, state, content)


def save_latch(registry: Registry, state: LatchState, content: bytes) -> None:
    """Write a kill switch's file; a tripped one also on a disk that takes no new file.

    It is written over where it lies then: torn by a crash, it reads as tripped too.

    Parameters
    ----------
    registry
        The door to the bot's files.
    state, content
        The kill switch, and what `state_text` made of it.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    try:
        registry.write("risk_state.json", content, writer=WRITER)
    except StorageError:
        if not state.tripped:
            raise
        overwrite(registry.claim("risk_state.json", writer=WRITER), content)


def note_kill(home: Home, identity: BotIdentity, profile: Profile) -> None:
    """Let a bot's next session begin in defense mode; the caller holds the session's lock.

    Parameters
    ----------
    home, identity, profile
        Whose defense mode.
    """
    state = defense_mode.after_kill(read_defense(home.bot(identity).defense_state))
    content = state_text(state, profile, test_mode=home.test_mode)
    with Registry(home, identity) as registry:
        registry.write("defense_state.json", content, writer=WRITER)


def begin_states(tree: BotTree, profile: Profile, registry: Registry, *, test_mode: bool) -> None:
    """Write the first state of kill switch and defense mode, before a session counts or records.

    A file that is missing later was lost then, and counts as tripped and on.

    Parameters
    ----------
    tree, profile
        Whose; the caller holds the session's lock.
    registry
        The door to the bot's files.
    test_mode
        Whether they are those of a dry run.
    """
    states = (
        ("risk_state.json", tree.risk_state, read_latch(tree.risk_state)),
        ("defense_state.json", tree.defense_state, read_defense(tree.defense_state)),
    )
    for name, path, state in states:
        if not path.exists():
            content = state_text(state, profile, test_mode=test_mode)
            registry.write(name, content, writer=WRITER)


def _read(
    path: Path,
    fresh: _State,
    from_json: Callable[[object], _State],
    unreadable: Callable[[str], _State],
) -> _State:
    """Return a state as its file has it; a file that is broken, or lost, is never a fresh one."""
    if not os.path.lexists(path):
        left = _left_by_sessions(path.parent)
        return unreadable(f"{path.name} is gone beside {left}") if left else fresh
    try:
        held = json.loads(read_plain(path))
    except (StorageError, ValueError, RecursionError) as error:
        return unreadable(f"{path.name}: {error}")
    if isinstance(held, dict):
        held.pop("profile", None)
        held.pop("test_mode", None)
    return from_json(held)


def _left_by_sessions(root: Path) -> str:
    """Return what shows that sessions ran in a bot's tree; blank when nothing does."""
    patterns = ("lease_epoch", f"{SESSIONS}/*/journal.log", f"{SESSIONS}/*/{manifest.NAME}")
    found = (path for pattern in patterns for path in root.glob(pattern))
    path = next(found, None)
    return "" if path is None else str(path.relative_to(root))
