"""What parameters earn per day is what the stepper trades, sized and capped."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from rigd.calendar.exchange import session, sessions
from rigd.core.errors import ConfigError, DataError
from rigd.hosts import wiring
from rigd.hosts.optimize.evaluation import days_of, make_evaluation
from rigd.strategy import router
from tests.hosts.optimize.walks import plain_settings, walk
from tests.strategy.days import flat, synthetic_days

BUFFER = {"STRAT_OPEN_BUFFER": Decimal("0.001")}


@pytest.fixture(scope="module")
def days():
    """30 days of two drawn symbols."""
    known = sessions(date(2012, 1, 3), date(2012, 3, 31))[:30]
    bars = {"A": synthetic_days(1, 30), "B": synthetic_days(2, 30)}
    return days_of(known, bars, label="drawn", digest="0" * 64), bars


def by_hand(settings, strategy: str, days, bars):
    """The interpreted stepper day by day, sized one trade after the other."""
    chosen = settings.model_copy(update={"strategy_override": strategy})
    pnl, counts = [], []
    cap, most = float(settings.total_allocation), float(settings.max_risk_per_trade)
    for number, day in enumerate(days.sessions):
        window = wiring.windows(chosen, day)[0].window
        trades = []
        for name in sorted(bars):
            found = router.simulate(chosen, window, [bars[name][number]])
            trades += [(trade.entry_minute, name, trade) for trade in found]
        gains = 0.0
        taken = sorted(trades, key=lambda row: row[:2])[: settings.max_trades]
        for weight, (_, _, trade) in zip(settings.weights, taken, strict=False):
            size = min(float(weight) * cap, most)
            gains += size * trade.direction * (trade.exit_price / trade.entry_price - 1.0)
        pnl.append(gains)
        counts.append(len(taken))
    return pnl, counts


@pytest.mark.parametrize("strategy", ["open", "mid", "close"])
def test_days_are_those_of_the_interpreted_stepper(strategy: str, days) -> None:
    """Two symbols, 30 days, both sides: each day's gain and count, to the last digit but one."""
    settings = plain_settings(
        STRAT_OPEN_BUFFER="0.001",
        STRAT_MID_VWAP_THRESHOLD="0.002",
        STRAT_CLOSE_THRESHOLD="0.001",
        SHORT_TYPE_MID="ShortSell",
    )
    packed, bars = days
    pnl, counts = by_hand(settings, strategy, packed, bars)
    found = make_evaluation(settings, strategy)({}, packed)
    assert found.trades.tolist() == counts
    assert sum(counts) > 5
    assert found.pnl == pytest.approx(pnl, rel=1e-12, abs=1e-18)


def test_parameters_are_laid_over_the_settings(days) -> None:
    """A parameter does what the setting does."""
    packed, _ = days
    set_ = make_evaluation(plain_settings(STRAT_OPEN_BUFFER="0.001"), "open")({}, packed)
    given = make_evaluation(plain_settings(), "open")(BUFFER, packed)
    assert given.pnl.tolist() == set_.pnl.tolist()
    assert given.trades.sum() > 0


def test_max_trades_caps_a_day(days) -> None:
    """With one trade a day the first entry counts, whatever the symbol."""
    settings = plain_settings(MAX_TRADES="1", WEIGHTS="0.4")
    found = make_evaluation(settings, "open")(BUFFER, days[0])
    assert found.trades.max() == 1


def test_the_risk_size_scales_the_gain(days) -> None:
    """Half of the size earns half; above the weight's share of the cap it changes nothing."""
    evaluate = make_evaluation(plain_settings(MAX_TRADES="1", WEIGHTS="0.4"), "open")
    at = {
        size: evaluate(BUFFER | {"MAX_RISK_PER_TRADE": Decimal(size)}, days[0]).pnl
        for size in ("0.002", "0.004", "0.008", "0.02")
    }
    assert at["0.004"] == pytest.approx(2.0 * at["0.002"], rel=1e-12)
    assert at["0.02"].tolist() == at["0.008"].tolist()


def test_a_commission_is_paid_on_both_fills(days) -> None:
    """With 0.1 % each day costs 0.001 × size × (1 + exit / entry) a trade more."""
    plain, costly = (
        make_evaluation(
            plain_settings(SIM_COMMISSION_PCT=rate, MAX_TRADES="1", WEIGHTS="1"), "open"
        )
        for rate in ("0", "0.001")
    )
    free, paid = plain(BUFFER, days[0]), costly(BUFFER, days[0])
    extra = free.pnl - paid.pnl
    assert extra[free.trades == 0].tolist() == [0.0] * int((free.trades == 0).sum())
    assert extra[free.trades == 1] == pytest.approx(0.001 * 0.02 * 2, rel=0.1)


def test_a_part_of_the_days_is_that_part_of_the_whole(days) -> None:
    """No day knows the days after it, and a cut begins anew at its first day."""
    evaluate = make_evaluation(plain_settings(), "open")
    whole = evaluate(BUFFER, days[0])
    for first, end in ((0, 10), (10, 30), (29, 30)):
        part = evaluate(BUFFER, days[0].between(first, end))
        assert part.pnl.tolist() == whole.pnl[first:end].tolist()
        assert part.trades.tolist() == whole.trades[first:end].tolist()


def test_a_half_day_has_its_own_window() -> None:
    """The last hour of 2012-07-03 is before 13:00: close trades there, at its own minutes."""
    half, full = session(date(2012, 7, 3)), session(date(2012, 7, 2))
    assert (half.minutes, full.minutes) == (210, 390)
    bars = synthetic_days(8, 40)
    day = next(d for d in bars if len(d) == 390)
    days = days_of([full, half], {"A": [day, day[:210]]}, label="", digest="")
    found = make_evaluation(plain_settings(), "close")(
        {"STRAT_CLOSE_THRESHOLD": Decimal("0.0000001")}, days
    )
    window = wiring.windows(plain_settings(STRATEGY_OVERRIDE="close"), half)[0].window
    assert window is not None
    assert window.end <= 210
    assert found.trades.tolist()[1] <= 1


def test_a_parameter_that_is_no_setting_is_refused(days) -> None:
    """An unknown key is refused with the nearest name, as by `rigd config set`."""
    with pytest.raises(ConfigError, match="STRAT_OPEN_BUFFER"):
        make_evaluation(plain_settings(), "open")({"STRAT_OPEN_BUFER": Decimal(1)}, days[0])


def test_quiet_days_earn_nothing() -> None:
    """No trade, no gain, no failure."""
    known = sessions(date(2012, 1, 3), date(2012, 1, 6))
    days = days_of(known, {"A": [flat(range(60)) for _ in known]}, label="", digest="")
    found = make_evaluation(plain_settings(), "open")(BUFFER, days)
    assert found.pnl.tolist() == [0.0] * len(known)
    assert found.trades.tolist() == [0] * len(known)


def test_a_walk_earns_nothing_on_average() -> None:
    """The fair series of the calibration: over 2000 days the mean is within 2 standard errors."""
    evaluate = make_evaluation(plain_settings(), "open")
    gains = np.concatenate([evaluate(BUFFER, walk(seed, 500)).pnl for seed in range(4)])
    assert abs(gains.mean()) < 2.0 * gains.std() / np.sqrt(len(gains))


def test_days_that_do_not_fit_are_refused() -> None:
    """Each symbol has a list for each session."""
    known = sessions(date(2012, 1, 3), date(2012, 1, 6))
    with pytest.raises(DataError, match="4 session"):
        days_of(known, {"A": [[]]}, label="", digest="")
    with pytest.raises(DataError):
        days_of([], {}, label="", digest="")
