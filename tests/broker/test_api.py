"""Tests of the one door to the broker."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from rigd.broker.adapters.sim import SimBroker
from rigd.broker.api import build
from rigd.broker.links import LocalLink
from rigd.config.choices import BrokerCode
from rigd.core.errors import ConfigError, NotSupported
from tests.broker.market import ACCOUNT, exchange_on


def settings_with(code: BrokerCode, *, native_trailing: bool = False) -> Any:
    return cast("Any", SimpleNamespace(broker_code=code, sim_native_trailing=native_trailing))


def test_sim_is_built_over_its_link() -> None:
    """BROKER_CODE=SIM gives the simulated broker, named as in trades and logs."""
    link = LocalLink(exchange_on())
    broker = build(settings_with(BrokerCode.SIM), account_id=ACCOUNT, link=link)
    assert isinstance(broker, SimBroker)
    assert broker.name == "SIM"
    assert not broker.capabilities.native_trailing


def test_sim_trails_by_itself_when_the_settings_say_so() -> None:
    """SIM_NATIVE_TRAILING becomes the capability that the engine looks at."""
    link = LocalLink(exchange_on())
    settings = settings_with(BrokerCode.SIM, native_trailing=True)
    broker = build(settings, account_id=ACCOUNT, link=link)
    assert broker.capabilities.native_trailing


@pytest.mark.parametrize("code", [code for code in BrokerCode if code is not BrokerCode.SIM])
def test_brokers_without_an_adapter_are_refused_by_name(code: BrokerCode) -> None:
    """Every other broker is refused before anything is sent, and never replaced by SIM."""
    link = LocalLink(exchange_on())
    with pytest.raises(NotSupported, match=code.value):
        build(settings_with(code), account_id=ACCOUNT, link=link)


def test_sim_without_a_link_is_a_config_error() -> None:
    """The simulated broker needs its exchange."""
    with pytest.raises(ConfigError, match="link"):
        build(settings_with(BrokerCode.SIM), account_id=ACCOUNT)
