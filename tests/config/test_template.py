"""Tests of the generated templates."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from rigd import __version__
from rigd.config.parse import KNOWN, parse_env
from rigd.config.schema import Settings, marks
from rigd.config.template import allowed, names, render, text_of
from rigd.core.errors import ConfigError

ENV = Path(__file__).resolve().parents[2] / "env"


def _assigned(text: str) -> dict[str, str]:
    rows = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {key: value for key, _, value in rows if key}


@pytest.mark.parametrize("name", names())
def test_committed_files_are_fresh(name: str) -> None:
    """The files in env/ are what the schema renders now."""
    refresh = f"python -m rigd.config.template {name} > env/{name}"
    assert (ENV / name).read_text() == text_of(name), refresh


def test_the_test_template_has_every_key_with_a_comment() -> None:
    """Its keys are those of the schema, each below a comment of its own."""
    lines = render(test=True).splitlines()
    assert set(_assigned(render(test=True))) == set(KNOWN)
    for above, line in pairwise(lines):
        if not line.startswith("#") and line:
            assert above.startswith("# ")
            assert "[" in above


def test_the_template_leaves_out_the_keys_of_the_simulated_broker() -> None:
    """Production never sees a simulation key."""
    simulated = {name.upper() for name in Settings.model_fields if marks(name)["test_only"]}
    assert set(_assigned(render(test=False))) == set(KNOWN) - simulated
    assert "SIMULATION_SEED" in simulated


@pytest.mark.parametrize("name", [".env_bot.template-test", ".env_bot.test"])
def test_the_test_files_are_valid_and_hold_the_defaults(name: str) -> None:
    """They give the default settings of a simulated bot."""
    found = parse_env(text_of(name), source=name)
    assert found.broker_code == "SIM"
    assert found.version_tag == __version__
    for key, field in Settings.model_fields.items():
        if not field.is_required():
            assert getattr(found, key) == field.default, key


def test_the_template_asks_for_the_order_limits() -> None:
    """A copied template does not run before the required limits are filled in."""
    with pytest.raises(ConfigError) as caught:
        parse_env(render(test=False), source="f")
    assert [problem.key for problem in caught.value.problems] == [
        "MAX_ORDER_NOTIONAL",
        "MAX_ORDER_QUANTITY",
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("log_format", "json | csv"),
        ("fractional", "true or false"),
        ("max_trades", "at least 0, at most 100"),
        ("stop_pct_open", "above 0, below 1"),
        ("routine_alert_channel", "email | slack | sms | pagerduty"),
        ("timezone", ""),
    ],
)
def test_comments_say_what_is_allowed(name: str, words: str) -> None:
    """Choices and limits stand in the comment."""
    assert allowed(name) == words
