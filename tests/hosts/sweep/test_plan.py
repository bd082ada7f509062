"""The arrays of a grid say what the settings, windows and exit rules of a session say."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from rigd.calendar.exchange import session
from rigd.config.parse import override
from rigd.core.errors import ConfigError, DataError
from rigd.hosts.kernels.reentry import UNLIMITED
from rigd.hosts.sweep.grid import axes_from
from rigd.hosts.sweep.plan import history_of, load, make_grid
from tests.shared import shared_path
from tests.strategy.days import flat

DAY, HALF_DAY = session(date(2024, 11, 27)), session(date(2024, 11, 29))
AXES = axes_from({"TARGET_PCT_CLOSE": [None, 0.01], "CLOSE_MONITORING_TIME": [5, 15]})


def test_a_half_day_is_a_class_of_its_own(demo_settings) -> None:
    """The close strategy starts 26 minutes before either close."""
    grid = make_grid(demo_settings, "close", AXES, [DAY, HALF_DAY, DAY], entries_a_day=1)
    assert grid.classes.tolist() == [0, 1, 0]
    assert grid.entries.starts.tolist() == [[364, 184]]
    assert grid.entries.exit_minutes.tolist() == [[[377, 197], [387, 207]]]
    assert grid.entries.entry_ends.tolist() == [[[372, 192], [372, 192]]]
    assert grid.rules is None


def test_a_window_that_does_not_fit_takes_no_entry(demo_settings) -> None:
    """Mid at open+200m ends after the close of a half day."""
    settings = override(demo_settings, {"START_TIME_MID": "open+200m"})
    axes = axes_from({"STOP_PCT_MID": [0.01]})
    grid = make_grid(settings, "mid", axes, [DAY, HALF_DAY], entries_a_day=1)
    assert grid.entries.entry_ends.tolist() == [[[255, -1]]]
    assert grid.entries.starts.tolist() == [[0, 0]]
    with pytest.raises(ConfigError, match="fits into no session"):
        make_grid(settings, "mid", axes, [HALF_DAY], entries_a_day=1)


def test_the_last_axis_runs_fastest(demo_settings) -> None:
    """Targets are sorted with off last in the kernels' result, the time exits are not."""
    grid = make_grid(demo_settings, "close", AXES, [DAY], entries_a_day=1)
    assert grid.shape == (1, 2, 2)
    assert grid.places.tolist() == [1, 3, 0, 2]


def test_sizes_and_rules_are_those_of_the_settings(demo_settings) -> None:
    """2 % of 100,000, of which 40 %; at most 2.5 % a trade; 5 % loss a day."""
    settings = override(demo_settings, {"SIM_STARTING_CASH": "100000"})
    once = make_grid(settings, "close", AXES, [DAY], entries_a_day=1)
    again = make_grid(settings, "close", AXES, [DAY], entries_a_day=0)
    weights = [float(weight) for weight in settings.weights]
    cap = 100_000.0 * float(settings.total_allocation)
    assert once.costs.stake == pytest.approx(cap * weights[0])
    assert again.costs.stake == 1.0
    assert again.rules.weights.tolist() == pytest.approx([cap * weight for weight in weights])
    assert again.rules.max_trades == UNLIMITED
    assert again.rules.loss_limit == pytest.approx(100_000.0 * float(settings.daily_loss_limit))


def test_another_bar_is_another_digest() -> None:
    """The digest covers days, symbols and every bar."""
    bars = [flat(range(5))]
    one = history_of([DAY], {"AAA": bars}).digest
    assert history_of([DAY], {"AAA": bars}).digest == one
    others = [
        history_of([HALF_DAY], {"AAA": bars}),
        history_of([DAY], {"BBB": bars}),
        history_of([DAY], {"AAA": [flat(range(6))]}),
        history_of([DAY], {"AAA": [flat(range(5), 100.01)]}),
    ]
    assert len({one, *(each.digest for each in others)}) == 5


def test_days_of_a_folder() -> None:
    """Three days of October 2013; a span without bars is refused."""
    data = shared_path("data")
    terms = {"bar_stamp": "start", "trading_days": ("mon", "tue", "wed", "thu", "fri")}
    history = load(data, date(2013, 10, 1), date(2013, 10, 31), ("SPY", "IBM"), **terms)
    assert [str(day.day) for day in history.days] == ["2013-10-04", "2013-10-07", "2013-10-08"]
    assert list(history.series) == ["IBM", "SPY"]
    assert np.diff(history.series["SPY"].offsets).max() <= 390
    with pytest.raises(DataError, match="has bars"):
        load(data, date(2020, 1, 2), date(2020, 1, 3), ("SPY",), **terms)
