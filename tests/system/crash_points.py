"""Kill this very process at one write: before it, within it, or before or after its sync.

Installed in a child that a test starts. It steps between the product and the operating system where
the writes leave Python (`os.pwrite`, `os.fdatasync` of the chained logs, the ledger's commit), so
that the product itself knows nothing of it.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rigd.ledger.book import Ledger
from rigd.store import chainlog

if TYPE_CHECKING:
    from collections.abc import Callable

BEFORE, TORN, WRITTEN, SYNCED = "before", "torn", "written", "synced"
"""The moments around a record: not written, half written, written, synced."""
HOWS = (BEFORE, TORN, WRITTEN, SYNCED)

_FILES = {"journal.log": "journal", "simulated_broker": "broker"}

_CHANGES = (
    "pwrite",
    "write",
    "fsync",
    "fdatasync",
    "ftruncate",
    "replace",
    "rename",
    "symlink",
    "unlink",
    "mkdir",
)
"""Functions of ``os`` that change a file or make a change last."""


def die() -> None:
    """Leave like a process that is killed: at once, with no clean-up at all."""
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(slots=True)
class CrashPoint:
    """The write at which the process dies.

    Parameters
    ----------
    where
        ``journal``, ``broker``, ``ledger`` or ``disk`` (every change of the file system that
        leaves Python, and every commit); blank for nowhere: then writes are only counted.
    nth
        Which of them, from 1.
    how
        One of HOWS; for the ledger ``before``, ``written`` (not yet committed) or ``synced``.
    """

    where: str = ""
    nth: int = 0
    how: str = BEFORE
    counts: Counter[str] = field(default_factory=Counter)
    _due: str = ""

    def install(self) -> None:
        """Step between the product and the operating system, for this process's rest."""
        vars(chainlog)["os"] = _ChainOs(self)
        self._step_into_ledger()
        if self.where in {"disk", ""}:
            self._step_into_os()

    def reach(self, where: str) -> bool:
        """Count one write; tell whether it is the one."""
        self.counts[where] += 1
        return where == self.where and self.counts[where] == self.nth

    def _step_into_ledger(self) -> None:
        commit, mark = Ledger._commit, Ledger._append_mark

        @wraps(commit)
        def watched_commit(ledger: Ledger, *arguments: Any) -> int:
            mine = self.reach("ledger")
            if self.reach("disk") or (mine and self.how == BEFORE):
                die()
            self._due = "ledger" if mine else ""
            posted = commit(ledger, *arguments)
            if mine:
                die()
            return posted

        @wraps(mark)
        def watched_mark(ledger: Ledger, *arguments: Any) -> None:
            mark(ledger, *arguments)
            if self._due == "ledger" and self.how in {TORN, WRITTEN}:
                die()

        vars_of_class: Any = Ledger
        vars_of_class._commit = watched_commit
        vars_of_class._append_mark = watched_mark

    def _step_into_os(self) -> None:
        for name in _CHANGES:
            setattr(os, name, self._watched(getattr(os, name)))

    def _watched(self, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def watched(*arguments: Any, **named: Any) -> Any:
            if self.reach("disk"):
                die()
            return call(*arguments, **named)

        return watched


class _ChainOs:
    """What `rigd.store.chainlog` sees as the module ``os``."""

    def __init__(self, point: CrashPoint) -> None:
        self._point = point
        self._due = False

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def pwrite(self, descriptor: int, content: bytes, offset: int) -> int:
        """Write one record, or die around it."""
        point = self._point
        mine = point.reach(_kind_of(descriptor))
        if mine and point.how == BEFORE:
            die()
        if mine and point.how == TORN:
            os.pwrite(descriptor, content[: len(content) // 2], offset)
            die()
        written = os.pwrite(descriptor, content, offset)
        if mine and point.how == WRITTEN:
            die()
        self._due = self._due or mine
        return written

    def fdatasync(self, descriptor: int) -> None:
        """Sync, or die after it."""
        os.fdatasync(descriptor)
        if self._due:
            die()


def _kind_of(descriptor: int) -> str:
    path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
    return next((kind for part, kind in _FILES.items() if part in path), "other")
