from __future__ import annotations

from rigd.core.events import WindowPlanned
from rigd.reporting.session_summary import SummaryInputs, session_summary, text_table
from rigd.reporting.tables import Table
from tests.reporting.journals import Writer, _pool, quiet_session, session, started

INPUTS = SummaryInputs(
    books="balanced, 6 transactions",
    record="runs/RIGD_USA_SIM_01/sessions/2013-10-07_1",
    next_steps=("rigd verify runs/latest", "rigd why IBM"),
    warnings=("backup failed: disk full",),
)

EXPECTED = """\
Session 2013-10-07_1 of RIGD_USA_SIM_01 [TEST]
Broker SIM, data: real minute bars
CLOSED, state idle, flat: session_end (exit code 0)

Funnel
  Strategy  Candidates  With signal  Signals  Blocked  Orders  Filled  Trades
  open               3            2        3        2       1       1       1
  mid                1            1        2        1       1       1       1
  close              1            1        1        0       1       1       1
  total              5            4        6        3       3       3       3

Trades
  Strategy  Symbol  Side   Size  Entry   Exit    Entry price  Exit price     PnL  Exit reason
  open      IBM     long     10  13:51Z  14:05Z       100.00      101.50  +14.80  target_hit
  mid       SPY     short     4  16:17Z  16:20Z       170.25      170.75   -2.00  stop_loss
  close     BAC     long    100  19:40Z  19:57Z        14.00       14.00    0.00  timeout

PnL     +12.80 USD, net of 0.20 commission
Books   balanced, 6 transactions
Record  runs/RIGD_USA_SIM_01/sessions/2013-10-07_1
Warning backup failed: disk full

Next
  rigd verify runs/latest
  rigd why IBM
"""


def test_the_summary_of_the_hand_made_session() -> None:
    """Funnel, trades, PnL, books, record and what to do next, as printed."""
    assert session_summary(session(), INPUTS) == EXPECTED


def test_without_a_trade_the_reasons_are_printed() -> None:
    """A quiet session explains itself candidate by candidate."""
    text = session_summary(quiet_session(), INPUTS)
    assert "  no trade was made" in text
    assert "Why nothing traded" in text
    assert "open SPY (rank 2): no signal: below_trigger" in text


def test_a_session_that_did_not_end_says_so() -> None:
    """Without its last record the session counts as not closed."""
    assert "Not closed yet" in session_summary(session()[:-1], INPUTS)


def test_a_window_that_did_not_run_says_why() -> None:
    """A skipped window is told below the funnel, with its reason."""
    journal = Writer()
    skipped = WindowPlanned(
        strategy="close",
        start=0,
        analysis_end=0,
        breakout_end=0,
        end=0,
        exit_minute=0,
        skipped="overlaps mid",
    )
    journal.add(0, started(strategies=("open",)), skipped)
    text = session_summary(journal.entries, INPUTS)
    assert "\n  close did not run: overlaps mid\n" in text


def test_very_many_reasons_are_cut() -> None:
    """The terminal shows forty reasons and how many are left."""
    journal = Writer()
    journal.add(0, started(strategies=("open",)))
    journal.add(20, _pool("open", 20, *(f"S{i}" for i in range(50))))
    text = session_summary(journal.entries, INPUTS)
    assert "  and 10 more" in text
    assert text.count("not asked") == 40


def test_control_characters_do_not_reach_the_terminal() -> None:
    """A path or label with escapes is shown, not obeyed."""
    hostile = SummaryInputs(books="\x1b[2Jx", record="a\nb")
    text = session_summary(session(), hostile)
    assert "\x1b" not in text
    assert r"a\nb" in text


def test_columns_are_aligned_and_numbers_right() -> None:
    """Text is set left, numbers right; an empty table says why."""
    table = Table("T", ("Name", "N"), (("a", "1"), ("long name", "10")), frozenset({1}))
    assert text_table(table) == ["  Name        N", "  a           1", "  long name  10"]
    assert text_table(Table("T", ("A",), (), frozenset(), "nothing")) == ["  nothing"]
