"""What is shown of the tuning tables."""

from __future__ import annotations

from decimal import Decimal

from rigd.reporting import tuning_view as view
from rigd.reporting.tuning import COLUMNS, Run, document

RUNS = [
    Run("2013-10-04_1", "TEST", "", "0.02", 8, 4, Decimal(40), 480_000_000, 3, 1, {"A": 8}),
    Run("2013-10-07_1", "TEST", "", "0.02", 4, 1, Decimal(-4), 120_000_000, 0, 0, {"A": 3, "B": 1}),
    Run("2013-10-08_1", "TEST", "", "0.01", 0, 0, Decimal(0), 0, 5, 2, {}),
]
DOCUMENT = document("BOT", "open", RUNS)


def test_a_row_has_the_cells_of_the_document() -> None:
    """INVENTORY O11 by hand: 12 trades, 5 won, 36 / 12 = 3 each, 50 s, and the tickers."""
    table = view.tuning_table(DOCUMENT["table"])
    assert table.columns == COLUMNS
    assert table.rows == (
        ("0.01", "1", "0", "-", "-", "-", "5", "2", "-"),
        ("0.02", "2", "12", "0.416667", "3", "50.000000", "3", "1", "A:11 B:1"),
    )


def test_the_advice_names_its_sample() -> None:
    """INVENTORY O10: the value with the trades and runs that it rests on."""
    assert view.advice(DOCUMENT).startswith("STRAT_OPEN_BUFFER=0.02: ")
    assert view.advice(DOCUMENT).endswith("from 12 trades in 2 run(s)")


def test_few_trades_give_no_advice() -> None:
    """A value is not named where its average is luck."""
    assert view.advice(document("BOT", "open", RUNS[2:])) == "no value has 10 trades yet"


def test_blocks_show_strategy_and_runs() -> None:
    """INVENTORY O9: the table, the advice, and each run behind it."""
    shown = view.strategy(DOCUMENT)
    assert "open: STRAT_OPEN_BUFFER" in shown
    assert "12 trades in 2 run(s)" in shown
    listed = view.runs(DOCUMENT)
    assert [run.session in listed for run in RUNS] == [True] * 3
