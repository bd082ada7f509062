"""Tests of the demo profile."""

from __future__ import annotations

from rigd import __version__
from rigd.config.demo import DEMO, demo_env_text, demo_identity
from rigd.config.identity import read_identity
from rigd.config.parse import KNOWN, parse_env
from rigd.config.schema import Settings
from rigd.core.values import Profile


def test_the_demo_is_a_test_bot_at_the_simulated_broker() -> None:
    """Its identity is RIGD_USA_SIM_01, marked TEST in the identity and in the text."""
    found = parse_env(demo_env_text(), source="demo")
    assert str(demo_identity().identity(found.broker_code)) == "RIGD_USA_SIM_01"
    assert demo_identity().profile is Profile.TEST
    assert demo_env_text().startswith("# TEST profile")
    assert found.version_tag == __version__
    assert read_identity(demo_identity().text().encode()) == demo_identity()


def test_each_demo_value_differs_from_the_default_and_says_why() -> None:
    """The demo names only what it needs, with a reason on the same line."""
    found = parse_env(demo_env_text(), source="demo")
    for key, value, why in DEMO:
        field = Settings.model_fields[KNOWN[key]]
        assert why
        assert f"{key}={value} # {why}\n" in demo_env_text()
        if key != "BROKER_CODE":
            assert getattr(found, KNOWN[key]) != field.default, key


def test_the_demo_admits_the_sample() -> None:
    """Prices up to 900 USD and the largest companies pass its filters."""
    found = parse_env(demo_env_text(), source="demo")
    assert found.max_price > 900
    assert min(found.max_market_cap_open, found.max_market_cap_mid) > 1e12
    assert found.strat_close_vix_threshold < 12
