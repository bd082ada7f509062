"""The logs of access: one line a row, whatever was typed."""

from __future__ import annotations

import pytest

from rigd.access.trail import Log
from rigd.core.errors import AccessError
from rigd.store.registry import output


def test_a_row_is_one_line_with_who_and_when(house) -> None:
    """S18: an address with a newline and an escape forges no row."""
    with pytest.raises(AccessError):
        house.users.log_in("eve", "x", address='eve\n{"event":"login"}\x1b[2J')
    (row,) = house.rows(Log.AUTH)
    assert row["address"].startswith("eve\n")
    assert row["timestamp"] == "2024-03-04T14:00:00Z"
    assert "\x1b" not in house.registry.path(Log.AUTH.value).read_text()


@pytest.mark.parametrize("log", Log)
def test_each_log_has_its_row_in_the_output_table(log) -> None:
    """Document 070: shown in the logs page, one writer."""
    row = output(log.value)
    assert (row.writer, row.shown) == ("rigd.access.trail", True)
