from __future__ import annotations

from rigd.core.events import Outcome, Stage, WindowPlanned
from rigd.core.orders import OrdStatus, Purpose
from rigd.reporting.funnel import explain_no_trade, funnels, why
from tests.reporting.journals import (
    Writer,
    _pool,
    intent,
    judged,
    quiet_session,
    session,
    started,
    updated,
)


def test_counts_per_strategy_and_in_total() -> None:
    """Candidates, signals, blocks, orders, fills and trades as counted by hand."""
    counted = {
        way.strategy: (
            way.candidates,
            way.skipped,
            way.with_signal,
            way.signals,
            way.blocked_count,
            way.orders,
            way.filled,
            way.fills,
            way.trades,
        )
        for way in funnels(session())
    }
    assert counted == {
        "open": (3, 0, 2, 3, 2, 1, 1, 2, 1),
        "mid": (1, 1, 1, 2, 1, 1, 1, 2, 1),
        "close": (1, 0, 1, 1, 0, 1, 1, 2, 1),
        "total": (5, 1, 4, 6, 3, 3, 3, 6, 3),
    }


def test_blocks_name_stage_rule_and_reason() -> None:
    """The total lists every rule, the most frequent first."""
    assert [tuple(item) for item in funnels(session())[-1].blocked] == [
        ("risk", "max_trades", "limit_reached", 2),
        ("enhancement", "adx", "adx_above_threshold", 1),
    ]


def test_why_prints_the_whole_chain_of_a_symbol() -> None:
    """Rank, verdicts with fallback level and UTC, orders, fills and the trade stand in order."""
    text = why(session(), "SPY")
    lines = text.splitlines()
    assert lines[0] == "SPY in session 2013-10-07_1 of RIGD_USA_SIM_01 [TEST]"
    assert lines.index("open") < lines.index("mid")
    assert (
        "  2013-10-07T16:16:00Z  enhancement  blocked short: adx: adx_above_threshold"
        " (ADX 26.31 > 25) | bar 165, pool rank 1, fallback level 0"
    ) in lines
    kinds = [line.split()[1] for line in lines[lines.index("mid") + 1 :]]
    assert kinds == [
        "screener",
        "enhancement",
        "risk",
        "order",
        "fill",
        "broker",
        "order",
        "fill",
        "broker",
        "trade",
    ]
    assert "IBM" not in text
    assert "close" not in lines


def test_why_tells_of_symbols_that_were_skipped_or_unknown() -> None:
    """A symbol outside the pool is told as skipped, watched or not watched."""
    assert "skipped: too few analysis bars" in why(session(), "BAC")
    assert "was not watched; watched were BAC, IBM, SPY" in why(session(), "XYZ")
    journal = Writer()
    journal.add(0, started())
    assert "was watched but stood in no pool" in why(journal.entries, "IBM")


def test_reasons_are_given_candidate_by_candidate() -> None:
    """Every pool member without a trade gets its reason; those that traded get none."""
    assert explain_no_trade(session()) == [
        "open SPY (rank 2): blocked by max_trades: limit_reached (1 of 1) on 2 bars",
        "open BAC (rank 3): no signal: below_trigger (largest move 0.001)",
        "mid BAC (not ranked): too few analysis bars",
    ]


def test_a_quiet_session_says_how_near_it_came() -> None:
    """Without a signal the largest move and what was needed are told."""
    moved = "no signal: below_trigger (largest move 0.004000, needed more than 0.02)"
    assert explain_no_trade(quiet_session()) == [
        f"open IBM (rank 1): {moved}",
        f"open SPY (rank 2): {moved}",
    ]


def test_orders_that_came_to_nothing_are_explained() -> None:
    """An expired or rejected order, an unanswered one and a skipped window have their line."""
    journal = Writer()
    skipped = WindowPlanned(
        strategy="mid",
        start=0,
        analysis_end=0,
        breakout_end=0,
        end=0,
        exit_minute=0,
        skipped="does not fit the half day",
    )
    journal.add(0, started(strategies=("open", "mid")), skipped)
    journal.add(20, _pool("open", 20, "IBM", "SPY", "BAC"))
    journal.add(21, intent("A"), updated("A", OrdStatus.EXPIRED, reason="no bar"))
    journal.add(21, intent("B", symbol="SPY"))
    journal.add(
        22,
        judged("open", "BAC", 21, Stage.RISK, Outcome.ALLOWED, "risk", "ok"),
    )
    assert explain_no_trade(journal.entries) == [
        "open IBM (rank 1): order EXPIRED: no bar",
        "open SPY (rank 2): order sent, no answer recorded",
        "open BAC (rank 3): signal allowed, no order followed",
        "mid: window skipped: does not fit the half day",
    ]


def test_a_replaced_entry_is_one_order() -> None:
    """An entry that was replaced counts once; protective orders are no entries."""
    journal = Writer()
    journal.add(0, started(strategies=("open",)), intent("A"), intent("B", replaces="A"))
    journal.add(1, intent("S", purpose=Purpose.STOP))
    assert funnels(journal.entries)[0].orders == 1


def test_hostile_text_cannot_break_the_lines() -> None:
    """A reason with line ends and escapes stays on its line."""
    journal = Writer()
    journal.add(0, started(strategies=("open",)), _pool("open", 20, "IBM"))
    journal.add(
        21,
        judged("open", "IBM", 20, Stage.RISK, Outcome.BLOCKED, "r", "a\nb\x1b[2J"),
    )
    assert explain_no_trade(journal.entries) == [r"open IBM (rank 1): blocked by r: a\nb\x1b[2J"]
    assert "\x1b" not in why(journal.entries, "IBM")
