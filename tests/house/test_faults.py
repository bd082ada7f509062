"""faults.csv answers every fault that must hold before a live order: a test, or why not yet."""

from __future__ import annotations

import re
from collections import Counter

from tests import traceability
from tests.shared import shared_path

SECTIONS = ("4.1", "4.2", "4.3", "4.4", "4.5", "4.6", "4.7")
"""Of document FAULTS: storage, orders, time and data, processes, risk, secrets, the panel."""

FIRST = re.compile(r"^\| ([A-Z]+\d+) \| P0 ", re.MULTILINE)


def demanded() -> list[str]:
    """Return the ids of the faults that come first (P0), in the document's order."""
    text = shared_path("spec", "FAULTS.md").read_text(encoding="utf-8")
    found = []
    for section in SECTIONS:
        part = text.split(f"### {section} ", maxsplit=1)[1].split("\n### ", maxsplit=1)[0]
        found += FIRST.findall(part)
    return found


def test_every_first_fault_is_answered() -> None:
    """Each P0 row of FAULTS §4.1 to §4.7 has a test, or a reason why it has none yet."""
    answered = {name for name, _, _ in traceability.faults()}
    wanted = demanded()
    assert len(wanted) > 50
    assert [name for name in wanted if name not in answered] == []


def test_an_answer_is_a_test_or_a_reason() -> None:
    """A row has either a test that exists or a sentence; never both, never neither."""
    wrong = [
        (name, node, reason)
        for name, node, reason in traceability.faults()
        if bool(node) == bool(reason.strip()) or (node and not traceability.exists(node))
    ]
    assert wrong == []


def test_a_fault_with_a_test_has_no_excuse() -> None:
    """A fault is shown or excused, not both."""
    shown = {name for name, node, _ in traceability.faults() if node}
    assert [name for name, node, _ in traceability.faults() if not node and name in shown] == []


def test_rows_stand_once_and_in_order() -> None:
    """A pair stands once; ids are sorted by letter, then number."""
    rows = traceability.faults()
    assert [pair for pair, times in Counter(rows).items() if times > 1] == []
    keys = [(name.rstrip("0123456789"), int(name.lstrip("CKORSTX"))) for name, _, _ in rows]
    assert keys == sorted(keys)
