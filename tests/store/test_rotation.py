"""Tests of standing logs and their rotation."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import LogicError, StorageError
from rigd.store.rotation import KEPT, MAX_BYTES, LineLog, rotate, rotated

if TYPE_CHECKING:
    from pathlib import Path


def test_lines_are_appended_whole_in_one_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line is one write to a file opened for appending."""
    log = LineLog(tmp_path / "logs" / "open.log")
    writes: list[bytes] = []
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: writes.append(data) or real(fd, data))
    log.write("one σ")
    log.write("")
    log.close()
    assert writes == ["one σ\n".encode(), b"\n"]
    assert log.path.read_bytes() == "one σ\n\n".encode()


def test_another_handle_appends_behind(tmp_path: Path) -> None:
    """Two open handles never overwrite each other."""
    first, second = LineLog(tmp_path / "a.log"), LineLog(tmp_path / "a.log")
    first.write("1")
    second.write("2")
    first.write("3")
    assert (tmp_path / "a.log").read_text() == "1\n2\n3\n"


@pytest.mark.parametrize("line", ["a\nb", "a\r", "\n"])
def test_a_line_with_a_line_end_inside_is_refused(tmp_path: Path, line: str) -> None:
    """One entry cannot pose as two."""
    log = LineLog(tmp_path / "a.log")
    with pytest.raises(LogicError, match="one whole line"):
        log.write(line)
    assert (tmp_path / "a.log").read_bytes() == b""


@pytest.mark.parametrize(
    ("held", "left"),
    [(b"", b""), (b"tor", b""), (b"one\ntor", b"one\n"), (b"one\n", b"one\n"), (b"\n\nx", b"\n\n")],
)
def test_a_line_cut_short_by_a_crash_is_removed(tmp_path: Path, held: bytes, left: bytes) -> None:
    """The writer derives the lost line again, so its beginning must not stay."""
    (tmp_path / "a.log").write_bytes(held)
    log = LineLog(tmp_path / "a.log")
    log.write("next")
    assert (tmp_path / "a.log").read_bytes() == left + b"next\n"


def test_a_torn_line_longer_than_the_window_is_removed(tmp_path: Path) -> None:
    """The search for the last line end goes back as far as needed."""
    (tmp_path / "a.log").write_bytes(b"one\n" + b"x" * 2_500_000)
    LineLog(tmp_path / "a.log").close()
    assert (tmp_path / "a.log").read_bytes() == b"one\n"


def test_a_log_is_rotated_before_it_grows_too_large(tmp_path: Path) -> None:
    """No file exceeds the size, the newest lines are kept in order, the oldest are dropped."""
    log = LineLog(tmp_path / "a.log", max_bytes=30, kept=2)
    for n in range(20):
        log.write(f"line {n:04}")
    files = rotated(tmp_path / "a.log")
    assert [path.name for path in files] == ["a.log.2", "a.log.1", "a.log"]
    assert all(path.stat().st_size <= 30 for path in files)
    lines = "".join(path.read_text() for path in files).splitlines()
    assert lines == [f"line {n:04}" for n in range(12, 20)]


def test_a_line_larger_than_the_size_still_goes_into_its_own_file(tmp_path: Path) -> None:
    """A large line is never refused nor split."""
    log = LineLog(tmp_path / "a.log", max_bytes=10, kept=1)
    log.write("x" * 50)
    log.write("y")
    assert (tmp_path / "a.log.1").read_text() == "x" * 50 + "\n"
    assert (tmp_path / "a.log").read_text() == "y\n"


def test_a_reopened_log_counts_what_it_holds(tmp_path: Path) -> None:
    """The size limit spans restarts."""
    for n in range(4):
        log = LineLog(tmp_path / "a.log", max_bytes=20, kept=3)
        log.write(f"line {n:04}")
        log.close()
    assert (tmp_path / "a.log.1").read_text() == "line 0000\nline 0001\n"


def test_rotating_by_hand_moves_the_log_aside(tmp_path: Path) -> None:
    """Nothing happens to a log that does not exist; without kept files it is dropped."""
    rotate(tmp_path / "a.log")
    assert rotated(tmp_path / "a.log") == []
    (tmp_path / "a.log").write_text("1\n")
    (tmp_path / "a.log.x").write_text("other")
    rotate(tmp_path / "a.log", kept=1)
    assert [path.name for path in rotated(tmp_path / "a.log")] == ["a.log.1"]
    (tmp_path / "a.log").write_text("2\n")
    rotate(tmp_path / "a.log", kept=0)
    assert [path.name for path in rotated(tmp_path / "a.log")] == ["a.log.1"]


def test_a_log_is_begun_anew_while_it_is_open(tmp_path: Path) -> None:
    """What it holds moves aside, the next line begins a new file; an empty one stays."""
    log = LineLog(tmp_path / "open.log", kept=2)
    log.begin_new()
    log.write("monday")
    log.begin_new()
    log.write("tuesday")
    log.close()
    assert [path.read_text() for path in rotated(tmp_path / "open.log")] == [
        "monday\n",
        "tuesday\n",
    ]


def test_all_standing_logs_together_stay_below_the_cap() -> None:
    """FAULTS R14: twenty logs with their older files need at most 256 MB."""
    assert 20 * MAX_BYTES * (KEPT + 1) <= 256 * 1024 * 1024


def test_a_line_taken_in_part_leaves_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up inside a line is a typed error and the log ends in a whole line."""
    log = LineLog(tmp_path / "a.log")
    log.write("one")
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:2]))
    with pytest.raises(StorageError, match="only a part"):
        log.write("two")
    monkeypatch.setattr(os, "write", real)
    log.write("three")
    assert (tmp_path / "a.log").read_text() == "one\nthree\n"


def test_a_closed_log_takes_no_line(tmp_path: Path) -> None:
    """Closing twice does nothing; writing afterwards is a defect."""
    log = LineLog(tmp_path / "a.log")
    log.close()
    log.close()
    with pytest.raises(LogicError):
        log.write("late")


@pytest.mark.parametrize("planted", ["pipe", "link"])
def test_what_lies_in_a_logs_place_is_refused_and_left_alone(tmp_path: Path, planted: str) -> None:
    """A pipe without a reader would block; the file that a link names keeps its last half line."""
    path, elsewhere = tmp_path / "open.log", tmp_path / "elsewhere"
    elsewhere.write_text("one line\nhalf a li")
    if planted == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(elsewhere)
    with pytest.raises(StorageError, match=r"open\.log"):
        LineLog(path)
    assert elsewhere.read_text() == "one line\nhalf a li"
