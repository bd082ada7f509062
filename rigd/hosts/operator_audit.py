"""operator_audit.log: who did what beside a session, when and why; one line each."""

from __future__ import annotations

import getpass
import json
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from rigd.core.clock import iso

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rigd.core.ports import Clock
    from rigd.store.registry import Registry

WRITER = "rigd.hosts.operator_audit"


_acting: ContextVar[str] = ContextVar("acting", default="")


@contextmanager
def acting(person: str) -> Iterator[None]:
    """Let what is done inside be a person's who asked for it in the panel.

    Parameters
    ----------
    person
        Their name in SYSTEM_USERS.db; blank for whoever is at the keyboard.

    Yields
    ------
    None
        Nothing; the body runs.
    """
    token = _acting.set(person)
    try:
        yield
    finally:
        _acting.reset(token)


def name() -> str:
    """Return who acts: the person of `acting`, else who is at the keyboard."""
    if person := _acting.get():
        return person
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def audit(registry: Registry, clock: Clock, event: str, fields: Mapping[str, object]) -> None:
    """Append one row.

    Parameters
    ----------
    registry
        The door to the output files.
    clock
        Says when.
    event
        What was done, such as ``flags_cleared``.
    fields
        What else belongs to it.
    """
    row = {"timestamp": iso(clock.now()), "event": event, "by": name(), **fields}
    registry.append_line("operator_audit.log", json.dumps(row, sort_keys=True), writer=WRITER)
