"""The door at which a child's calls wait."""

from __future__ import annotations

import errno
import platform
import socket
from typing import TYPE_CHECKING

import pytest

from rigd.config.sources import checkout
from rigd.hosts.crashes import calls
from rigd.hosts.crashes.calls import (
    TABLE,
    CallDoor,
    NotWatchable,
    bytes_at,
    folder_of,
    open_file_of,
    open_memory,
    text_at,
)
from tests.hosts.crashes.children import standing

if TYPE_CHECKING:
    from pathlib import Path

    from rigd.hosts.crashes.calls import Call

WAIT_S = 5.0

WRITE_AND_SYNC = """
descriptor = os.open(home / "a", os.O_RDWR | os.O_CREAT)
os.pwrite(descriptor, b"hello", 3)
try:
    os.fsync(descriptor)
except OSError as error:
    print("told", error.errno)
os.open(home / "a", os.O_RDONLY)
(home / "a").rename(home / "b")
"""


def next_of(door: CallDoor, *names: str) -> Call:
    """The next call that is not one of the interpreter's own to its output."""
    while True:
        call = door.wait(WAIT_S)
        assert call is not None
        if call.name in names:
            return call
        door.go_on(call)


def test_each_call_waits_until_it_is_answered(tmp_path: Path) -> None:
    """Nothing happens before, and a refused call fails with that very error and never happens."""
    with standing(tmp_path, WRITE_AND_SYNC) as (door, child):
        opened = next_of(door, "openat")
        assert not (tmp_path / "a").exists()
        file = open_memory(child.pid)
        memory = file.fileno()
        assert text_at(memory, opened.arguments[1]) == str(tmp_path / "a")
        assert folder_of(opened, 0) == str(checkout())
        door.go_on(opened)
        written = next_of(door, "pwrite64")
        assert open_file_of(written) == str(tmp_path / "a")
        assert bytes_at(memory, written.arguments[1], written.arguments[2]) == b"hello"
        assert written.arguments[3] == 3
        assert (tmp_path / "a").read_bytes() == b""
        door.go_on(written)
        door.refuse(next_of(door, "fsync"), errno.EIO)
        renamed = next_of(door, "rename", "renameat")
        assert (tmp_path / "a").read_bytes() == b"\0\0\0hello"
        door.go_on(renamed)
        while (rest := door.wait(WAIT_S)) is not None:
            door.go_on(rest)
        file.close()
        assert child.communicate()[0] == f"told {errno.EIO}\n"
    assert (tmp_path / "b").exists()


def test_a_child_that_is_killed_at_a_call_never_makes_it(tmp_path: Path) -> None:
    """The end of every process behind it closes the door."""
    with standing(tmp_path, WRITE_AND_SYNC) as (door, child):
        call = next_of(door, "pwrite64")
        child.kill()
        door.go_on(call)
        assert door.wait(WAIT_S) is None
        assert child.wait() == -9
    assert (tmp_path / "a").read_bytes() == b""


def test_a_silent_child_is_told_as_one(tmp_path: Path) -> None:
    """Waiting has an end of its own."""
    silent = standing(tmp_path, "import signal; signal.pause()")
    with silent as (door, _), pytest.raises(TimeoutError, match="no call"):
        next_of(door, "rename")


def test_a_child_without_a_door_is_an_error() -> None:
    """A child that ends before it hands its door over is no watched one."""
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours, pytest.raises(NotWatchable, match="ended without"):
        CallDoor.take(ours)


def test_an_unknown_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers of the calls are those of one processor: another one is named."""
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    with pytest.raises(NotWatchable, match="vax"):
        calls._machine()


@pytest.mark.parametrize("column", [0, 1])
def test_the_filter_jumps_inside_itself(column: int) -> None:
    """Each jump ends at a later step; the last two steps allow and notify."""
    steps = calls._program(column, 1)
    for place, step in enumerate(steps):
        assert place + 1 + max(step.when, step.otherwise) < len(steps) + (step.code == 6)
    assert [step.value for step in steps[-2:]] == [calls._ALLOW, calls._NOTIFY]
    numbers = [row[column] for row in TABLE.values() if row[column] is not None]
    assert len(set(numbers)) == len(numbers)
