"""What is asked of a backtest."""

from __future__ import annotations

from datetime import date

import pytest

from rigd.config.choices import BrokerCode
from rigd.core.errors import ConfigError
from rigd.hosts.backtest.request import BacktestRequest
from tests.factories import settings


def test_a_request_travels_as_text() -> None:
    """What `to_json` wrote comes back equal; anything else is refused."""
    request = BacktestRequest(
        strategy="mid",
        data="/bars",
        start=date(2013, 10, 4),
        end=date(2013, 10, 8),
        symbols=("SPY", "IBM"),
        overrides=(("MAX_TRADES", "2"),),
        cash="5000",
    )
    assert BacktestRequest.from_json(request.to_json()) == request
    with pytest.raises(ConfigError, match="must be what rigd wrote"):
        BacktestRequest.from_json("{}")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"strategy": "opn"}, "open, mid, close, all"),
        ({"start": date(2013, 1, 2), "end": date(2013, 1, 1)}, "on or after its start"),
        ({"symbols": ("SPY", "SPY")}, "named once"),
        ({"bar_stamp": "middle"}, "'start' or 'end'"),
    ],
)
def test_a_wrong_request_says_what_was_expected(wrong, told) -> None:
    """Strategy, span, symbols and stamps are checked at once."""
    with pytest.raises(ConfigError, match=told):
        BacktestRequest(**wrong)


def test_settings_are_the_bots_with_the_changes() -> None:
    """The strategy runs alone at the simulated broker; a misspelt key names the nearest."""
    own = settings(strat_open_buffer="0.01")
    request = BacktestRequest(strategy="open", overrides=(("STRAT_OPEN_BUFFER", "0.003"),))
    found = request.settings(own)
    assert (found.strat_open_buffer, found.strategy_override) == (0.003, "open")
    assert found.broker_code is BrokerCode.SIM
    assert own.strat_open_buffer == 0.01
    with pytest.raises(ConfigError, match="did you mean STRAT_OPEN_BUFFER"):
        BacktestRequest(overrides=(("STRAT_OPEN_BUFER", "1"),)).settings(own)
