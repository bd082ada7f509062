"""What a call is to a session, and which faults it can meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import LogicError
from rigd.hosts.crashes.boundaries import BROKER, INJECTIONS, Boundary, Fault, Reader
from rigd.hosts.crashes.calls import open_memory
from tests.hosts.crashes.children import standing

if TYPE_CHECKING:
    from pathlib import Path

BODY = """
(home / "runs").mkdir()
(home / "runs").mkdir(exist_ok=True)
descriptor = os.open(home / "runs" / "log", os.O_RDWR | os.O_CREAT)
os.pwrite(descriptor, b"0123456789", 0)
os.pwrite(descriptor, b"ab", 4)
os.pwrite(descriptor, b"cd", 9)
os.fdatasync(descriptor)
os.ftruncate(descriptor, 3)
os.open(home / "runs" / "log", os.O_RDWR | os.O_CREAT)
os.rename(home / "runs" / "log", home / "runs" / "log.1")
os.symlink("log.1", home / "runs" / "latest")
os.unlink(home / "runs" / "latest")
folder = os.open(home, os.O_RDONLY)
os.fsync(folder)
appended = os.open(home / "runs" / "log.1", os.O_WRONLY | os.O_APPEND)
os.write(appended, b"line")
Path(sys.argv[2] + ".beside").touch()
ours, theirs = socket.socketpair()
ours.sendall(b'{"op": "submit"}', socket.MSG_NOSIGNAL)
ours.sendall(b'{"op": "submit"}')
ours.sendall(b'{"op": "events"}', socket.MSG_NOSIGNAL)
"""


def seen_in(home: Path, body: str) -> list[Boundary]:
    """The boundaries of a child that runs a body."""
    found = []
    with standing(home, body) as (door, child), open_memory(child.pid) as memory:
        reader = Reader(home, memory.fileno())
        while (call := door.wait(30.0)) is not None:
            boundary = reader.read(call)
            if boundary is not None:
                found.append(boundary)
            door.go_on(call)
        assert child.communicate()[0] == ""
    return found


def test_every_change_below_the_home_is_a_boundary(tmp_path: Path) -> None:
    """Names are relative to the home, growth is told from overwriting, what is beside is none."""
    found = seen_in(tmp_path, BODY)
    assert [(b.name, b.takes_room) for b in found] == [
        ("mkdir runs", True),
        ("openat runs/log", True),
        ("pwrite64 runs/log", True),
        ("pwrite64 runs/log", False),
        ("pwrite64 runs/log", True),
        ("fdatasync runs/log", False),
        ("ftruncate runs/log", False),
        ("rename runs/log -> runs/log.1", False),
        ("symlink runs/latest", True),
        ("unlink runs/latest", False),
        ("fsync ", False),
        ("write runs/log.1", True),
        (f"sendto {BROKER} -> submit", False),
    ]
    assert [(b.offset, b.content) for b in found[2:5]] == [
        (0, b"0123456789"),
        (4, b"ab"),
        (9, b"cd"),
    ]
    assert found[6].size == 3
    assert (found[11].offset, found[11].content) == (3, b"line")


def test_a_change_that_is_not_understood_is_no_boundary_in_silence(tmp_path: Path) -> None:
    """A new way to write shows up as an error, so that no boundary can be missed."""
    (tmp_path / "a").touch()
    body = 'd = os.open(home / "a", os.O_RDWR)\nos.writev(d, [b"x", b"y"])\n'
    with pytest.raises(LogicError, match="writev"):
        seen_in(tmp_path, body)


def test_each_fault_meets_what_it_can() -> None:
    """A sync is not torn, a full disk refuses only what takes room, a message needs no room."""
    write = Boundary(kind="pwrite64", file="a", content=b"abc")
    growing = Boundary(kind="pwrite64", file="a", content=b"abc", takes_room=True)
    sync = Boundary(kind="fsync", file="a")
    message = Boundary(kind="sendto", file=BROKER, to="submit")
    met = {
        name: {fault for fault in Fault if boundary.meets(fault)}
        for name, boundary in (
            ("write", write),
            ("growing", growing),
            ("sync", sync),
            ("message", message),
        )
    }
    always = {Fault.KILL, Fault.INT, Fault.EIO}
    assert met == {
        "write": always | {Fault.TORN, Fault.ENOSPC},
        "growing": set(Fault),
        "sync": always,
        "message": always,
    }


def test_the_four_injections_are_all_faults() -> None:
    """What --inject names covers every fault once."""
    assert list(INJECTIONS) == ["kill", "int", "enospc", "eio"]
    assert sorted(fault for faults in INJECTIONS.values() for fault in faults) == sorted(Fault)
