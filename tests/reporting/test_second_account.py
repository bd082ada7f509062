"""vectorbt counts from our executions what we booked."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from rigd.core.errors import DataError
from rigd.core.events import FillRecorded
from rigd.core.orders import ExecType
from rigd.reporting.second_account import (
    Execution,
    Recount,
    booked_of,
    executions_of,
    portfolio,
    recount,
)
from tests.reporting.journals import session

OPEN = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)


def at(minute: int, symbol: str, quantity: str, price: str, commission: str = "0") -> Execution:
    return Execution(
        symbol,
        OPEN + timedelta(minutes=minute),
        Decimal(quantity),
        Decimal(price),
        Decimal(commission),
    )


TWO = [
    at(1, "A", "10", "100", "1"),
    at(1, "B", "-4.5", "50"),
    at(3, "A", "-6", "103"),
    at(3, "A", "-4", "104", "0.5"),
    at(9, "B", "4.5", "51"),
]
"""A: 6 × 3 + 4 × 4 - 1.5 = 32.5, in two pieces of one minute. B, short: 4.5 × -1 = -4.5."""


def test_round_trips_by_hand() -> None:
    """INVENTORY J11: long with commissions and in pieces, and short."""
    booked = {"A": (Decimal("32.5"), 1), "B": (Decimal("-4.5"), 1)}
    found = recount(TWO, booked, Decimal(100000))
    assert [row.symbol for row in found] == ["A", "B"]
    assert [row.counted for row in found] == [Decimal("32.5"), Decimal("-4.5")]
    assert all(row.agrees for row in found)


def test_a_wrong_booking_is_found() -> None:
    """A cent too much in our books, and a symbol that was booked without an execution."""
    booked = {"A": (Decimal("32.51"), 1), "B": (Decimal("-4.5"), 1), "C": (Decimal(3), 1)}
    found = recount(TWO, booked, Decimal(100000))
    assert [row.agrees for row in found] == [False, True, False]
    assert found[0].difference == Decimal("-0.01")
    assert found[2] == Recount("C", Decimal(3), 1, Decimal(0))


def test_the_portfolio_has_statistics() -> None:
    """vectorbt's own figures: two round trips in A's pieces are one, all of A's won."""
    found = portfolio(TWO, Decimal(100000))
    assert int(found.orders.count()["A"]) == 3
    assert float(found.total_profit().sum()) == pytest.approx(28.0)


def test_an_open_position_is_refused() -> None:
    """Its profit is not booked: there is nothing to compare."""
    with pytest.raises(DataError, match="open are B"):
        recount(TWO[:-1], {}, Decimal(100000))


def test_executions_that_cannot_be_are_refused() -> None:
    """None at all, and one that the cash does not pay."""
    with pytest.raises(DataError, match="must be an execution"):
        portfolio([], Decimal(1))
    with pytest.raises(DataError, match="refused one"):
        portfolio(TWO, Decimal(10))


def test_a_journal_gives_its_executions() -> None:
    """Each fill of the hand-made session with its sign, and the PnL of its trades."""
    entries = session()
    fills = [entry.record for entry in entries if isinstance(entry.record, FillRecorded)]
    found = executions_of(entries)
    assert len(found) == len(fills) > 1
    assert [abs(one.quantity) for one in found] == [fill.qty for fill in fills]
    assert set(booked_of(entries)) <= {one.symbol for one in found}


def test_a_corrected_execution_is_refused() -> None:
    """What the broker took back is counted by the books, which know how."""
    entries = session()
    number = next(n for n, e in enumerate(entries) if isinstance(e.record, FillRecorded))
    busted = replace(entries[number].record, exec_type=ExecType.BUST)
    changed = [*entries[:number], entries[number]._replace(record=busted)]
    with pytest.raises(DataError, match="must be a trade"):
        executions_of(changed)


def test_vectorbt_is_imported_when_it_is_asked_alone() -> None:
    """Importing the module loads neither vectorbt nor pandas."""
    code = (
        "import sys; import rigd.reporting.second_account; "
        "print({'vectorbt', 'pandas', 'numba'} & set(sys.modules))"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"
