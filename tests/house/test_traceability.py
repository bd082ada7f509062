"""traceability.csv names rows that exist and tests that exist, and a run is held to it."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tests import traceability
from tests.conftest import RunRecord

if TYPE_CHECKING:
    from pathlib import Path

AREAS = {
    "J": 12, "E": 32, "S": 23, "X": 25, "K": 22, "H": 6, "R": 26, "T": 22, "U": 18, "C": 10,
    "F": 14, "L": 43, "D": 18, "G": 19, "B": 18, "O": 11, "A": 16, "W": 9, "M": 18, "V": 22,
    "P": 11, "N": 20, "Q": 13, "I": 12, "Z": 13, "MM": 16, "Y": 50,
}  # fmt: skip
"""Rows per area, from the table at the head of the inventory."""


def test_the_inventory_is_complete() -> None:
    """The list of ids has every area with its published number of rows, 519 in all."""
    ids = traceability.inventory_ids()
    assert Counter(name.rstrip("0123456789") for name in ids) == AREAS
    assert len(ids) == 519


def test_every_listed_id_is_in_the_inventory() -> None:
    """No row is claimed that the inventory does not have."""
    unknown = {name for name, _ in traceability.listed()} - traceability.inventory_ids()
    assert unknown == set()


def test_every_listed_test_exists() -> None:
    """Each listed node is a test function of a file in the repository."""
    missing = [node for _, node in traceability.listed() if not traceability.exists(node)]
    assert not missing, "\n".join(missing)


def test_no_pair_is_listed_twice() -> None:
    """A pair of row and test stands once, so that a count of rows means something."""
    pairs = Counter(traceability.listed())
    assert [pair for pair, times in pairs.items() if times > 1] == []


def test_the_table_is_sorted() -> None:
    """Rows are in the inventory's order, so that two changes rarely meet on one line."""
    order = traceability.IDS.read_text(encoding="utf-8").split()
    places = [order.index(name) for name, _ in traceability.listed() if name in order]
    assert places == sorted(places)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small repository with two tests and a notebook."""
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_a.py").write_text(
        "def test_one(): ...\nclass TestTwo:\n    def test_two(self): ...\ndef other(): ...\n",
        encoding="utf-8",
    )
    (tmp_path / "n.ipynb").write_text("{}", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("node", "there"),
    [
        ("tests/test_a.py::test_one", True),
        ("tests/test_a.py::test_one[x::y]", True),
        ("tests/test_a.py::TestTwo::test_two", True),
        ("n.ipynb", True),
        ("tests/test_a.py", False),
        ("tests/test_a.py::other", False),
        ("tests/test_a.py::test_gone", False),
        ("tests/test_b.py::test_one", False),
    ],
)
def test_existence_is_seen(root: Path, node: str, there: bool) -> None:  # noqa: FBT001 - a case
    """A node exists when its file defines it; a renamed or removed test does not."""
    assert traceability.exists(node, root) is there


OUTCOMES = {"tests/a.py::test_p[1]": "passed", "tests/a.py::test_s": "skipped"}


def test_a_listed_test_that_did_not_run_fails_the_run() -> None:
    """In a whole run a listed test that was not collected is named."""
    found = traceability.problems_of_run(["tests/a.py::test_gone"], OUTCOMES, strict=False)
    assert len(found) == 1
    assert found[0].startswith("tests/a.py::test_gone:")


def test_a_skipped_listed_test_fails_under_ci_alone() -> None:
    """A skip of a listed test is a problem under CI and none elsewhere."""
    nodes = ["tests/a.py::test_s", "tests/a.py::test_p"]
    assert traceability.problems_of_run(nodes, OUTCOMES, strict=False) == []
    found = traceability.problems_of_run(nodes, OUTCOMES, strict=True)
    assert found == ["tests/a.py::test_s: listed, but skipped"]


def test_a_node_without_its_parameters_means_all_of_them() -> None:
    """A function's node covers each of its cases and no function whose name merely begins so."""
    assert traceability.problems_of_run(["tests/a.py::test_p"], OUTCOMES, strict=True) == []
    assert traceability.problems_of_run(["tests/a.py::test_"], OUTCOMES, strict=True) != []


def end_of_run(record: RunRecord) -> int:
    """End a passed run and return its exit status."""
    session = SimpleNamespace(exitstatus=pytest.ExitCode.OK)
    record.pytest_sessionfinish(session, pytest.ExitCode.OK)
    return int(session.exitstatus)


def reported(record: RunRecord, outcome: str, when: str = "call") -> None:
    """Report the end of one phase of the listed test."""
    record.pytest_runtest_logreport(
        SimpleNamespace(nodeid="tests/a.py::t", outcome=outcome, when=when)
    )


@pytest.fixture
def one_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table with one row."""
    monkeypatch.setattr(traceability, "nodes", lambda: ["tests/a.py::t"])
    monkeypatch.delenv("CI", raising=False)


@pytest.mark.usefixtures("one_listed")
def test_a_whole_run_without_a_listed_test_fails() -> None:
    """A run of everything ends with status 1 when a listed test is missing, 0 when it passed."""
    record = RunRecord(whole=True, system=False)
    assert end_of_run(record) == 1
    reported(record, "passed")
    assert end_of_run(record) == 0


@pytest.mark.usefixtures("one_listed")
def test_a_part_of_the_suite_is_not_held_to_the_table() -> None:
    """Running one file never fails for the tests of the others; neither does a system run."""
    assert end_of_run(RunRecord(whole=False, system=False)) == 0
    assert end_of_run(RunRecord(whole=True, system=True)) == 0


@pytest.mark.usefixtures("one_listed")
@pytest.mark.parametrize("when", ["setup", "call"])
def test_a_skip_counts_under_ci(when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listed test that was skipped, in its fixture or itself, fails the run under CI alone."""
    record = RunRecord(whole=True, system=False)
    reported(record, "passed", "setup")
    reported(record, "skipped", when)
    reported(record, "passed", "teardown")
    assert end_of_run(record) == 0
    monkeypatch.setenv("CI", "true")
    assert end_of_run(record) == 1
