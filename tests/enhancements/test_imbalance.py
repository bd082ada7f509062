"""The imbalance scanner."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta

import pytest

from rigd.calendar.exchange import session
from rigd.calendar.windows import parse_start
from rigd.core.errors import ConfigError, DataError
from rigd.core.readings import Imbalance
from rigd.core.values import Direction
from rigd.enhancements.chain import build_chain, decide
from rigd.enhancements.contract import Sources
from rigd.enhancements.imbalance import ImbalanceFilter
from tests.enhancements.views import view
from tests.factories import candidate, settings
from tests.fakes.sources import FakeImbalance

LONG = candidate(strategy="close")
SHORT = candidate(strategy="close", direction=Direction.SHORT)


def late(**overrides):
    """A view 15 minutes before the close."""
    day = overrides.pop("session", session(date(2013, 10, 7)))
    now = overrides.pop("now", day.close - timedelta(minutes=15))
    return view(session=day, now=now, **overrides)


def asked(who, imbalance, paired=1000.0, chosen=None, **overrides):
    """Ask with one reading."""
    source = FakeImbalance(imbalance, paired)
    filter_ = ImbalanceFilter(Sources(imbalance=source))
    return filter_.check(who, late(**overrides), chosen or settings())


@pytest.mark.parametrize(
    ("who", "imbalance", "allowed"),
    [
        (LONG, -300, True),
        (LONG, -301, False),
        (LONG, 5000, True),
        (LONG, 0, True),
        (SHORT, 300, True),
        (SHORT, 301, False),
        (SHORT, -5000, True),
    ],
)
def test_only_a_strong_opposing_imbalance_blocks(who, imbalance, allowed):
    """INVENTORY E26, SPEC §3a.9: 300 of 1000 paired pass at 0.3, 301 block; a helping one never."""
    verdict = asked(who, imbalance)
    assert verdict.allow is allowed
    assert verdict.reason == ("ok" if allowed else "opposing_imbalance")


def test_the_row_shows_the_numbers():
    """INVENTORY E26: ratio, threshold and both counts are in the row."""
    assert asked(LONG, -450).measured == "opposing 0.4500 > 0.3 (imbalance -450, paired 1000)"


@pytest.mark.parametrize(("imbalance", "allowed"), [(0, True), (10, True), (-1, False)])
def test_without_paired_shares_any_opposition_blocks(imbalance, allowed):
    """Nothing paired makes the ratio infinite; nothing opposing keeps it 0."""
    assert asked(LONG, imbalance, paired=0.0).allow is allowed


DAYS = {
    "summer": (date(2026, 7, 15), "2026-07-15T19:30:00+00:00", "2026-07-15T20:00:00+00:00"),
    "winter": (date(2026, 1, 15), "2026-01-15T20:30:00+00:00", "2026-01-15T21:00:00+00:00"),
    "half day": (date(2026, 11, 27), "2026-11-27T17:30:00+00:00", "2026-11-27T18:00:00+00:00"),
    "after the change": (
        date(2026, 3, 9),
        "2026-03-09T19:30:00+00:00",
        "2026-03-09T20:00:00+00:00",
    ),
}


@pytest.mark.parametrize("name", DAYS)
def test_the_window_follows_the_session(name):
    """INVENTORY E25: read only in close-30m..close; the close is 21:00 UTC in winter, 20:00 else.

    The closes are those of the exchange's published calendar: 16:00 New York, 13:00 on half days.
    """
    day, first, last = DAYS[name]
    first, last = datetime.fromisoformat(first), datetime.fromisoformat(last)
    source = FakeImbalance(-900.0)
    filter_ = ImbalanceFilter(Sources(imbalance=source))
    second = timedelta(seconds=1)
    for now, inside in (
        (first - second, False),
        (first, True),
        (last - second, True),
        (last, False),
    ):
        source.asked.clear()
        verdict = filter_.check(LONG, late(session=session(day), now=now), settings())
        assert bool(source.asked) is inside, now
        assert verdict.reason == ("opposing_imbalance" if inside else "outside_window")
        assert verdict.allow is not inside


def test_the_documents_fixed_hours_lie_outside_a_summer_session():
    """INVENTORY E25: 20:30 UTC is inside a winter session and a config error in summer."""
    literal = parse_start("20:30Z")
    assert literal.minute(session(date(2026, 1, 15))) == 360
    with pytest.raises(ConfigError, match="20:30Z"):
        literal.minute(session(date(2026, 7, 15)))


@pytest.mark.parametrize("broker", ["SIM", "ALPACA", "TRADIER"])
def test_only_ibkr_is_asked(broker):
    """INVENTORY E26: at another broker the scanner is never called and leaves no row."""
    source = FakeImbalance(-900.0)
    sources = Sources(imbalance=source)
    for code, calls in ((broker, 0), ("IBKR", 1)):
        source.asked.clear()
        chosen = settings(broker_code=code)
        verdicts = decide(LONG, late(), chosen, build_chain(chosen, sources))
        assert len(source.asked) == calls
        assert ("imbalance" in [verdict.rule for verdict in verdicts]) is (calls == 1)


def test_only_close_is_asked():
    """SPEC §3: the imbalance belongs to the close strategy."""
    filter_ = ImbalanceFilter()
    assert [name for name in ("open", "mid", "close") if filter_.applies_to(name)] == ["close"]


def test_the_toggle_switches_the_scanner_off():
    """INVENTORY E32: with ENABLE_IMBALANCE_SCANNER=false nothing is read."""
    source = FakeImbalance(-900.0)
    chosen = settings(broker_code="IBKR", enable_imbalance_scanner="false")
    verdicts = decide(LONG, late(), chosen, build_chain(chosen, Sources(imbalance=source)))
    assert source.asked == []
    assert [v.reason for v in verdicts if v.rule == "imbalance"] == ["disabled"]


@pytest.mark.parametrize("sources", [Sources(), Sources(imbalance=FakeImbalance(None))])
@pytest.mark.parametrize(
    ("policy", "defense", "allowed"),
    [("open", False, True), ("closed", False, False), ("open", True, False)],
)
def test_no_reading_follows_the_fail_policy(sources, policy, defense, allowed):
    """INVENTORY E5: nothing read is a warning, and blocks when failing closed."""
    chosen = settings(enhancement_fail_policy=policy)
    verdict = ImbalanceFilter(sources).check(LONG, late(defense=defense), chosen)
    assert (verdict.allow, verdict.reason) == (allowed, "no_imbalance")


@pytest.mark.parametrize(("symbol", "minutes"), [("IBM", 0), ("SPY", 16), ("SPY", -1)])
def test_a_reading_of_something_else_is_an_error(symbol, minutes):
    """Another symbol, an instant before the window or after now is corrupt input."""

    class Confused:
        def imbalance(self, asked, now):
            del asked
            at = now - timedelta(minutes=minutes)
            return Imbalance(symbol=symbol, imbalance=1.0, paired=1.0, at=at)

    with pytest.raises(DataError, match="SPY"):
        ImbalanceFilter(Sources(imbalance=Confused())).check(LONG, late(), settings())


def test_defense_mode_narrows_the_limit():
    """SPEC §4: 0.3 × 0.66 = 0.198; a quarter opposing passes at ease and not in defense mode."""
    assert asked(LONG, -250).allow
    verdict = asked(LONG, -250, defense=True)
    assert not verdict.allow
    assert "> 0.198" in verdict.measured


@pytest.mark.parametrize(("threshold", "passed"), [(0.3, True), (math.nan, False), (-1.0, False)])
def test_the_self_check_judges_the_threshold(threshold, passed):
    """INVENTORY E30: a threshold that is no number refuses the launch."""
    chosen = settings().model_copy(update={"imbalance_max_opposing": threshold})
    check = ImbalanceFilter().self_check(chosen)
    assert (check.name, check.passed) == ("enhancements.imbalance", passed)
