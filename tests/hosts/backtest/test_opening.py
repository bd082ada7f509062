"""What a backtest runs on: the bot's settings or a file's, and bars of a folder or the sample."""

from __future__ import annotations

from datetime import date

import pytest

from rigd.config.digest import digest
from rigd.config.sources import checkout
from rigd.core.errors import ConfigError
from rigd.hosts.backtest.clearance import code_digest
from rigd.hosts.backtest.opening import history_of, terms_of, with_history
from rigd.hosts.backtest.request import BacktestRequest
from rigd.hosts.bot import open_bot
from rigd.store.paths import Home
from tests.hosts.homes import VERSION_FILE, demo
from tests.shared import shared_path

NOVEMBER = BacktestRequest(start=date(2012, 11, 12), end=date(2012, 11, 16), symbols=("FB",))


def test_an_empty_home_has_the_demos_terms(tmp_path) -> None:
    """Without a bot the demo's settings and identity are taken, and nothing is written."""
    found = terms_of(Home(tmp_path), NOVEMBER)
    assert str(found.identity) == "RIGD_USA_SIM_01"
    assert found.settings.simulation_seed == 7
    assert list(tmp_path.iterdir()) == []


def test_a_bot_has_its_own(tmp_path) -> None:
    """The terms are bound to the bot's settings before the changes of the request."""
    home = demo(tmp_path)
    bot = open_bot(home, VERSION_FILE)
    request = BacktestRequest(strategy="open", overrides=(("STRAT_OPEN_BUFFER", "0.004"),))
    found = terms_of(home, request)
    assert found.identity == bot.identity
    assert found.config_digest == digest(bot.settings)
    assert found.settings.strat_open_buffer == 0.004
    assert found.code_digest == code_digest()


def test_the_test_settings_are_accepted(tmp_path) -> None:
    """``.env_bot.test`` is a source of settings as good as the bot's own (B2)."""
    path = checkout() / "env" / ".env_bot.test"
    found = terms_of(Home(tmp_path), NOVEMBER, str(path))
    assert found.settings.broker_code == "SIM"
    assert found.config_digest != terms_of(Home(tmp_path), NOVEMBER).config_digest


def test_the_sample_is_a_history(tmp_path) -> None:
    """Without a folder the built-in sample gives its days; a span without any is refused."""
    terms = terms_of(Home(tmp_path), NOVEMBER)
    history = history_of(NOVEMBER, terms)
    assert len(history.feeds) == 5
    assert history.symbols == ("FB",)
    assert with_history(terms, history).sources.fundamentals is None
    late = BacktestRequest(start=date(2020, 1, 2), end=date(2020, 1, 10))
    with pytest.raises(ConfigError, match="no session from 2020-01-02") as refused:
        history_of(late, terms)
    assert "2000-03-01 and 2013-03-01" in refused.value.fix


def test_a_folder_is_a_history(tmp_path) -> None:
    """Bars, VIX and symbols come from the folder."""
    request = BacktestRequest(
        data=str(shared_path("data")),
        start=date(2013, 10, 4),
        end=date(2013, 10, 8),
        symbols=("SPY",),
    )
    history = history_of(request, terms_of(Home(tmp_path), request))
    assert len(history.feeds) == 3
    assert history.asked == ("SPY",)
