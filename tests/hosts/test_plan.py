from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from rigd.config.inverse_etfs import InverseEtfs
from rigd.core.errors import ConfigError, DataError
from rigd.core.values import Reference
from rigd.hosts.plan import make_plan
from rigd.hosts.request import SessionRequest
from rigd.market.sample import LABEL
from tests.factories import settings
from tests.market.days import HEADER, MONDAY, TUESDAY, row, write

OF_FILES = SessionRequest(data="x", day=MONDAY.day, symbols=("SPY", "IBM"))


@pytest.fixture
def folder(tmp_path):
    """Bars of two symbols on a Monday, of one of them on Tuesday."""
    write(tmp_path / "SPY.csv", HEADER, row(0), row(1), row(0, day=TUESDAY))
    write(tmp_path / "IBM.csv", HEADER, row(0))
    return tmp_path


def test_the_sample_is_what_runs_without_a_request() -> None:
    """All five symbols, and the label that says what is made up."""
    plan = make_plan(settings(), SessionRequest())
    assert plan.feed.label == LABEL
    assert plan.feed.symbols == ("AAPL", "FB", "GOOG", "IBM", "MSFT")
    assert plan.day.day == date(2012, 11, 14)


def test_files_are_read_for_the_day_and_the_symbols(folder) -> None:
    """Only what was asked for, on the exchange day with its hours."""
    plan = make_plan(settings(), replace(OF_FILES, data=str(folder)))
    assert plan.feed.symbols == ("IBM", "SPY")
    assert plan.day.open == MONDAY.open
    assert len(plan.feed.bars["SPY"]) == 2


def test_bars_stamped_at_the_end_are_moved(folder) -> None:
    """The request says how the files are stamped."""
    plan = make_plan(
        settings(), replace(OF_FILES, data=str(folder), symbols=("SPY",), bar_stamp="end")
    )
    assert [bar.minute for bar in plan.feed.bars["SPY"]] == [0]


def test_a_relative_folder_and_a_home_sign_are_understood(folder, monkeypatch) -> None:
    """The folder is the one that the person who typed it means."""
    monkeypatch.chdir(folder.parent)
    assert make_plan(settings(), replace(OF_FILES, data=folder.name)).feed.symbols
    monkeypatch.setenv("HOME", str(folder.parent))
    assert make_plan(settings(), replace(OF_FILES, data=f"~/{folder.name}")).feed.symbols


def test_absent_symbols_are_shown(folder) -> None:
    """A symbol without bars on the day is named, with a way out; it is not left out silently."""
    request = replace(OF_FILES, data=str(folder), day=TUESDAY.day)
    with pytest.raises(DataError, match="found none for IBM") as caught:
        make_plan(settings(), request)
    assert caught.value.fix == "leave out IBM or choose another day"


@pytest.mark.parametrize(
    ("day", "error"),
    [
        (date(2013, 10, 5), "must be a session"),
        (date(2013, 12, 25), "must be a session"),
        (date(2013, 10, 9), "no bars|must have bars|2013-10-09"),
    ],
)
def test_a_day_without_session_or_bars_is_refused(folder, day, error) -> None:
    """Weekend, holiday, and a day that the files do not have."""
    with pytest.raises((ConfigError, DataError), match=error):
        make_plan(settings(), replace(OF_FILES, data=str(folder), day=day))


def test_a_folder_that_does_not_exist_is_refused(tmp_path) -> None:
    """The message names the folder."""
    with pytest.raises(DataError, match="must exist"):
        make_plan(settings(), replace(OF_FILES, data=str(tmp_path / "gone")))


def test_changes_are_made_before_the_plan(folder) -> None:
    """A change that is malformed, or windows that do not lie in the day, end the plan."""
    changed = replace(OF_FILES, data=str(folder), overrides=(("MAX_PRICE", "50"),))
    assert int(make_plan(settings(), changed).settings.max_price) == 50
    for override, words in (
        (("MAX_PRICES", "50"), "did you mean MAX_PRICE"),
        (("START_TIME_MID", "03:00Z"), "START_TIME_MID|03:00Z"),
    ):
        with pytest.raises(ConfigError, match=words):
            make_plan(settings(), replace(OF_FILES, data=str(folder), overrides=(override,)))


def test_recorded_bars_are_for_the_simulated_broker_alone(folder) -> None:
    """No order of a replay reaches a real broker."""
    with pytest.raises(ConfigError, match=r"BROKER_CODE must be SIM .* was ALPACA"):
        make_plan(settings(broker_code="ALPACA"), replace(OF_FILES, data=str(folder)))


def test_a_weekday_outside_trading_days_is_refused(folder) -> None:
    """TRADING_DAYS is obeyed: a Monday is no day of a bot that trades from Tuesday on."""
    chosen = settings(TRADING_DAYS="tue,wed,thu,fri")
    with pytest.raises(ConfigError, match="TRADING_DAYS tue,wed,thu,fri: mon"):
        make_plan(chosen, replace(OF_FILES, data=str(folder)))


def test_a_universe_fills_in_volumes_and_market_values(folder) -> None:
    """What the feed does not know of a symbol comes from the universe of the request."""
    request = replace(OF_FILES, data=str(folder))
    known = {"IBM": Reference(previous_volume=7.0, market_cap=5e9)}
    assert make_plan(settings(), request).feed.reference("IBM") == Reference()
    assert make_plan(settings(), request, known=known).feed.reference("IBM") == known["IBM"]
    sample = make_plan(settings(), SessionRequest(), known={"IBM": Reference(market_cap=5e9)}).feed
    assert sample.reference("IBM").market_cap == 5e9


def test_metrics_beside_the_bars_are_read_with_them(folder) -> None:
    """INVENTORY E20: fundamentals.json of a folder of data; without it nobody knows."""
    asked = replace(OF_FILES, data=str(folder))
    assert make_plan(settings(), asked).fundamentals is None
    (folder / "fundamentals.json").write_text(
        '{"source": "x", "dated": "2013-10-04", "metrics": {"SPY": {"peNormalizedAnnual": 20}}}'
    )
    known = make_plan(settings(), asked).fundamentals
    assert known.fundamentals("SPY", MONDAY.day).pe_ratio == 20.0


def test_malformed_metrics_refuse_the_plan(folder) -> None:
    """A file that cannot be read is named before anything is written."""
    (folder / "fundamentals.json").write_text("{}")
    with pytest.raises(DataError, match=r"fundamentals\.json"):
        make_plan(settings(), replace(OF_FILES, data=str(folder)))


INVERSE = (("SHORT_TYPE_OPEN", "InverseETF"),)


@pytest.fixture
def with_fund(folder):
    """The same bars and those of SH, the inverse of SPY."""
    write(folder / "SH.csv", HEADER, row(0), row(1))
    return folder


@pytest.mark.parametrize(
    ("symbols", "overrides", "read", "bought_only"),
    [
        (("SPY", "IBM"), (), {"SPY", "IBM"}, set()),
        (("SPY", "IBM"), INVERSE, {"SPY", "IBM", "SH"}, {"SH"}),
        (("IBM",), INVERSE, {"IBM"}, set()),
        (("SPY", "SH"), INVERSE, {"SPY", "SH"}, set()),
    ],
    ids=["not asked for", "beside what is asked for", "of nothing asked for", "asked for by name"],
)
def test_funds_are_read_where_a_short_side_buys_them(
    with_fund, symbols, overrides, read, bought_only
) -> None:
    """SPEC §3: an inverse ETF is bought only, unless it is asked for as a candidate."""
    request = replace(OF_FILES, data=str(with_fund), symbols=symbols, overrides=overrides)
    plan = make_plan(settings(), request)
    assert set(plan.feed.symbols) == read
    assert plan.bought_only == bought_only
    assert bool(plan.mapping) is bool(overrides)


def test_a_fund_without_bars_ends_no_plan(folder) -> None:
    """Neither a missing file nor a day without bars of it: its symbol is turned down later."""
    request = replace(OF_FILES, data=str(folder), symbols=("SPY",), overrides=INVERSE)
    assert make_plan(settings(), request).feed.symbols == ("SPY",)
    write(folder / "SH.csv", HEADER, row(0, day=TUESDAY))
    assert make_plan(settings(), request).feed.symbols == ("SPY",)


def test_the_plan_has_the_homes_own_table(with_fund) -> None:
    """Another table, other funds; the note names its version and what is bought only."""
    table = InverseEtfs(version=9, dated=MONDAY.day, pairs=(("IBM", "SH"),))
    request = replace(OF_FILES, data=str(with_fund), symbols=("SPY", "IBM"), overrides=INVERSE)
    plan = make_plan(settings(), request, table)
    assert plan.inverse_etfs is table
    assert plan.mapping.startswith("version 9 of 2013-10-07, 1 pairs, ")
    assert plan.mapping.endswith("bought only: SH")
