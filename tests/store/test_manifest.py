"""Tests of the seal of a session folder."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import DataError, StorageError, TamperError
from rigd.store import manifest
from rigd.store.chainlog import ChainLog

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)
KEY = "DEMO_US_SIM_01|2024-03-04|1"
TEXTS = {
    "open.log": b"one\ntwo\nthree\nfour\n",
    "session.ipynb": b'{\n "cells": [\n  "a",\n  "b"\n ]\n}\n',
    "trade_history.csv": b"timestamp,side\n2024,long\n2025,short\n",
    "report.html": b"<html>\n<p>1</p>\n</html>",
    "session.json": b'{\n "state": "idle"\n}\n',
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A finished session's folder, not yet sealed."""
    log = ChainLog.create(tmp_path / "journal.log", KEY, 4096)
    for n in range(1, 6):
        log.append(AT + timedelta(minutes=n), "Note", {"n": n})
    log.seal()
    log.close()
    for name, content in TEXTS.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "equity.png").write_bytes(bytes(range(256)))
    return tmp_path


def seal(folder: Path) -> str:
    return manifest.seal(folder, {"bot": "DEMO_US_SIM_01"}, chains={"journal.log": KEY})


def places(folder: Path) -> list[str]:
    return [problem.where for problem in manifest.check(folder)]


def test_a_manifest_lists_size_digest_and_records(folder: Path) -> None:
    """Every file is listed, the journal with its last record."""
    digest = seal(folder)
    held = json.loads((folder / "manifest.json").read_bytes())
    assert sorted(held["files"]) == sorted([*TEXTS, "journal.log", "plots/equity.png"])
    for name, content in TEXTS.items():
        assert held["files"][name]["size"] == len(content)
        assert held["files"][name]["sha256"] == hashlib.sha256(content).hexdigest()
    last = json.loads((folder / "journal.log").read_bytes().splitlines()[-1])
    journal = held["files"]["journal.log"]
    assert (journal["records"], journal["head"], journal["genesis"]) == (5, last["hash"], KEY)
    assert held["extra"] == {"bot": "DEMO_US_SIM_01"}
    assert held["seal"] == digest == manifest.read(folder)["seal"]


def test_the_seal_is_the_digest_of_the_rest(folder: Path) -> None:
    """The seal can be recomputed without rigd."""
    digest = seal(folder)
    held = json.loads((folder / "manifest.json").read_bytes())
    del held["seal"]
    text = json.dumps(held, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == digest


def test_the_same_folder_has_the_same_manifest(folder: Path) -> None:
    """Sealing twice gives the same bytes: neither time nor place is in it."""
    seal(folder)
    before = (folder / "manifest.json").read_bytes()
    seal(folder)
    assert (folder / "manifest.json").read_bytes() == before
    assert places(folder) == []


@pytest.mark.parametrize("name", [*TEXTS, "journal.log"])
def test_every_flipped_byte_is_named_with_its_record(folder: Path, name: str) -> None:
    """Journal, log, trades, notebook and report: file and line of any changed byte."""
    seal(folder)
    content = (folder / name).read_bytes()
    step = 1 if len(content) < 100 else 7
    for place in range(0, len(content), step):
        changed = bytearray(content)
        changed[place] ^= 0x01
        (folder / name).write_bytes(changed)
        record = content[:place].count(b"\n") + 1
        assert places(folder) == [f"{name}:record {record}"], place


@pytest.mark.parametrize("name", ["open.log", "session.ipynb", "journal.log", "trade_history.csv"])
def test_a_cut_tail_is_named_with_the_first_record_that_lacks(folder: Path, name: str) -> None:
    """Whole lines removed from the end are found."""
    seal(folder)
    lines = (folder / name).read_bytes().splitlines(keepends=True)
    (folder / name).write_bytes(b"".join(lines[:-2]))
    (problem,) = manifest.check(folder)
    assert problem.where == f"{name}:record {len(lines) - 1}"
    assert "the tail is cut" in problem.message


@pytest.mark.parametrize("name", ["open.log", "session.ipynb", "journal.log", "trade_history.csv"])
def test_swapped_rows_are_named_with_the_first_of_them(folder: Path, name: str) -> None:
    """Rows in another order are found, although every row is genuine."""
    seal(folder)
    lines = (folder / name).read_bytes().splitlines(keepends=True)
    lines[1], lines[2] = lines[2], lines[1]
    (folder / name).write_bytes(b"".join(lines))
    (problem,) = manifest.check(folder)
    assert problem.where == f"{name}:record 2"
    assert "moved" in problem.message or "found record 3" in problem.message


def test_added_lines_are_named(folder: Path) -> None:
    """A line appended to a sealed log is found, zeros behind a journal too."""
    seal(folder)
    with (folder / "open.log").open("ab") as file:
        file.write(b"five\n")
    with (folder / "journal.log").open("ab") as file:
        file.write(bytes(10))
    assert places(folder) == ["journal.log", "open.log:record 5"]


def test_a_changed_file_without_lines_is_named(folder: Path) -> None:
    """A picture has no records, only a name."""
    seal(folder)
    (folder / "plots" / "equity.png").write_bytes(bytes(256))
    assert places(folder) == ["plots/equity.png"]


def test_missing_added_and_linked_files_are_named(folder: Path) -> None:
    """The folder holds exactly what was sealed."""
    seal(folder)
    (folder / "report.html").unlink()
    (folder / "extra.txt").write_bytes(b"x")
    original = (folder / "session.json").rename(folder.parent / f"{folder.name}-moved.json")
    (folder / "session.json").symlink_to(original)
    found = {problem.where: problem.message for problem in manifest.check(folder)}
    assert sorted(found) == ["extra.txt", "report.html", "session.json"]
    assert "added" in found["extra.txt"]
    assert "missing" in found["report.html"]


def test_a_changed_manifest_is_found(folder: Path) -> None:
    """Any flipped byte of the manifest itself is found, or leaves its meaning as it was."""
    seal(folder)
    content = (folder / "manifest.json").read_bytes()
    meant = json.loads(content)
    for place in range(0, len(content), 5):
        changed = bytearray(content)
        changed[place] ^= 0x01
        (folder / "manifest.json").write_bytes(changed)
        try:
            same = json.loads(changed) == meant
        except ValueError:
            same = False
        assert places(folder) == ([] if same else ["manifest.json"]), place


def test_a_manifest_made_anew_is_found_by_its_seal(folder: Path) -> None:
    """Whoever rewrites files and manifest cannot rewrite the seal that was kept elsewhere."""
    kept = seal(folder)
    (folder / "open.log").write_bytes(b"other\n")
    seal(folder)
    assert manifest.check(folder) == []
    (problem,) = manifest.check(folder, expected_seal=kept)
    assert problem.where == "manifest.json"


def test_files_left_out_may_change(folder: Path) -> None:
    """What is still written after the seal is listed as not sealed."""
    manifest.seal(folder, {}, chains={"journal.log": KEY}, leave_out=["session.json"])
    (folder / "session.json").write_bytes(b"later")
    assert manifest.check(folder) == []
    assert manifest.read(folder)["not_sealed"] == ["session.json"]


def test_a_broken_journal_cannot_be_sealed(folder: Path) -> None:
    """The seal vouches only for a chain that is whole."""
    content = (folder / "journal.log").read_bytes()
    (folder / "journal.log").write_bytes(content.replace(b'"n":3', b'"n":4'))
    with pytest.raises(TamperError, match=r"journal\.log:record 3"):
        seal(folder)


def test_a_folder_without_manifest_is_an_error(folder: Path) -> None:
    """Not sealed is not the same as unchanged."""
    with pytest.raises(StorageError, match=r"manifest\.json"):
        manifest.check(folder)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"seal": 1}', b"\xff\xfe"])
def test_what_is_no_manifest_is_named(folder: Path, content: bytes) -> None:
    """Reading raises, checking names the manifest."""
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(DataError):
        manifest.read(folder)
    assert places(folder) == ["manifest.json"]
