"""What the resident supervisor knows over a restart."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import StorageError
from rigd.hosts.up.memory import Known, Memory, read_known
from rigd.store.paths import Home
from rigd.store.registry import Registry
from tests.fakes.clock import FakeClock

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_changed_is_known_after_a_restart(tmp_path: Path) -> None:
    """And nothing else."""
    home = Home(tmp_path)
    assert read_known(home) == Known()
    Memory(home, FakeClock()).change(armed=True, by="ada", done="2024-07-03")
    assert read_known(home) == Known(armed=True, by="ada", done="2024-07-03")
    assert read_known(home).done_day == date(2024, 7, 3)


def test_nothing_is_written_for_nothing(tmp_path: Path) -> None:
    """The file is replaced for a change alone."""
    memory = Memory(Home(tmp_path), FakeClock())
    memory.change(armed=False)
    assert not (tmp_path / "runs" / "control" / "resident.json").exists()


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"armed": "yes"}', '{"other": 1}', '{"rest": "trading"}', '{"done": "x"}'],
)
def test_a_broken_memory_arms_nothing(tmp_path: Path, content: str) -> None:
    """It rests stopped, and says why."""
    path = tmp_path / "runs" / "control" / "resident.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    known = read_known(Home(tmp_path))
    assert (known.armed, known.rest) == (False, "stopped")
    assert "broken" in known.reason


def test_a_launch_is_one_row(tmp_path: Path) -> None:
    """J9: begun, ended and missed, with the instant."""
    Memory(Home(tmp_path), FakeClock()).record("missed", day="2024-07-05")
    (line,) = (tmp_path / "runs" / "logs" / "launches.log").read_text().splitlines()
    row = {"timestamp": "2024-03-04T14:00:00Z", "event": "missed", "day": "2024-07-05"}
    assert json.loads(line) == row


def test_what_the_disk_refused_is_known_and_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row keeps the instant of what happened, and is written once."""
    clock, home = FakeClock(), Home(tmp_path)
    memory = Memory(home, clock)
    with monkeypatch.context() as full:
        for name in ("write", "append_line"):
            full.setattr(Registry, name, refuse)
        with pytest.raises(StorageError):
            memory.record("ended")
        with pytest.raises(StorageError):
            memory.change(rest="error")
        assert memory.known.rest == "error"
    clock.advance(60.0)
    memory.save()
    memory.save()
    assert read_known(home) == Known(rest="error")
    (line,) = (tmp_path / "runs" / "logs" / "launches.log").read_text().splitlines()
    assert json.loads(line) == {"timestamp": "2024-03-04T14:00:00Z", "event": "ended"}


def refuse(*_: object, **__: object) -> None:
    raise StorageError("no space left on device", errno=28)
