"""Every exchange day of 2024 to 2027 as a whole session: no order outside, flat before the close.

Opens and closes come from exchange_calendars, what happened from the exchange's own record.
"""

from __future__ import annotations

import math
import warnings
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache

import pytest

from rigd.core.errors import ConfigError
from rigd.core.values import Bar
from rigd.hosts import wiring
from tests.engine.world import World, settings

YEARS = (2024, 2025, 2026, 2027)
FLAT_BEFORE_CLOSE = timedelta(minutes=2)
SHORTS = {f"short_type_{name}": "ShortSell" for name in ("open", "mid", "close")}
HALF_DAYS = {
    *(date(2024, 7, 3), date(2024, 11, 29), date(2024, 12, 24)),
    *(date(2025, 7, 3), date(2025, 11, 28), date(2025, 12, 24)),
    *(date(2026, 11, 27), date(2026, 12, 24)),
    date(2027, 11, 26),
}
"""The early closes that the exchange has published, all at 13:00 in New York."""


@cache
def schedule(year: int) -> dict[date, tuple[datetime, datetime]]:
    """Open and close of every session of a year, UTC, from exchange_calendars."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import exchange_calendars  # noqa: PLC0415 - slow, and the oracle of these tests alone

        name, first, last = "XNYS", f"{year}-01-01", f"{year}-12-31"
        rows = exchange_calendars.get_calendar(name, start=first, end=last).schedule
    return {
        stamp.date(): (opens.to_pydatetime(), closes.to_pydatetime())
        for stamp, opens, closes in zip(rows.index, rows["open"], rows["close"], strict=True)
    }


def wave(minutes: int, phase: float) -> list[Bar]:
    """Bars that swing by 0.8 % in about two hours: every window finds something to trade."""
    closes = [
        round(100.0 + 0.8 * math.sin(minute / 17.0 + phase) + 0.004 * minute, 2)
        for minute in range(minutes)
    ]
    bars = []
    for minute, close in enumerate(closes):
        opened = closes[max(minute - 1, 0)]
        high, low = max(opened, close) + 0.02, min(opened, close) - 0.02
        bars.append(Bar(minute, opened, high, low, close, 1000.0))
    return bars


def ran(day: date) -> World:
    """One session of three strategies in two symbols."""
    planned = wiring.session_day(day)
    return World(
        settings=settings(max_trades="2", weights="0.5,0.5", max_open_positions="6", **SHORTS),
        bars={"AAA": wave(planned.minutes, 0.0), "BBB": wave(planned.minutes, 2.0)},
        day=planned,
        filters=False,
    ).run()


def taken_and_filled(run: World) -> tuple[list[datetime], list[tuple[datetime, str, Decimal]]]:
    """When the exchange took orders, and its executions as (instant, symbol, signed shares)."""
    taken, filled, orders = [], [], {}
    for _, at, _, content, _ in run.log.rows:
        for change in content.get("changes", ()):
            if change["is"] == "taken":
                request = change["request"]
                buys = request["side"].startswith("buy")
                orders[request["cl_ord_id"]] = (request["symbol"], 1 if buys else -1)
                taken.append(at)
            elif change["is"] == "executed":
                symbol, sign = orders[change["cl_ord_id"]]
                instant = datetime.fromisoformat(change["ts"])
                filled.append((instant, symbol, sign * Decimal(change["qty"])))
    return taken, filled


def held(filled: list[tuple[datetime, str, Decimal]], until: datetime) -> dict[str, Decimal]:
    """Positions after the executions up to an instant, without the flat ones."""
    positions: dict[str, Decimal] = {}
    for at, symbol, shares in filled:
        if at <= until:
            positions[symbol] = positions.get(symbol, Decimal(0)) + shares
    return {symbol: shares for symbol, shares in positions.items() if shares}


@pytest.mark.parametrize("year", YEARS)
def test_every_session_trades_inside_its_hours_and_ends_flat(year) -> None:
    """T01: over all sessions of the year no order lies outside, no position outlives close-2m."""
    traded = strategies = 0
    for day, (opens, closes) in schedule(year).items():
        run = ran(day)
        taken, filled = taken_and_filled(run)
        assert all(opens <= at < closes for at in taken), day
        assert all(opens <= at <= closes - FLAT_BEFORE_CLOSE for at, _, _ in filled), day
        assert held(filled, closes - FLAT_BEFORE_CLOSE) == {}, day
        assert run.session.closed.flat, day
        assert (closes - opens < timedelta(hours=6)) == (day in HALF_DAYS), day
        traded += len(filled) > 0
        strategies += len({trade.strategy for trade in run.trades})
    assert traded == len(schedule(year)) > 245
    assert strategies > 2 * traded


@pytest.mark.parametrize("year", YEARS)
def test_no_session_is_planned_on_any_other_day(year) -> None:
    """T01: weekends and holidays are refused with the day in the message."""
    day = date(year, 1, 1)
    others = 0
    while day.year == year:
        if day not in schedule(year):
            others += 1
            with pytest.raises(ConfigError, match=day.isoformat()):
                wiring.session_day(day)
        day += timedelta(days=1)
    assert others > 110


@pytest.mark.parametrize("day", sorted(HALF_DAYS), ids=str)
def test_a_half_day_skips_what_no_longer_fits_and_says_so(day) -> None:
    """SPEC §2: the close window would overlap mid on a half day; it is skipped with a row."""
    run = ran(day)
    told = {
        entry.record.strategy: entry.record.skipped
        for entry in run.journal.entries()
        if type(entry.record).__name__ == "WindowPlanned"
    }
    assert told["open"] == told["mid"] == ""
    assert "mid" in told["close"]
    assert {trade.strategy for trade in run.trades} <= {"open", "mid"}
