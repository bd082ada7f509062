"""The scheduled optimiser: which studies are due when, and over how many days."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from rigd.config.parse import override
from rigd.hosts import supervisor
from rigd.hosts.optimize import scheduled
from rigd.hosts.optimize.notebooks import optimise
from tests.fakes.clock import FakeClock
from tests.hosts.homes import bot_of, demo

if TYPE_CHECKING:
    from rigd.store.paths import Home


@pytest.fixture
def bot(tmp_path):
    """The demo's bot."""
    return bot_of(demo(tmp_path))


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2013, 10, 7, 19, 59, tzinfo=UTC), date(2013, 10, 4)),  # a Monday before the close
        (datetime(2013, 10, 7, 20, 0, tzinfo=UTC), date(2013, 10, 7)),
        (datetime(2013, 10, 8, 3, 0, tzinfo=UTC), date(2013, 10, 7)),  # still Monday in New York
        (datetime(2013, 10, 6, 12, 0, tzinfo=UTC), date(2013, 10, 4)),  # a Sunday
        (datetime(2013, 11, 29, 18, 0, tzinfo=UTC), date(2013, 11, 29)),  # a half day
    ],
)
def test_the_window_ends_with_the_last_session_that_is_over(bot, now, day) -> None:
    """By the exchange's calendar, half days with their own close."""
    assert scheduled.last_closed(bot.settings, now) == day
    assert {each.day for each in scheduled.due(bot.home, bot.settings, now)} == {day}


def test_days_without_trading_do_not_count(bot) -> None:
    """With Mondays alone, Friday's close makes nothing due that Monday's had not."""
    settings = override(bot.settings, {"TRADING_DAYS": "mon"})
    friday = datetime(2013, 10, 11, 22, tzinfo=UTC)
    assert scheduled.last_closed(settings, friday) == date(2013, 10, 7)


def test_each_strategy_is_studied_once_a_session(bot, monkeypatch) -> None:
    """By the notebook, without a proposal; called again, nothing is left to do."""
    jobs = []

    def ran(job, *_, **__):
        jobs.append(job)
        with open(job.output, "w", encoding="utf-8") as copy:  # noqa: PTH123 - papermill's part
            copy.write("{}")
        return 0, ""

    monkeypatch.setattr(supervisor, "run_notebook", ran)
    clock = FakeClock(datetime(2013, 10, 7, 21, tzinfo=UTC))
    made = scheduled.run_due(bot, clock, "/bars")
    assert [path.name for path in made] == [
        f"scheduled_2013-10-07_{name}.ipynb" for name in ("open", "mid", "close")
    ]
    assert [job.parameters["strategy"] for job in jobs] == ["open", "mid", "close"]
    for job in jobs:
        assert job.notebook.endswith("optimize.ipynb")
        assert job.parameters["end"] == "2013-10-07"
        assert "propose_as" not in job.parameters
        assert "lookback_days" not in job.parameters
    assert scheduled.run_due(bot, clock, "/bars") == []


@pytest.mark.parametrize("days", ["20", "24"])
def test_the_window_has_the_days_of_the_settings(tmp_path, days) -> None:
    """With a scheduled run's parameters: exactly OPTIMIZER_BACKTEST_LOOKBACK_DAYS sessions."""
    home: Home = demo(tmp_path)
    bot = bot_of(home)
    (first, *_) = scheduled.due(home, bot.settings, datetime(2013, 10, 7, 21, tzinfo=UTC))
    study = optimise(
        str(home.root),
        changes=f"OPTIMIZER_BACKTEST_LOOKBACK_DAYS={days}",
        levels="STRAT_OPEN_BUFFER=0.001,0.004; MAX_RISK_PER_TRADE=0.008; TRAIL_PCT_OPEN=0.01",
        symbols="FB",
        **first.parameters,
    ).document
    assert study["window"]["days"] == int(days)
    assert json.loads(json.dumps(study["request"], default=str))["lookback_days"] == 0
