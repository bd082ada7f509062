"""Versions of the chart follow each other; accounts are added and renamed, never removed."""

from __future__ import annotations

import json

import pytest

from rigd.core.errors import LedgerError
from rigd.ledger.chart import CHART
from rigd.ledger.chart_versions import TEMPLATE, changes, document, parsed

ALL = [{"number": account.number, "name": account.name} for account in CHART]


def version(number: int = 2, follows: int = 1, accounts: list | None = None) -> str:
    """A version as a page sends it."""
    held = {
        "version": number,
        "follows": follows,
        "accounts": ALL if accounts is None else accounts,
    }
    return json.dumps(held)


def test_what_was_added_and_renamed_is_told() -> None:
    """The first version is the template; the second has one more and one of another name."""
    renamed = [{"number": 1010, "name": "Injections"}, *ALL[1:]]
    new = parsed(version(accounts=[*renamed, {"number": 5095, "name": "Audit fees"}]))
    assert changes(TEMPLATE, new) == (
        (1010, "Float injection", "Injections"),
        (5095, "", "Audit fees"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (version(3, 2), "must be 2"),
        (version(2, 0), "must be 2"),
        (version(accounts=ALL[1:]), "1010 would go"),
        (version(), "change something"),
    ],
)
def test_what_does_not_follow_is_refused(text: str, message: str) -> None:
    """Another number, a missing account, or no change at all."""
    with pytest.raises(LedgerError, match=message):
        changes(TEMPLATE, parsed(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"version":2,"follows":1,"accounts":[3]}',
        version(accounts=[{"number": 9100, "name": "Control"}]),
        version(accounts=[{"number": 1010, "name": "x"}]),
        version(accounts=[{"number": 1010, "name": "a\nb"}]),
        version(accounts=[ALL[0], ALL[0]]),
    ],
)
def test_what_is_no_chart_is_refused(text: str) -> None:
    """Junk, a control account, a short or hidden name, a number twice."""
    with pytest.raises(LedgerError):
        parsed(text)


def test_a_version_is_read_back_as_it_was_written() -> None:
    """Document and value are the same thing."""
    assert parsed(document(TEMPLATE)) == TEMPLATE
