"""One strategy stepped over a day worked by hand (document 070, test_backtest_engine).

The stepper is what a backtest will run; the engine around it belongs to a later version. The day:
flat at 100 with a range of 99.5 to 100.5; minute 22 closes at 102, above 100.5 x 1.001 = 100.6005;
minute 23 opens at 102 and the long is bought there. A target of 1 % lies at 103.02: minute 30 has a
high of 104 and sells at 103.02. Without a target the trailing stop of 2 % stands at 104 x 0.98 =
101.92 from minute 31 on; minute 40 falls to 101 and sells at 101.92. With a trailing stop of 10 %
the time exit acts at the open of minute 60, at 101.
"""

from __future__ import annotations

import pytest

from rigd.config.parse import parse_env
from rigd.core.values import Bar, Window
from rigd.strategy import router
from tests.flags import run_by_hand

BASE = (
    "VERSION_TAG=0.1.0\nMAX_ORDER_NOTIONAL=5000\nMAX_ORDER_QUANTITY=500\nSTRAT_OPEN_BUFFER=0.001\n"
)
WINDOW = Window(strategy="open", start=0, analysis_end=20, breakout_end=30, end=60, exit_minute=60)


def day() -> list[Bar]:
    """The day of the module's docstring."""
    bars = [Bar(m, 100.0, 100.5, 99.5, 100.0, 1000.0) for m in range(22)]
    bars.append(Bar(22, 100.0, 102.0, 100.0, 102.0, 1000.0))
    bars += [Bar(m, 102.0, 102.5, 102.0, 102.0, 1000.0) for m in range(23, 30)]
    bars.append(Bar(30, 102.0, 104.0, 102.0, 103.0, 1000.0))
    bars += [Bar(m, 103.0, 103.0, 102.5, 103.0, 1000.0) for m in range(31, 40)]
    bars.append(Bar(40, 103.0, 103.0, 101.0, 101.0, 1000.0))
    bars += [Bar(m, 101.0, 101.0, 101.0, 101.0, 1000.0) for m in range(41, 390)]
    return bars


@pytest.mark.parametrize(
    ("settings", "minute", "price"),
    [
        ("TARGET_PCT_OPEN=0.01\nTRAIL_PCT_OPEN=0.02\n", 30, 103.02),
        ("TRAIL_PCT_OPEN=0.02\n", 40, 101.92),
        ("TRAIL_PCT_OPEN=0.1\n", 60, 101.0),
    ],
)
def test_a_day_worked_by_hand(settings: str, minute: int, price: float) -> None:
    """Target, trailing stop and time exit each end the trade where the table says."""
    trades = router.simulate(parse_env(BASE + settings, source="test"), WINDOW, [day()])
    assert len(trades) == 1
    trade = trades[0]
    assert (trade.direction, trade.signal_minute, trade.entry_minute) == (1, 22, 23)
    assert trade.entry_price == 102.0
    assert trade.exit_minute == minute
    assert trade.exit_price == pytest.approx(price, abs=1e-9)


def test_a_short_needs_permission() -> None:
    """The mirrored day gives a short with ShortSell, and nothing while shorts are disabled."""
    mirrored = [
        Bar(b.minute, 200 - b.open, 200 - b.low, 200 - b.high, 200 - b.close, b.volume)
        for b in day()
    ]
    text = BASE + "TRAIL_PCT_OPEN=0.1\n"
    assert router.simulate(parse_env(text, source="test"), WINDOW, [mirrored]) == ()
    allowed = parse_env(text + "SHORT_TYPE_OPEN=ShortSell\n", source="test")
    trade = router.simulate(allowed, WINDOW, [mirrored])[0]
    assert (trade.direction, trade.entry_price, trade.exit_price) == (-1, 98.0, 99.0)


def test_slippage_and_latency_move_the_fill() -> None:
    """Half a bar of latency takes the middle of the bar, 0.1 % of slippage goes on top."""
    bars = day()
    bars[23] = Bar(23, 102.0, 103.0, 102.0, 103.0, 1000.0)
    settings = parse_env(BASE + "TRAIL_PCT_OPEN=0.1\n", source="test")
    trade = router.simulate(settings, WINDOW, [bars], latency_fraction=0.5, slippage=0.001)[0]
    assert trade.entry_price == pytest.approx(102.5 * 1.001, abs=1e-6)
    assert trade.exit_price == pytest.approx(101.0 * 0.999, abs=1e-6)


def test_a_day_without_a_breakout_gives_no_trade() -> None:
    """A flat day gives nothing."""
    flat = [Bar(m, 100.0, 100.5, 99.5, 100.0, 1000.0) for m in range(390)]
    assert router.simulate(parse_env(BASE, source="test"), WINDOW, [flat]) == ()


if __name__ == "__main__":
    raise SystemExit(run_by_hand(__file__))
