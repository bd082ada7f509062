"""What is seen of one process at its door, and what it must never do."""

from __future__ import annotations

import errno
import json
from typing import TYPE_CHECKING

import pytest

from rigd.core.clock import SystemClock
from rigd.hosts.crashes.boundaries import BROKER, Boundary, Fault
from rigd.hosts.crashes.watch import Moment, OrderRules, watch
from tests.hosts.crashes.children import standing

if TYPE_CHECKING:
    from pathlib import Path

JOURNAL = "runs/RIGD_USA_SIM_01/sessions/2013-10-07_1/journal.log"


def record(kind: str, **data: str) -> Boundary:
    """A journal record that is written."""
    line = json.dumps({"seq": 1, "kind": kind, "data": data}, separators=(",", ":"))
    return Boundary(kind="pwrite64", file=JOURNAL, content=f"{line}\n".encode())


def order(cl_ord_id: str, operation: str = "submit") -> Boundary:
    """A message that sends an order."""
    request = {"is": "OrderRequest", "fields": {"cl_ord_id": cl_ord_id}}
    asked = {"op": operation, "new" if operation == "replace" else "request": request}
    return Boundary(kind="sendto", file=BROKER, to=operation, content=json.dumps(asked).encode())


SYNC = Boundary(kind="fdatasync", file=JOURNAL)
RECONCILED = record("Reconciled")
INTENT = record("OrderIntent", cl_ord_id="A-1")


@pytest.mark.parametrize(
    ("calls", "wrong"),
    [
        ([RECONCILED, INTENT, SYNC, order("A-1")], ""),
        ([RECONCILED, INTENT, SYNC, order("A-1", "replace")], ""),
        ([RECONCILED, INTENT, order("A-1")], "before its intent was durable"),
        ([RECONCILED, SYNC, order("A-1")], "before its intent was durable"),
        ([RECONCILED, INTENT, SYNC, order("A-2")], "before its intent was durable"),
        ([INTENT, SYNC, order("A-1")], "before the first reconciliation"),
    ],
    ids=["in order", "replaced", "not synced", "not written", "another", "not reconciled"],
)
def test_an_order_leaves_after_its_durable_intent_and_the_reconciliation(
    calls: list[Boundary], wrong: str
) -> None:
    """FAULTS I-01 and I-14 are looked at whenever a message leaves the process."""
    wrongs: list[str] = []
    rules = OrderRules(wrongs)
    for call in calls:
        rules.see(call, refused=False)
    assert len(wrongs) == bool(wrong)
    assert wrong in "".join(wrongs)


def test_an_intent_of_an_earlier_process_counts() -> None:
    """What the journal held at the start was written before."""
    wrongs: list[str] = []
    rules = OrderRules(wrongs)
    rules.known(INTENT.content + b'{"seq":2,"kind":"OrderIntent","da' + bytes(100))
    rules.see(RECONCILED, refused=False)
    rules.see(order("A-1"), refused=False)
    assert wrongs == []


def test_a_journal_that_failed_once_is_not_believed_again() -> None:
    """After a failed sync neither a second one nor an order is right (FAULTS R05)."""
    wrongs: list[str] = []
    rules = OrderRules(wrongs)
    for call, refused in ((RECONCILED, False), (INTENT, False), (SYNC, True), (SYNC, False)):
        rules.see(call, refused=refused)
    assert wrongs == ["the journal was used after it failed: fdatasync"]
    rules.see(order("A-1"), refused=False)
    assert "sent after the journal had failed" in wrongs[-1]


BODY = """
descriptor = os.open(home / "a", os.O_RDWR | os.O_CREAT)
try:
    os.pwrite(descriptor, b"12345678", 0)
    os.pwrite(descriptor, b"abcd", 0)
    (home / "b").touch()
    (home / "c").touch()
except OSError as error:
    print(error.errno)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize(
    ("moment", "code", "told", "left", "files"),
    [
        (Moment(), 0, "", b"abcd5678", "abc"),
        (Moment(Fault.KILL, 2), -9, "", b"", "a"),
        (Moment(Fault.KILL, 3), -9, "", b"12345678", "a"),
        (Moment(Fault.TORN, 2), -9, "", b"1234", "a"),
        (Moment(Fault.TORN, 3), -9, "", b"ab345678", "a"),
        (Moment(Fault.INT, 2), 0, "interrupted\n", None, "a"),
        (Moment(Fault.ENOSPC, 2), 0, f"{errno.ENOSPC}\n", b"", "a"),
        (Moment(Fault.EIO, 4), 0, f"{errno.EIO}\n", b"abcd5678", "a"),
        (Moment(Fault.FULL, 3), 0, f"{errno.ENOSPC}\n", b"12345678", "a"),
    ],
    ids=str,
)
def test_a_process_is_hit_where_it_is_asked(
    tmp_path: Path, moment: Moment, code: int, told: str, left: bytes | None, files: str
) -> None:
    """Killed before or within a write, interrupted, or refused with the error of a disk."""
    with standing(tmp_path, BODY) as (door, child):
        seen = watch(door, child.pid, tmp_path, moment, SystemClock())
        assert child.communicate()[0] == told
        assert child.returncode == code
    assert seen.wrongs == []
    assert (seen.hit != "") == (moment.nth > 0)
    if left is not None:
        assert (tmp_path / "a").read_bytes() == left
        assert "".join(sorted(path.name for path in tmp_path.iterdir())) == files
    if not moment.nth:
        assert seen.counts == {"openat a": 1, "pwrite64 a": 2, "openat b": 1, "openat c": 1}


def test_a_full_disk_stays_full(tmp_path: Path) -> None:
    """From a write on whatever takes room is refused; what overwrites goes on."""
    body = """
descriptor = os.open(home / "a", os.O_RDWR | os.O_CREAT)
os.pwrite(descriptor, b"1234", 0)
for what in (
    lambda: os.pwrite(descriptor, b"x", 4),
    lambda: os.pwrite(descriptor, b"y", 0),
    lambda: (home / "b").touch(),
    lambda: (home / "d").mkdir(),
    lambda: os.fsync(descriptor),
):
    try:
        what()
        print("done")
    except OSError as error:
        print(error.errno)
"""
    with standing(tmp_path, body) as (door, child):
        watch(door, child.pid, tmp_path, Moment(Fault.FULL, 3), SystemClock())
        full = str(errno.ENOSPC)
        assert child.communicate()[0].split() == [full, "done", full, full, "done"]
    assert (tmp_path / "a").read_bytes() == b"y234"


def test_the_calls_that_happen_are_told(tmp_path: Path) -> None:
    """A tracer hears of each call once, and of none that was refused."""
    heard: list[str] = []
    with standing(tmp_path, BODY) as (door, child):
        watch(
            door,
            child.pid,
            tmp_path,
            Moment(Fault.EIO, 3),
            SystemClock(),
            lambda boundary: heard.append(boundary.name),
        )
    assert heard == ["openat a", "pwrite64 a"]
