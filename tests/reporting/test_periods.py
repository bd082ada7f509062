"""Trades added up by session, day, week and month, worked by hand."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from rigd.core.values import BotIdentity
from rigd.reporting.periods import (
    Total,
    first_of_month,
    monday_of,
    newest_day,
    total,
    totals,
    trades_in,
    trades_since,
)
from rigd.store.paths import Home

if TYPE_CHECKING:
    from pathlib import Path

BOT = BotIdentity(entity_code="RIGD", jurisdiction_code="USA", broker_code="SIM", bot_id="01")


def row(session: str, strategy: str, pnl: str) -> dict[str, object]:
    """A row of trade_history."""
    return {
        "timestamp": f"{session[:10]}T15:00:00Z",
        "session": session,
        "strategy_name": strategy,
        "ticker": "IBM",
        "side": "long",
        "PnL": pnl,
        "exit_reason": "timeout",
    }


ROWS = [
    row("2024-02-29_1", "open", "100"),  # Thursday of the week before, another month
    row("2024-03-04_1", "open", "5"),  # Monday
    row("2024-03-06_1", "open", "-2"),  # Wednesday, first session
    row("2024-03-06_2", "open", "3"),
    row("2024-03-06_2", "mid", "-1"),
]


def test_spans_are_those_of_the_newest_session() -> None:
    """Session 3 - 1, day with -2, week with 5; the month leaves February out."""
    trades = trades_in(json.dumps(ROWS).encode())
    found = totals(trades, "2024-03-06_2")
    assert {span: each["total"].pnl for span, each in found.items()} == {
        "session": Decimal(2),
        "day": Decimal(0),
        "week": Decimal(5),
        "month": Decimal(5),
    }
    assert found["day"]["open"] == Total(2, Decimal(1), Decimal("0.5"))
    assert found["week"]["close"] == Total(0, Decimal(0), None)


def test_a_week_may_begin_in_the_month_before() -> None:
    """What is read begins at the earlier of the two."""
    assert first_of_month(date(2024, 3, 2)) == date(2024, 2, 26)
    assert first_of_month(date(2024, 3, 29)) == date(2024, 3, 1)
    assert monday_of(date(2024, 3, 3)) == date(2024, 2, 26)


def test_both_formats_are_read() -> None:
    """CSV and JSON give the same trades; broken rows are left out."""
    text = ",".join(ROWS[0]) + "\n" + ",".join(map(str, ROWS[0].values())) + "\n"
    assert trades_in(text.encode()) == trades_in(json.dumps(ROWS[:1]).encode())
    assert trades_in(b"") == trades_in(b"[") == trades_in(b"[3, {}]") == []


def test_sessions_of_the_home_are_read_from_a_day_on(tmp_path: Path) -> None:
    """Older sessions cost nothing."""
    tree = Home(tmp_path).bot(BOT)
    for session in ("2024-02-29_1", "2024-03-04_1"):
        folder = tree.sessions / session
        folder.mkdir(parents=True)
        rows = [each for each in ROWS if each["session"] == session]
        (folder / "trade_history.json").write_text(json.dumps(rows))
    (tree.sessions / "odd").mkdir()
    assert newest_day(tree) == date(2024, 3, 4)
    assert [trade.pnl for trade in trades_since(tree, date(2024, 3, 1))] == [Decimal(5)]
    assert newest_day(Home(tmp_path / "none").bot(BOT)) is None


def test_nothing_has_no_win_rate() -> None:
    """Without trades there is no fraction of wins."""
    assert total([]) == Total(0, Decimal(0), None)
