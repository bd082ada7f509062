from __future__ import annotations

from decimal import Decimal

import pytest

from rigd.core.events import BarsDropped, NoteMade, WindowPlanned
from rigd.reporting import tables
from tests.reporting.journals import Writer, quiet_session, session, started


@pytest.mark.parametrize(
    ("amount", "plus", "bare"),
    [("1234.565", "+1,234.56", "1,234.56"), ("-2", "-2.00", "-2.00"), ("0.001", "0.00", "0.00")],
)
def test_money_is_read_in_cents(amount: str, plus: str, bare: str) -> None:
    """Half-even to the cent, with thousands separators and a sign where asked."""
    assert tables.signed(Decimal(amount)) == plus
    assert tables.cents(Decimal(amount)) == bare


@pytest.mark.parametrize(
    ("value", "text"), [("14", "14.00"), ("101.5", "101.50"), ("1.234567", "1.234567")]
)
def test_prices_have_two_places_or_all_they_need(value: str, text: str) -> None:
    """A price is never shortened."""
    assert tables.price(Decimal(value)) == text


def test_an_undefined_fraction_is_a_dash() -> None:
    """No trade, no rate."""
    assert (tables.percent(None), tables.percent(Decimal("0.333333"))) == ("–", "33 %")


def test_the_trades_table_tells_each_trade() -> None:
    """One row per trade, in reading form."""
    rows = tables.trades_table(session()).rows
    first = ("open", "IBM", "long", "10", "13:51Z", "14:05Z", "100.00", "101.50")
    assert rows[0] == (*first, "+14.80", "target_hit")
    assert [row[8] for row in rows] == ["+14.80", "-2.00", "0.00"]
    assert tables.trades_table(quiet_session()).rows == ()


def test_the_funnel_table_ends_in_the_total() -> None:
    """Counts as in the funnel."""
    assert tables.funnel_table(session()).rows[-1] == ("total", "5", "4", "6", "3", "3", "3", "3")


def test_windows_show_minutes_and_utc_or_why_not() -> None:
    """A planned window has its parts, a skipped one its reason."""
    assert tables.windows_table(session()).rows[1] == (
        "mid",
        "150–165",
        "165–175",
        "175–205",
        "205",
        "16:00Z to 16:55Z",
    )
    journal = Writer()
    skipped = WindowPlanned(
        strategy="mid",
        start=0,
        analysis_end=0,
        breakout_end=0,
        end=0,
        exit_minute=0,
        skipped="half day",
    )
    journal.add(0, started(), skipped)
    assert tables.windows_table(journal.entries).rows[0][-1] == "skipped: half day"


def test_session_limits_checks_pools_blocks_and_settings_have_their_rows() -> None:
    """The other tables carry the record's values."""
    entries = session()
    assert ("Profile", "TEST") in tables.session_table(entries).rows
    assert ("Data", "real minute bars") in tables.session_table(entries).rows
    assert ("Status", "CLOSED (session_end)") in tables.session_table(entries).rows
    assert tables.limits_table(entries).rows == (("daily_loss_limit", "5000"), ("max_trades", "1"))
    assert tables.checks_table(entries).rows == (("risk", "passed", "limits are complete"),)
    assert ("mid", "–", "BAC", "too few analysis bars") in tables.pools_table(entries).rows
    assert tables.blocked_table(entries).rows[1][2] == "adx"
    assert ("LOG_FORMAT", "json") in tables.settings_table(entries).rows


def test_a_dry_run_of_production_is_told_beside_its_profile() -> None:
    """The profile's row shows the other badges."""
    journal = Writer()
    journal.add(0, started(test_mode=True))
    assert ("Profile", "TEST, TEST_MODE") in tables.session_table(journal.entries).rows


def test_notes_and_dropped_bars_are_told() -> None:
    """What decides nothing is still said."""
    journal = Writer()
    journal.add(0, started(), NoteMade(topic="vix", text="17.74 of 2013-10-04"))
    journal.add(0, BarsDropped(symbol="IBM", source="ibm.csv", kept=390, dropped=12))
    assert tables.notes_table(journal.entries).rows == (
        ("vix", "17.74 of 2013-10-04"),
        ("bars", "IBM: 390 kept, 12 outside the session dropped (ibm.csv)"),
    )
