"""The table of forms in which the books leave the program."""

from __future__ import annotations

import json

import pytest

from rigd.core.errors import ConfigError
from rigd.hosts import books
from rigd.hosts.panel import downloads
from rigd.ledger.exports import FORMS, render
from rigd.store.registry import OUTPUTS
from tests.ledger.books import ledger, post_all, started


def test_one_table_says_the_forms_of_every_place() -> None:
    """MM5: command line, panel and files of a session know the same forms."""
    written = {
        row.name.removeprefix("ledger.")
        for row in OUTPUTS
        if row.name.startswith("ledger.") and row.name != "ledger.db"
    }
    assert set(FORMS) == set(books.FORMATS) == set(downloads.FORMS) == written


@pytest.mark.parametrize("form", ["ofx", "beancount", "csv", "json"])
def test_each_form_holds_the_opening_cash(form: str) -> None:
    """MM5: the same amount stands in each."""
    made = ledger()
    post_all(made, started("12345.67"))
    assert b"12345.67" in render(made.statement(), form)


def test_json_is_one_object_and_another_form_is_refused() -> None:
    """The forms that exist are named."""
    made = ledger()
    post_all(made, started())
    assert isinstance(json.loads(render(made.statement(), "json")), dict)
    with pytest.raises(ConfigError, match="one of ofx, beancount, csv, json, was 'qif'"):
        render(made.statement(), "qif")
