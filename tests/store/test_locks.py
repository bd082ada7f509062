"""Tests of the session lock and the epoch counter."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import AlreadyRunning, DataError, ExitCode, LogicError, StorageError
from rigd.store import locks
from rigd.store.lease import Process, boot, born
from rigd.store.locks import (
    UNNAMED,
    Owner,
    SessionLock,
    current_epoch,
    holders,
    next_epoch,
    owner_of,
    read_owner,
)
from tests.fakes.clock import FakeClock

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from rigd.store.locks import SessionLock

class Clock:
    def now(self):
        return datetime(2024, 3, 4, 14, tzinfo=UTC)

SessionLock(Path(sys.argv[1]), what="session 2024-03-04_1", clock=Clock()).acquire()
print("held", flush=True)
sys.stdin.read()
"""


def lock(path: Path, what: str = "session 2024-03-04_2") -> SessionLock:
    return SessionLock(path, what=what, clock=FakeClock())


def holder(path: Path, program: str = HOLDER) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def test_a_second_session_in_the_same_process_is_refused(tmp_path: Path) -> None:
    """Run All twice in one kernel: the second names the first."""
    path = tmp_path / "bot" / "session.lock"
    with lock(path, "session one") as first:
        assert first.held
        with pytest.raises(AlreadyRunning, match=f"session one .process {os.getpid()}") as caught:
            lock(path, "session two").acquire()
    assert caught.value.exit_code is ExitCode.ALREADY_RUNNING
    assert not first.held
    with lock(path, "session two"):
        assert read_owner(path) == Owner(
            pid=os.getpid(),
            started="2024-03-04T14:00:00Z",
            what="session two",
            born=born(os.getpid()) or 0,
            boot=boot(),
        )


def test_a_session_in_another_process_is_named_within_a_second(tmp_path: Path) -> None:
    """The refusal says which process runs what, at once; its death frees the lock."""
    path = tmp_path / "session.lock"
    with holder(path) as other:
        began = time.monotonic()
        with pytest.raises(AlreadyRunning) as caught:
            lock(path).acquire()
        assert time.monotonic() - began < 1.0
        assert f"process {other.pid}" in str(caught.value)
        assert "session 2024-03-04_1" in str(caught.value)
        other.kill()
        other.wait()
        assert read_owner(path) is not None
        with lock(path) as mine:
            assert mine.held


def test_the_lock_does_not_pass_to_a_started_program(tmp_path: Path) -> None:
    """A program that outlives the owner does not keep the lock: the file is closed on exec."""
    path = tmp_path / "session.lock"
    child = "import sys; print('held', flush=True); sys.stdin.read()"
    starting = HOLDER.replace(
        'print("held", flush=True)',
        "import subprocess\n"
        f"subprocess.Popen([sys.executable, '-c', {child!r}], close_fds=False)\n",
    )
    with holder(path, starting) as owner:
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
        with lock(path) as mine:
            assert mine.held
        assert owner.stdin is not None
        owner.stdin.close()
        owner.stdin = None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}', b"\xff"])
def test_a_file_left_behind_is_no_obstacle(tmp_path: Path, content: bytes) -> None:
    """Whatever a dead owner wrote, the lock can be taken."""
    path = tmp_path / "session.lock"
    path.write_bytes(content)
    assert read_owner(path) is None
    with lock(path):
        assert json.loads(path.read_bytes())["pid"] == os.getpid()
    assert read_owner(path) is None


def test_an_owner_that_has_not_said_its_name_is_refused_too(tmp_path: Path) -> None:
    """Between taking the lock and writing the name the refusal still stands."""
    path = tmp_path / "session.lock"
    with lock(path):
        path.write_bytes(b"")
        with pytest.raises(AlreadyRunning, match="not yet said"):
            lock(path).acquire()


@pytest.mark.parametrize("content", [b"", b"garbage", b'{"pid": 1, "started": "", "what": "x"}'])
def test_the_holder_is_known_when_the_file_does_not_say(tmp_path: Path, content: bytes) -> None:
    """A file that is blank, damaged or names somebody else hides no holder from the system."""
    path = tmp_path / "session.lock"
    with holder(path) as child:
        pid = child.pid
        path.write_bytes(content)
        found = owner_of(path)
        assert found is not None
        assert (found.pid, found.what) == (pid, UNNAMED)
        assert found.process.lives
        with pytest.raises(AlreadyRunning, match=f"process {pid}"):
            lock(path).acquire()
        child.kill()
    assert holders(path) == []


def test_a_holder_keeps_its_own_name(tmp_path: Path) -> None:
    """What the file says of the process that holds the lock is told, and its start is checked."""
    path = tmp_path / "session.lock"
    with holder(path) as child:
        path.write_bytes(path.read_bytes().replace(b'"born": ', b'"born": 9'))
        found = owner_of(path)
        assert found is not None
        assert (found.pid, found.what) == (child.pid, "session 2024-03-04_1")
        assert found.process.lives
        child.kill()


def test_nobody_is_named_where_nobody_holds_a_lock(tmp_path: Path) -> None:
    """A lock that nobody made has no holder and no owner."""
    assert owner_of(tmp_path / "session.lock") is None


def test_a_lock_file_that_was_replaced_is_locked_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file deleted between opening and locking is not what is locked in the end."""
    path = tmp_path / "session.lock"
    real, opened = os.open, []

    def racing(*args: object, **options: object) -> int:
        descriptor = real(*args, **options)  # type: ignore[arg-type]
        if args[0] == path:
            opened.append(descriptor)
            if len(opened) == 1:
                path.unlink()
        return descriptor

    monkeypatch.setattr(os, "open", racing)
    with lock(path):
        assert len(opened) == 2
        with pytest.raises(AlreadyRunning):
            lock(path).acquire()


def test_taking_a_lock_twice_is_a_defect(tmp_path: Path) -> None:
    """One object takes its lock once; releasing twice does nothing."""
    mine = lock(tmp_path / "session.lock")
    mine.acquire()
    with pytest.raises(LogicError, match="once"):
        mine.acquire()
    mine.release()
    mine.release()


def test_a_link_in_place_of_the_lock_is_refused(tmp_path: Path) -> None:
    """A symbolic link is not followed."""
    (tmp_path / "session.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError):
        lock(tmp_path / "session.lock").acquire()
    assert not (tmp_path / "elsewhere").exists()


def test_epochs_count_up_and_outlive_the_process(tmp_path: Path) -> None:
    """Each owner gets the next number from the file."""
    path = tmp_path / "bot" / "lease_epoch"
    assert [next_epoch(path) for _ in range(3)] == [1, 2, 3]
    assert path.read_text() == "3\n"


@pytest.mark.parametrize("content", [b"x", b"-1", b"1.5", b"", "٣".encode(), b"1 2"])
def test_a_counter_that_holds_no_number_is_refused(tmp_path: Path, content: bytes) -> None:
    """A damaged counter must not start at 1 again."""
    path = tmp_path / "lease_epoch"
    path.write_bytes(content)
    with pytest.raises(DataError, match="whole number"):
        next_epoch(path)
    assert path.read_bytes() == content


def test_on_a_full_disk_a_lock_can_be_held_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else gets in, although the owner's name could not be written; else it is let go."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(locks, "write_all", full)
    first = lock(tmp_path / "session.lock")
    with pytest.raises(StorageError):
        first.acquire()
    assert not first.held
    first.acquire(nameless=True)
    assert first.held
    with pytest.raises(AlreadyRunning):
        lock(tmp_path / "session.lock").acquire(nameless=True)
    first.release()


def test_the_newest_owner_is_read_without_counting(tmp_path: Path) -> None:
    """Zero before the first; a broken counter is an error, never a number."""
    path = tmp_path / "lease_epoch"
    assert current_epoch(path) == 0
    next_epoch(path)
    next_epoch(path)
    assert current_epoch(path) == current_epoch(path) == 2
    path.write_text("two")
    with pytest.raises(DataError, match="whole number"):
        current_epoch(path)


def test_an_owner_is_a_process_that_lives_or_not(tmp_path: Path) -> None:
    """The lock's file tells number, start and boot of who took it."""
    with lock(tmp_path / "session.lock"):
        owner = read_owner(tmp_path / "session.lock")
        assert owner is not None
        assert owner.process == Process.this()


def test_of_many_starters_at_once_exactly_one_owns(tmp_path: Path) -> None:
    """Two to eight at the same instant, 500 times: one gets the lock, the others its name (K01)."""
    for turn in range(500):
        starters = [lock(tmp_path / "session.lock", f"starter {n}") for n in range(2 + turn % 7)]
        together = threading.Barrier(len(starters))
        told: list[str] = []

        def begin(
            starter: SessionLock, together: threading.Barrier = together, told: list[str] = told
        ) -> None:
            together.wait()
            try:
                starter.acquire()
            except AlreadyRunning as error:
                told.append(str(error))

        threads = [threading.Thread(target=begin, args=(starter,)) for starter in starters]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        owners = [starter for starter in starters if starter.held]
        assert len(owners) == 1
        assert len(told) == len(starters) - 1
        owners[0].release()


def test_a_supervisor_that_has_the_bot_is_named_with_the_way_to_it(tmp_path: Path) -> None:
    """No stop flag ends a supervisor: it is used, or ended at its console."""
    path = tmp_path / "launch.lock"
    with (
        SessionLock(path, what="rigd up", clock=FakeClock()),
        pytest.raises(AlreadyRunning, match="a supervisor has this bot already: rigd up") as caught,
    ):
        SessionLock(path, what="rigd session", clock=FakeClock()).acquire()
    assert "its panel" in caught.value.fix
