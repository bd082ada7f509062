"""What the resident supervisor knows over a restart, and the record of its launches.

``control/resident.json`` is replaced whenever something of it changes; the panel reads it too.
``launches.log`` has one row for each session that was begun, ended or missed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from rigd.core.clock import iso
from rigd.core.lifecycle import BotState
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from rigd.core.ports import Clock
    from rigd.store.paths import Home

WRITER = "rigd.hosts.up.memory"
FILE = "resident.json"
LOG = "launches.log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is kept.

    Parameters
    ----------
    armed
        Whether sessions begin by schedule.
    by, since
        Who armed it and when, ISO 8601 UTC; blank when it is not.
    rest
        The state that it rests in while no session runs: idle, stopped or error.
    reason
        Why it is stopped or in error, for people.
    done
        The newest exchange day that was launched or missed, ISO 8601; blank for none.
    next_day, next_at
        The next launch of the schedule; blank when there is none.
    panel_port, health_port
        Where the two answer on loopback; 0 for nowhere.
    panel_pid, panel_born, panel_boot
        The panel's process, so that a supervisor that comes later can end it.
    """

    armed: bool = False
    by: str = ""
    since: str = ""
    rest: str = BotState.IDLE.value
    reason: str = ""
    done: str = ""
    next_day: str = ""
    next_at: str = ""
    panel_port: int = 0
    health_port: int = 0
    panel_pid: int = 0
    panel_born: int = 0
    panel_boot: str = ""

    @property
    def done_day(self) -> date | None:
        """The newest exchange day that was launched or missed."""
        return date.fromisoformat(self.done) if self.done else None


class Memory:
    """Keeps `Known` on disk.

    Parameters
    ----------
    home
        Whose.
    clock
        Says when.

    Attributes
    ----------
    profile
        The bot's profile, for the rows of the record; blank while there is no bot.
    """

    def __init__(self, home: Home, clock: Clock) -> None:
        self._home = home
        self._clock = clock
        self.profile = ""
        self.known = self._written = read_known(home)
        self._rows: list[str] = []

    def change(self, **fields: object) -> None:
        """Change what is known; nothing is written when it was known already.

        Raises
        ------
        StorageError
            If it could not be written; it is known all the same, and `save` tries again.
        """
        self.known = replace(self.known, **fields)  # type: ignore[arg-type] # names of the fields
        self.save()

    def record(self, event: str, **fields: object) -> None:
        """Append a row to the record of launches: ``begun``, ``ended`` or ``missed``.

        Raises
        ------
        StorageError
            As `change`.
        """
        marks = {"profile": self.profile} if self.profile else {}
        row = {"timestamp": iso(self._clock.now()), "event": event, **marks, **fields}
        self._rows.append(json.dumps(row, sort_keys=True))
        self.save()

    def save(self) -> None:
        """Write what is not written yet; nothing where all is.

        Raises
        ------
        StorageError
            If the disk refuses.
        """
        if not self._rows and self.known == self._written:
            return
        with Registry(self._home) as registry:
            if self.known != self._written:
                content = json.dumps(asdict(self.known), indent=1).encode() + b"\n"
                registry.write(FILE, content, writer=WRITER)
                self._written = self.known
            while self._rows:
                registry.append_line(LOG, self._rows[0], writer=WRITER)
                self._rows.pop(0)


def read_known(home: Home) -> Known:
    """Return what the file says; what is missing or malformed is not armed and stopped.

    Parameters
    ----------
    home
        Whose.

    Returns
    -------
    Known
        Fresh where there is no file: a supervisor never ran here.
    """
    with Registry(home) as registry:
        content = registry.read(FILE)
    if not content:
        return Known()
    known = _parsed(content)
    if known is None:
        return Known(rest=BotState.STOPPED.value, reason=f"{FILE} was broken: start it again")
    return known


def _parsed(content: bytes) -> Known | None:
    try:
        known = Known(**json.loads(content))
        _ = known.done_day
    except (TypeError, ValueError):
        return None
    rests = {BotState.IDLE, BotState.STOPPED, BotState.ERROR}
    fresh = asdict(Known())
    same = all(type(value) is type(fresh[name]) for name, value in asdict(known).items())
    return known if same and known.rest in rests else None
