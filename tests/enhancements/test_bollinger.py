"""The Bollinger filter."""

from __future__ import annotations

import csv

import pytest

from rigd.core.values import Bar, Direction
from rigd.enhancements.bollinger import Bands, BollingerFilter
from tests.enhancements.views import view
from tests.factories import bars, candidate, settings
from tests.shared import shared_path

FILTER = BollingerFilter()
LONG = candidate(strategy="mid")
SHORT = candidate(strategy="mid", direction=Direction.SHORT)
CALM = [99.0, 101.0] * 10
"""Mean 100, population deviation 1, bands 98 and 102."""


def ending_in(close):
    """Return 20 closes whose bands are set aside; the last close is `close`."""
    return view(bars=bars([*CALM[:-1], close]))


def fixed(monkeypatch, lower, mid, upper):
    """Let the bands be these."""
    monkeypatch.setattr("rigd.indicators.bollinger.bollinger_last", lambda *_: (lower, mid, upper))


@pytest.mark.parametrize(
    ("asked", "close", "allowed"),
    [
        (LONG, 100 - 2.01, True),
        (LONG, 100 - 1.99, False),
        (LONG, 98.0, False),
        (LONG, 100 + 2.01, False),
        (SHORT, 100 + 2.01, True),
        (SHORT, 100 + 1.99, False),
        (SHORT, 102.0, False),
        (SHORT, 100 - 2.01, False),
    ],
)
def test_only_a_close_beyond_the_own_band_allows(monkeypatch, asked, close, allowed):
    """INVENTORY E16, SPEC §3a.9: 2.01σ allows, 1.99σ and the band itself block, on both sides."""
    fixed(monkeypatch, 98.0, 100.0, 102.0)
    verdict = FILTER.check(asked, ending_in(close), settings())
    assert verdict.allow is allowed
    assert verdict.reason == ("ok" if allowed else "inside_bands")


def test_real_bands_are_those_of_the_population():
    """Worked by hand: 19 closes of 100 and one of 90: mean 99.5, σ = 2.1794, lower band 95.1411.

    The sample deviation (ddof 1) would give 95.0278.
    """
    closes = [100.0] * 19 + [90.0]
    verdict = FILTER.check(LONG, view(bars=bars(closes)), settings())
    assert verdict.allow
    assert verdict.measured == "close 90.0000 < lower band 95.1411"


def test_the_log_text_shows_close_and_band(monkeypatch):
    """The verdict shows the numbers behind a no."""
    fixed(monkeypatch, 98.0, 100.0, 102.0)
    verdict = FILTER.check(SHORT, ending_in(101.5), settings())
    assert verdict.measured == "close 101.5000 not > upper band 102.0000"


def test_too_few_bars_block_as_warming_up():
    """SPEC §3a.9: the bands need 20 bars; 19 block."""
    verdict = FILTER.check(LONG, view(bars=bars(CALM[:-1])), settings())
    assert (verdict.allow, verdict.reason) == (False, "warming_up")


def test_defense_mode_widens_the_bands(monkeypatch):
    """SPEC §4: with factor 0.5 the bands are 4σ away: 97 passes at ease, not in defense mode."""
    fixed(monkeypatch, 98.0, 100.0, 102.0)
    chosen = settings(DEFENSE_MODE_FILTER_FACTOR="0.5")
    bars_ = ending_in(97.0).bars
    assert FILTER.check(LONG, view(bars=bars_), chosen).allow
    verdict = FILTER.check(LONG, view(bars=bars_, defense=True), chosen)
    assert (verdict.allow, verdict.measured) == (
        False,
        "close 97.0000 not < lower band 96.0000",
    )


def test_widened_bands_keep_their_middle():
    """A factor of a half doubles both distances."""
    assert Bands(98.0, 100.0, 103.0).widened(0.5) == (96.0, 100.0, 106.0)


def test_the_filter_agrees_with_a_published_table_row_by_row():
    """The stored Bollinger table of SPY decides each of its rows as the filter does."""
    with shared_path("data", "indicator_reference", "spy_bollinger_bands.csv").open(
        encoding="utf-8-sig"
    ) as lines:
        rows = list(csv.reader(lines))[1:]
    history = [Bar(at, *(float(cell) for cell in row[1:5]), 1.0) for at, row in enumerate(rows)]
    outside = 0
    for at, row in enumerate(rows):
        if not row[6].strip() or not row[7].strip():
            continue
        seen = view(bars=history[: at + 1])
        close, upper, lower = history[at].close, float(row[6]), float(row[7])
        assert FILTER.check(LONG, seen, settings()).allow is (close < lower), (at, row)
        assert FILTER.check(SHORT, seen, settings()).allow is (close > upper), (at, row)
        outside += not lower <= close <= upper
    assert outside


def test_only_mid_is_asked():
    """SPEC §3: the bands belong to the mid strategy."""
    assert [name for name in ("open", "mid", "close") if FILTER.applies_to(name)] == ["mid"]


def test_the_self_check_passes():
    """INVENTORY E30: the filter answers at launch."""
    check = FILTER.self_check(settings())
    assert (check.name, check.passed) == ("enhancements.bollinger", True)


def test_the_self_check_fails_on_bands_in_another_order(monkeypatch):
    """INVENTORY E30: an indicator that answers upper, mid, lower refuses the launch."""
    fixed(monkeypatch, 4.0, 2.0, 0.0)
    assert not FILTER.self_check(settings()).passed


def test_the_self_check_fails_on_a_factor_that_would_widen():
    """INVENTORY E30: a factor of 2 would let more through in defense mode."""
    broken = settings().model_copy(update={"defense_mode_filter_factor": 2.0})
    assert not FILTER.self_check(broken).passed
