from __future__ import annotations

import pytest

from rigd.core.errors import DataError
from rigd.market.findings import LIMIT, Findings


def test_nothing_found_raises_nothing() -> None:
    """A clean input passes."""
    Findings().raise_any("bars")


def test_every_problem_is_in_the_one_error() -> None:
    """All problems are shown at once, with place and column."""
    findings = Findings()
    findings.add("a.csv:2", "must be a number, was 'x'", "open")
    findings.add("b.csv:9", "stamp occurs twice")
    with pytest.raises(DataError) as caught:
        findings.raise_any("the bars")
    assert str(caught.value).splitlines() == [
        "the bars must not be used: 2 problems found",
        "  a.csv:2: open: must be a number, was 'x'",
        "  b.csv:9: stamp occurs twice",
    ]
    assert caught.value.fix


def test_only_twenty_are_kept_and_the_message_says_so() -> None:
    """A file of garbage does not flood the screen."""
    findings = Findings()
    for line in range(30):
        findings.add(f"a.csv:{line}", "wrong")
    assert findings.full
    assert findings.count == LIMIT == 20
    with pytest.raises(DataError, match="20 or more problems") as caught:
        findings.raise_any("the bars")
    assert len(caught.value.problems) == 20
