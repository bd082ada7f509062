"""Which row of the inventory is proven by which test: ``traceability.csv``, read and judged.

A row names a test node, with or without its parameters, or a notebook that nbval compares. The
faults have a table of the same form, ``faults.csv``: a fault that cannot be shown yet has no test
but a reason.
"""

from __future__ import annotations

import ast
import csv
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TESTS = Path(__file__).parent
ROOT = TESTS.parent
TABLE = TESTS / "traceability.csv"
FAULTS = TESTS / "faults.csv"
IDS = TESTS / "inventory_ids.txt"
SYSTEM = "tests/system/"
"""Tests below this folder run in a run of their own (marker `system`)."""


def listed(table: Path = TABLE) -> list[tuple[str, str]]:
    """Return the pairs of inventory id and test node, in the file's order."""
    with table.open(encoding="utf-8", newline="") as lines:
        return [(row["id"], row["test"]) for row in csv.DictReader(lines, strict=True)]


def faults(table: Path = FAULTS) -> list[tuple[str, str, str]]:
    """Return fault id, test node and reason, in the file's order; one of the last two is blank."""
    with table.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, strict=True)
        return [(row["id"], row["test"], row["reason"]) for row in rows]


def nodes() -> list[str]:
    """Return every test node that a table names."""
    proven = [node for _, node in listed()]
    return proven + [node for _, node, _ in faults() if node]


def inventory_ids(path: Path = IDS) -> frozenset[str]:
    """Return every id of the inventory."""
    return frozenset(path.read_text(encoding="utf-8").split())


def exists(node: str, root: Path = ROOT) -> bool:
    """Tell whether a node's file defines its test; parameters are left to the full run."""
    file, *names = node.split("[", maxsplit=1)[0].split("::")
    path = root / file
    if not path.is_file():
        return False
    if path.suffix == ".ipynb":
        return not names
    scope: list[ast.stmt] = ast.parse(path.read_text(encoding="utf-8")).body
    for name in names:
        found = next((s for s in scope if getattr(s, "name", None) == name), None)
        if found is None:
            return False
        scope = getattr(found, "body", [])
    return bool(names) and names[-1].startswith("test")


def problems_of_run(
    nodes: Iterable[str], outcomes: Mapping[str, str], *, strict: bool
) -> list[str]:
    """Judge the listed nodes of one run.

    Parameters
    ----------
    nodes
        The listed nodes that this run had to cover.
    outcomes
        Outcome of each test that ran: passed, failed or skipped.
    strict
        Whether a skipped test is a problem.

    Returns
    -------
    list
        A sentence for each node that does not exist or, when strict, was skipped.
    """
    found = []
    for node in dict.fromkeys(nodes):
        mine = [told for name, told in outcomes.items() if _belongs(name, node)]
        if not mine:
            found.append(f"{node}: listed, but no such test ran")
        elif strict and "skipped" in mine:
            found.append(f"{node}: listed, but skipped")
    return found


def _belongs(name: str, node: str) -> bool:
    return name == node or name.startswith((f"{node}[", f"{node}::"))
