"""faults.csv names, for each fault, the tests that show what is done about it, or why none can."""

from __future__ import annotations

import csv
import re

from tests.house.tree import ROOT
from tests.traceability import exists

ROWS = list(csv.DictReader((ROOT / "tests" / "faults.csv").read_text("utf-8").splitlines()))
NOT_YET = "not yet: "


def test_each_row_names_a_test_that_exists_or_says_why_there_is_none() -> None:
    """A node of the repository, or `not yet: ` and a reason."""
    assert ROWS
    wrong = [
        row
        for row in ROWS
        if not (len(row["shown"]) > len(NOT_YET) + 10 and row["shown"].startswith(NOT_YET))
        and not exists(row["shown"])
    ]
    assert not wrong, wrong


def test_rows_are_sorted_and_stand_once() -> None:
    """By group, number and node, so that two changes rarely meet on one line."""
    keys = [(row["fault"], row["shown"]) for row in ROWS]
    assert keys == sorted(set(keys))
    assert all(re.fullmatch(r"[A-Z][0-9]{2}", fault) for fault, _ in keys)


def test_a_fault_is_shown_or_not_yet_but_not_both() -> None:
    """A reason beside a test would say that the test shows nothing."""
    shown = {row["fault"] for row in ROWS if not row["shown"].startswith(NOT_YET)}
    assert not shown & {row["fault"] for row in ROWS if row["shown"].startswith(NOT_YET)}
