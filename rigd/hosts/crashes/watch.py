"""Watch one process through its calls: hit it where it is asked, and see what it dares to send."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rigd.hosts.crashes.boundaries import (
    BROKER,
    ERRNO,
    SYNCS,
    WRITES,
    Boundary,
    Fault,
    Reader,
)
from rigd.hosts.crashes.calls import CallDoor, open_memory
from rigd.store.chainlog import used_length
from rigd.store.images import write_torn

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rigd.core.ports import ControlClock

SILENCE_S: Final = 60.0
"""How long a process may neither change a file nor end [s]."""

_JOURNAL: Final = "journal.log"
_INTENT: Final = b'"kind":"OrderIntent"'
_RECONCILED: Final = b'"kind":"Reconciled"'


@dataclass(frozen=True, slots=True)
class Moment:
    """A fault at one boundary, from 1; the undisturbed run has neither."""

    fault: Fault | None = None
    nth: int = 0


@dataclass(slots=True)
class Watched:
    """What was seen of one process.

    Parameters
    ----------
    counts
        Its boundaries by name.
    hit
        The boundary that the fault met; blank when it was not reached.
    wrongs
        What it did that it must never do.
    reconciled_s
        How long after its start the first reconciliation was on record [s]; None without one.
    """

    counts: Counter[str] = field(default_factory=Counter)
    hit: str = ""
    wrongs: list[str] = field(default_factory=list)
    reconciled_s: float | None = None


class OrderRules:
    """What must hold whenever an order leaves: its intent is durable, and we are reconciled.

    Parameters
    ----------
    wrongs
        Violations are added here.
    """

    def __init__(self, wrongs: list[str]) -> None:
        self._wrongs = wrongs
        self._written: set[str] = set()
        self._durable: set[str] = set()
        self._reconciled = False
        self._failed = False

    def known(self, journal: bytes) -> None:
        """Take in what the journal held when the process started."""
        self._durable |= _intents(journal)

    def see(self, boundary: Boundary, *, refused: bool) -> None:
        """Look at one call that happens, or was refused."""
        if boundary.file.endswith(_JOURNAL) and boundary.kind in {*WRITES, *SYNCS}:
            self._see_journal(boundary, refused=refused)
        elif boundary.file == BROKER and boundary.to != "cancel":
            self._see_order(boundary)

    def _see_journal(self, boundary: Boundary, *, refused: bool) -> None:
        if self._failed:
            self._wrongs.append(f"the journal was used after it failed: {boundary.kind}")
        self._failed = self._failed or refused
        if refused:
            return
        if boundary.kind in SYNCS:
            self._durable |= self._written
            return
        self._written |= _intents(boundary.content)
        self._reconciled = self._reconciled or _RECONCILED in boundary.content

    def _see_order(self, boundary: Boundary) -> None:
        asked = json.loads(boundary.content)
        request = asked.get("request") or asked.get("new")
        cl_ord_id = _id_in(request)
        if cl_ord_id not in self._durable:
            self._wrongs.append(f"order {cl_ord_id} was sent before its intent was durable")
        if not self._reconciled:
            self._wrongs.append(f"order {cl_ord_id} was sent before the first reconciliation")
        if self._failed:
            self._wrongs.append(f"order {cl_ord_id} was sent after the journal had failed")


def watch(
    door: CallDoor,
    pid: int,
    home: Path,
    moment: Moment,
    clock: ControlClock,
    on_call: Callable[[Boundary], None] | None = None,
) -> Watched:
    """Answer every call of a process until it has ended.

    Parameters
    ----------
    door, pid
        The process and the door to it.
    home
        The home of its session.
    moment
        Where it is hit.
    clock
        Measures how long it takes.
    on_call
        Called with each boundary that happens.

    Returns
    -------
    Watched
        What was seen.
    """
    seen = Watched()
    rules = OrderRules(seen.wrongs)
    for journal in home.glob(f"runs/*/sessions/*/{_JOURNAL}"):
        rules.known(journal.read_bytes())
    memory = open_memory(pid)
    reader, began, number = Reader(home, memory.fileno()), clock.monotonic(), 0
    full = False
    try:
        while (call := door.wait(SILENCE_S)) is not None:
            boundary = reader.read(call)
            if boundary is None:
                door.go_on(call)
                continue
            number += 1
            seen.counts[boundary.name] += 1
            due = number == moment.nth
            if due:
                seen.hit = boundary.name
                full = moment.fault is Fault.FULL
            error = _error(moment, boundary, due=due, full=full)
            rules.see(boundary, refused=error != 0)
            if due and moment.fault in {Fault.KILL, Fault.TORN}:
                _kill(pid, home, boundary, torn=moment.fault is Fault.TORN)
                continue
            if due and moment.fault is Fault.INT:
                os.kill(pid, signal.SIGINT)
            if error:
                door.refuse(call, error)
                continue
            if seen.reconciled_s is None and _RECONCILED in boundary.content:
                seen.reconciled_s = clock.monotonic() - began
            if on_call is not None:
                on_call(boundary)
            door.go_on(call)
    except TimeoutError:
        seen.wrongs.append(f"the process did nothing for {SILENCE_S:g} s")
        os.kill(pid, signal.SIGKILL)
    finally:
        memory.close()
    return seen


def _error(moment: Moment, boundary: Boundary, *, due: bool, full: bool) -> int:
    """Return the error that a call gets, 0 when it happens."""
    if moment.fault not in ERRNO:
        return 0
    if due or (full and boundary.takes_room):
        return ERRNO[moment.fault]
    return 0


def _kill(pid: int, home: Path, boundary: Boundary, *, torn: bool) -> None:
    if torn:
        half = boundary.content[: len(boundary.content) // 2]
        write_torn(home / boundary.file, half, boundary.offset)
    os.kill(pid, signal.SIGKILL)


def _intents(lines: bytes) -> set[str]:
    """Return the ids of the orders that whole lines of a journal intend."""
    if _INTENT not in lines:
        return set()
    whole = [line for line in lines[: used_length(lines)].splitlines() if line.endswith(b"}")]
    return {str(json.loads(line)["data"]["cl_ord_id"]) for line in whole if _INTENT in line}


def _id_in(request: object) -> str:
    """Return the client's id that a packed order request carries."""
    if isinstance(request, dict):
        for name, value in request.items():
            if name == "cl_ord_id":
                return str(value)
            found = _id_in(value)
            if found:
                return found
    return ""
