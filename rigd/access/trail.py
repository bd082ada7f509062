"""The logs of access: every attempt, every change of a user, every session; hashes, never secrets.

One writer each (document 070): ``auth_web.log`` has the log-ins, ``security_users.log`` the changes
of roles and passwords, ``system_users.log`` users that come and go,
``user_activity_monitoring.log`` sessions and refusals, ``password_reset_tokens.log`` tokens.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING

from rigd.core.clock import iso

if TYPE_CHECKING:
    from rigd.core.ports import Clock
    from rigd.store.registry import Registry

WRITER = "rigd.access.trail"
_TAIL_BYTES = 1 << 16


class Log(StrEnum):
    """The files, by what they hold."""

    AUTH = "auth_web.log"
    SECURITY = "security_users.log"
    USERS = "system_users.log"
    ACTIVITY = "user_activity_monitoring.log"
    TOKENS = "password_reset_tokens.log"


class Trail:
    """Writes rows of access.

    Parameters
    ----------
    registry
        The door to the output files.
    clock
        Says when.
    """

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock

    def note(self, log: Log, event: str, *, by: str, **fields: object) -> None:
        """Append one row.

        Parameters
        ----------
        log
            Which file.
        event
            What happened, such as ``login_refused``.
        by
            The user who did it or tried to; blank for one that does not exist.
        fields
            What else belongs to it; never a password, a token or a session's id.
        """
        self.append(log, self.line(event, by=by, **fields))

    def line(self, event: str, *, by: str, **fields: object) -> str:
        """Return a row as text, for `append` later; the parameters are those of `note`."""
        row = {"timestamp": iso(self._clock.now()), "event": event, "by": by, **fields}
        return json.dumps(row, sort_keys=True)

    def append(self, log: Log, line: str) -> None:
        """Append a row that `line` made."""
        self._registry.append_line(log.value, line, writer=WRITER)

    def holds(self, log: Log, line: str) -> bool:
        """Tell whether a row is among the last 64 KiB of its log."""
        path = self._registry.path(log.value)
        return path.exists() and line.encode() in path.read_bytes()[-_TAIL_BYTES:].splitlines()
