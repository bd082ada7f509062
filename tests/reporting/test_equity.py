from __future__ import annotations

from decimal import Decimal

import pytest

from rigd.core.orders import ExecType
from rigd.reporting.equity import (
    EquityPoint,
    effective_fills,
    equity_curve,
    markers,
    pnl_at,
    thinned,
)
from tests.reporting.journals import OPEN, Writer, bars, fill, session, started


@pytest.mark.parametrize(
    ("minute", "pnl"),
    [
        (0, 0.0),
        (21, 0.0),  # before the entry at 100.00
        (22, 0.90),  # bar 21 closes at 100.10: 10 x 0.10, less 0.10 commission
        (31, 9.90),  # bar 30 closes at 101.00: 10 x 1.00 - 0.10
        (36, 14.80),  # sold at 101.50, 0.10 more commission
        (167, 14.80),
        (171, 12.80),  # SPY short, 4 x -0.50
        (390, 12.80),
    ],
)
def test_the_curve_marks_positions_at_each_close(minute: int, pnl: float) -> None:
    """Cash flow plus positions at the last close, worked by hand."""
    assert pnl_at(equity_curve(session(), bars()), minute) == pytest.approx(pnl, abs=1e-9)


def test_the_curve_ends_at_the_realised_pnl() -> None:
    """Once flat, the curve equals the sum of the trades: 14.80 - 2.00 + 0."""
    assert equity_curve(session(), {})[-1].pnl == pytest.approx(12.80, abs=1e-9)


def test_busts_and_corrections_replace_executions() -> None:
    """A busted execution does not count, a corrected one counts as corrected."""
    journal = Writer()
    journal.add(
        30,
        started(),
        fill("A", 21),
        fill("B", 21),
        fill("A", 21, exec_type=ExecType.BUST, exec_key="b", exec_ref_key="XA"),
        fill(
            "B", 21, exec_type=ExecType.CORRECT, exec_key="c", exec_ref_key="XB", price=Decimal(9)
        ),
        fill("Z", 21, exec_type=ExecType.CORRECT, exec_key="d", exec_ref_key="unknown"),
    )
    assert [(f.cl_ord_id, f.price) for f in effective_fills(journal.entries)] == [("B", Decimal(9))]


def test_markers_tell_leg_side_and_reason() -> None:
    """Entries and exits stand at their bar and price; the exit knows why."""
    told = [(m.symbol, m.minute, m.price, m.side, m.leg, m.note) for m in markers(session())]
    assert told == [
        ("IBM", 21, 100.0, "buy", "entry", ""),
        ("IBM", 35, 101.5, "sell", "exit", "target_hit"),
        ("SPY", 167, 170.25, "sell", "entry", ""),
        ("SPY", 170, 170.75, "buy", "exit", "stop_loss"),
        ("BAC", 370, 14.0, "buy", "entry", ""),
        ("BAC", 387, 14.0, "sell", "exit", "timeout"),
    ]


def test_thinning_keeps_the_ends() -> None:
    """A long curve keeps its first and last point; a short one all of them."""
    points = [EquityPoint(i, OPEN, float(i)) for i in range(1000)]
    few = thinned(points, 100)
    assert (len(few), few[0], few[-1]) == (100, points[0], points[-1])
    assert thinned(points[:5], 100) == points[:5]
    assert pnl_at([], 3) == 0.0
