"""The ADX filter."""

from __future__ import annotations

import csv
import math

import pytest

from rigd.core.values import Bar, Direction
from rigd.enhancements.adx import AdxFilter
from tests.enhancements.views import view
from tests.factories import bars, candidate, settings
from tests.shared import shared_path

FILTER = AdxFilter()
MID = candidate(strategy="mid")
RISE = bars([100.0 + step for step in range(28)])
"""28 bars, each higher by 1 than the one before: +DM alone, so DX = ADX = 100."""


def fixed(monkeypatch, value):
    """Let the indicator be `value`."""
    monkeypatch.setattr("rigd.indicators.adx.adx_last", lambda *_: value)


@pytest.mark.parametrize(("value", "allowed"), [(24.0, True), (25.0, True), (26.0, False)])
def test_adx_above_the_threshold_blocks_and_an_equal_one_allows(monkeypatch, value, allowed):
    """INVENTORY E9, SPEC §3a.9: 26 blocks, 24 and 25.0 allow at ADX_THRESHOLD 25."""
    fixed(monkeypatch, value)
    verdict = FILTER.check(MID, view(bars=RISE), settings())
    assert verdict.allow is allowed
    assert verdict.reason == ("ok" if allowed else "adx_above_threshold")


def test_the_log_text_shows_the_number_and_the_threshold(monkeypatch):
    """INVENTORY E9: the verdict shows the ADX value."""
    fixed(monkeypatch, 26.314)
    assert FILTER.check(MID, view(bars=RISE), settings()).measured == "ADX 26.31 > 25"


def test_a_steady_rise_is_a_trend():
    """Worked by hand: only upward movement gives ADX 100, which blocks longs and shorts alike."""
    for direction in Direction:
        verdict = FILTER.check(
            candidate(strategy="mid", direction=direction), view(bars=RISE), settings()
        )
        assert (verdict.allow, verdict.measured) == (False, "ADX 100.00 > 25")


def test_too_few_bars_block_as_warming_up():
    """SPEC §3a.9: ADX 14 needs 28 bars; one fewer blocks."""
    verdict = FILTER.check(MID, view(bars=RISE[:-1]), settings())
    assert (verdict.allow, verdict.reason) == (False, "warming_up")


@pytest.mark.parametrize("value", [None, math.nan])
def test_an_adx_that_is_not_known_blocks(monkeypatch, value):
    """A NaN never passes a comparison by accident."""
    fixed(monkeypatch, value)
    verdict = FILTER.check(MID, view(bars=RISE), settings())
    assert (verdict.allow, verdict.reason) == (False, "warming_up")


def test_defense_mode_lowers_the_threshold(monkeypatch):
    """SPEC §4: 25 x 0.66 = 16.5; 17 passes at ease and is blocked in defense mode."""
    fixed(monkeypatch, 17.0)
    assert FILTER.check(MID, view(bars=RISE), settings()).allow
    verdict = FILTER.check(MID, view(bars=RISE, defense=True), settings())
    assert (verdict.allow, verdict.measured) == (False, "ADX 17.00 > 16.5")


def test_the_filter_agrees_with_a_published_table_row_by_row():
    """The stored ADX table of SPY decides each of its rows as the filter does."""
    with shared_path("data", "indicator_reference", "spy_with_adx.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    history = [
        Bar(minute, *(float(row[name]) for name in ("Open", "High", "Low", "Close")), 1.0)
        for minute, row in enumerate(rows)
    ]
    known = [(at, float(row["ADX 14"])) for at, row in enumerate(rows) if row["ADX 14"]]
    seen = set()
    for at, adx in known[:: max(1, len(known) // 80)]:
        if abs(adx - 25.0) < 0.1:  # the table rounds its intermediate columns
            continue
        verdict = FILTER.check(MID, view(bars=history[: at + 1]), settings())
        assert verdict.allow is (adx <= 25.0), (at, adx, verdict)
        seen.add(verdict.allow)
    assert seen == {True, False}


def test_only_mid_is_asked():
    """SPEC §3: ADX belongs to the mid strategy."""
    assert [name for name in ("open", "mid", "close") if FILTER.applies_to(name)] == ["mid"]


def test_the_self_check_passes_and_names_the_threshold():
    """INVENTORY E30: the filter answers at launch."""
    check = FILTER.self_check(settings())
    assert (check.name, check.passed) == ("enhancements.adx", True)
    assert "25" in check.detail


def test_the_self_check_fails_when_the_indicator_is_wrong(monkeypatch):
    """INVENTORY E30: a broken indicator refuses the launch."""
    fixed(monkeypatch, 42.0)
    check = FILTER.self_check(settings())
    assert not check.passed
    assert "42" in check.detail


def test_the_self_check_fails_on_a_threshold_that_is_no_number():
    """INVENTORY E30: a NaN threshold refuses the launch."""
    broken = settings().model_copy(update={"adx_threshold": math.nan})
    assert not FILTER.self_check(broken).passed
