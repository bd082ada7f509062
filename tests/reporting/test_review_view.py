"""What a review shows: states, decisions, orders, errors; from the record alone."""

from __future__ import annotations

from decimal import Decimal

from rigd.core.errors import Problem
from rigd.core.events import (
    AlertRaised,
    Command,
    CommandObeyed,
    ErrorCaptured,
    SettingsChanged,
    StateChanged,
)
from rigd.core.lifecycle import BotState
from rigd.core.orders import OrdStatus
from rigd.reporting import review_view
from tests.reporting.journals import Writer, fill, intent, session, started, updated


def journal(*records) -> list:
    made = Writer()
    made.add(0, started(), *records)
    return made.entries


def test_the_lifecycle_has_states_commands_and_changes_in_order() -> None:
    """Each step of the session as a whole is one row, and nothing else is."""
    entries = journal(
        StateChanged(previous=BotState.IDLE, state=BotState.UPDATING, reason="settings changed"),
        SettingsChanged(
            minute=5,
            source="env/.env_bot.enc",
            changes=(("MAX_TRADES", "4", "1"),),
            config_digest="c",
            session_cap=Decimal(1),
            limits=(),
        ),
        AlertRaised(critical=False, event="test_mode", text="test_mode.flag refused"),
        CommandObeyed(command=Command.STOP, source="f", signed=True, by="me", why="enough"),
        intent("A"),
    )
    rows = review_view.lifecycle_table(entries).rows
    assert [row[1] for row in rows] == [
        "state_changed",
        "settings_changed",
        "alert",
        "command_obeyed",
    ]
    assert "MAX_TRADES 4 -> 1" in rows[1][2]


def test_an_order_stands_in_one_row_with_its_end() -> None:
    """What was meant, the last known status, and what filled."""
    entries = journal(
        intent("A"),
        updated("A", OrdStatus.NEW),
        fill("A", 21),
        intent("B"),
        intent("C"),
        updated("C", OrdStatus.REPLACED),
    )
    first, second, more = review_view.orders_table(entries).rows
    assert more[4].startswith("1 more were replaced")
    assert first[5] == str(OrdStatus.FILLED)
    assert " at 100" in first[6]
    assert second[5:] == ("no answer on record", "")


def test_errors_are_told_with_their_exception() -> None:
    """Errors and alerts stand there, routine does not."""
    error = ErrorCaptured(
        strategy="open",
        broker="SIM",
        error_type="LogicError",
        error_code="ZeroDivisionError",
        raw_exception="division by zero\nmore",
        context="strategy step",
        fatal=False,
    )
    entries = journal(
        updated("A", OrdStatus.NEW), error, AlertRaised(critical=True, event="x", text="y")
    )
    rows = review_view.errors_table(entries).rows
    assert [row[1] for row in rows] == ["error_captured", "alert"]
    assert rows[0][2].endswith(": division by zero")
    assert "no error is on record" in review_view.errors(journal())


def test_a_long_table_says_what_it_leaves_out() -> None:
    """A review stays small: 200 rows and a count of the rest."""
    entries = journal(*(intent(f"O{n}") for n in range(250)))
    rows = review_view.orders_table(entries).rows
    assert len(rows) == review_view.MOST_ROWS + 1
    assert rows[-1][0] == "50 more in the journal"


def test_decisions_are_those_of_the_first_that_traded() -> None:
    """Without a symbol the first trade's; with one that one's; without any pool it says so."""
    entries = list(session())
    traded = review_view.first_symbol(entries)
    assert traded
    shown = review_view.decisions(entries)
    assert traded in shown
    assert shown.count("\n") > 10
    assert "MSFT in session" in review_view.decisions(entries, "MSFT")
    assert "no candidate was ranked" in review_view.decisions(journal())


def test_equity_is_worked_out_from_fills_alone() -> None:
    """The chart says that it has no bars."""
    shown = review_view.equity(list(session()))
    assert "<svg" in shown
    assert "holds no bars" in shown


def test_a_changed_record_is_named_and_a_whole_one_is_told() -> None:
    """Where and what, or the number of sealed files."""
    assert "whole: 12 files" in review_view.verification([], 12)
    told = review_view.verification([Problem("journal.log:record 3", "changed")], 12)
    assert "journal.log:record 3" in told
    assert "whole" not in told


def test_values_are_escaped_and_missing_ones_are_dashes() -> None:
    """A summary shows nested values as text, never as markup."""
    document = {"a": None, "b": {"x": 1, "deep": [1]}, "c": [], "d": "<b>", "funnel": [1]}
    shown = review_view.summary(document)
    assert "deep" not in shown
    assert "funnel" not in shown
    assert "<b>" not in shown
    assert "&lt;b&gt;" in shown
    assert "x 1" in shown
    assert shown.count("–") == 2
    assert "<script" not in review_view.seal([("<script>", "x")])
