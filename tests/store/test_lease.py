"""Tests of leases: who beats, for how long, and who is dead."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import StorageError
from rigd.store import files
from rigd.store import lease as leases
from rigd.store.lease import LATE_S, Beat, Phase, Process, boot, born, read_lease
from tests.fakes.clock import FakeClock

if TYPE_CHECKING:
    from pathlib import Path


def test_a_beat_names_its_owner_and_its_end(tmp_path: Path) -> None:
    """Process, its start, the boot, the epoch, and when the lease ends without another beat."""
    clock = FakeClock()
    Beat(tmp_path / "lease.json", clock, life_s=10.0, epoch=7).beat(Phase.TRADING)
    held = read_lease(tmp_path / "lease.json")
    assert held is not None
    assert held.owner == Process(pid=os.getpid(), born=born(os.getpid()) or 0, boot=boot())
    assert (held.epoch, held.phase) == (7, Phase.TRADING)
    assert held.expires_s - held.beat_s == 10.0
    assert held.at == "2024-03-04T14:00:00Z"
    assert held.owner.lives


def test_the_first_beat_is_there_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I-17: a process that dies in its first beat leaves no empty file behind."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "write_all", full)
    with pytest.raises(StorageError, match=r"write lease\.json"):
        Beat(tmp_path / "lease.json", FakeClock(), life_s=10.0).beat(Phase.STARTING)
    assert list(tmp_path.iterdir()) == []


def test_a_beat_needs_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease is written over in place, always as long: a full disk stops no heart."""
    path = tmp_path / "lease.json"
    clock = FakeClock()
    beat = Beat(path, clock, life_s=10.0)
    beat.beat(Phase.STARTING)
    before = path.stat()
    clock.advance(1.0)
    beat.beat(Phase.TRADING)
    after = path.stat()
    assert (after.st_ino, after.st_size, after.st_blocks) == (
        before.st_ino,
        before.st_size,
        before.st_blocks,
    )
    held = read_lease(path)
    assert held is not None
    assert held.phase is Phase.TRADING

    def full(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(leases, "write_all", full)
    with pytest.raises(StorageError, match=r"write lease\.json"):
        beat.beat(Phase.TRADING)


def test_only_a_trading_owner_is_late(tmp_path: Path) -> None:
    """Opening and finishing may take longer; trading may not."""
    clock = FakeClock()
    beat = Beat(tmp_path / "lease.json", clock, life_s=10.0)
    late = {}
    for phase in Phase:
        beat.beat(phase)
        held = read_lease(tmp_path / "lease.json")
        assert held is not None
        assert not held.is_late(clock.monotonic() + LATE_S)
        late[phase] = held.is_late(clock.monotonic() + LATE_S + 0.1)
    assert [phase for phase, found in late.items() if found] == [Phase.TRADING]


def test_a_wall_clock_that_jumps_ages_no_lease(tmp_path: Path) -> None:
    """The age counts monotonic time alone."""
    clock = FakeClock()
    Beat(tmp_path / "lease.json", clock, life_s=10.0).beat(Phase.TRADING)
    clock.jump(86_400.0)
    held = read_lease(tmp_path / "lease.json")
    assert held is not None
    assert held.age_s(clock.monotonic()) == 0.0


def test_a_lease_of_another_boot_is_old(tmp_path: Path) -> None:
    """Monotonic time begins anew with the machine, so an earlier boot's beat counts as endless."""
    path = tmp_path / "lease.json"
    Beat(path, FakeClock(), life_s=10.0).beat(Phase.TRADING)
    held = json.loads(path.read_bytes())
    held["owner"]["boot"] = "another"
    path.write_text(json.dumps(held))
    found = read_lease(path)
    assert found is not None
    assert found.age_s(0.0) == float("inf")
    assert not found.owner.lives


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"owner": 1}', b'{"owner": {"pid": "x"}}'])
def test_a_broken_lease_is_none(tmp_path: Path, content: bytes) -> None:
    """Nobody is taken for alive by half a file."""
    (tmp_path / "lease.json").write_bytes(content)
    assert read_lease(tmp_path / "lease.json") is None
    assert read_lease(tmp_path / "missing.json") is None


def test_the_dead_and_those_with_a_used_number_do_not_live() -> None:
    """A process lives by its number and its start; a zombie and a later namesake do not."""
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        started = Process(pid=child.pid, born=born(child.pid) or 0, boot=boot())
        child.stdout.read()
        child.wait()
    assert not started.lives
    here = Process.this()
    assert here.lives
    assert not Process(pid=here.pid, born=here.born + 1, boot=here.boot).lives


def test_where_the_system_has_no_proc_a_process_is_told_by_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without /proc a process that exists started at 0, and there is no boot to compare."""
    monkeypatch.setattr(leases, "_PROC", tmp_path / "none")
    assert (born(os.getpid()), boot()) == (0, "")
    assert Process.this().lives

    def gone(*_: int) -> None:
        raise ProcessLookupError

    monkeypatch.setattr(os, "kill", gone)
    assert born(os.getpid()) is None


@pytest.mark.parametrize("planted", ["pipe", "link"])
def test_what_lies_in_the_leases_place_is_replaced(tmp_path: Path, planted: str) -> None:
    """A pipe would block the beat, a link would write elsewhere: neither does."""
    path, elsewhere = tmp_path / "lease.json", tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    if planted == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(elsewhere)
    assert read_lease(path) is None
    Beat(path, FakeClock(), life_s=10.0, epoch=7).beat(Phase.TRADING)
    held = read_lease(path)
    assert held is not None
    assert held.epoch == 7
    assert elsewhere.read_text() == "mine"
