"""The risk view."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rigd.core.errors import LogicError
from tests.risk.views import view


@pytest.mark.parametrize(
    "wrong",
    [
        {"float_amount": Decimal("NaN")},
        {"session_cap": Decimal("Infinity")},
        {"window_exposure": Decimal(-1)},
        {"window_entries": -1},
        {"open_positions": -1},
        {"quantity_decimals": -1},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_view_with_an_impossible_number_does_not_exist(wrong):
    """An amount that is not finite, or a negative count, is a defect and never a limit."""
    with pytest.raises(LogicError, match=next(iter(wrong))):
        view(**wrong)


def test_a_view_of_a_normal_session_exists():
    """The factory's own numbers are good, so each test changes one thing."""
    assert view().window_entries == 0
