"""faults.csv names, for each row of FAULTS, the test that shows it or why none does yet."""

from __future__ import annotations

import csv
import re

from tests import traceability

TABLE = traceability.TESTS / "faults.csv"


def listed() -> list[tuple[str, str]]:
    """The pairs of fault and test (or reason), in the file's order."""
    with TABLE.open(encoding="utf-8", newline="") as lines:
        return [(row["id"], row["test"]) for row in csv.DictReader(lines, strict=True)]


def test_each_fault_names_a_test_that_exists_or_a_reason() -> None:
    """A node is a test function of the repository; everything else is a sentence."""
    for name, test in listed():
        assert re.fullmatch(r"[A-Z]\d\d", name), name
        if test.startswith("tests/"):
            assert traceability.exists(test), test
        else:
            assert test.startswith(("not shown yet: ", "not shown here: ")), test


def test_the_table_is_sorted_and_says_nothing_twice() -> None:
    """By fault, then by test: a merge of two branches is a merge of lines."""
    rows = listed()
    assert rows == sorted(set(rows))


def test_every_fault_of_kernel_and_supervisor_is_listed() -> None:
    """FAULTS §4.4 has fifteen rows."""
    assert {name for name, _ in listed() if name.startswith("K")} == {
        f"K{number:02d}" for number in range(1, 16)
    }
