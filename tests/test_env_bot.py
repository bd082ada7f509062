"""The settings of a bot: coverage, errors, defaults, VERSION_TAG (document 070, test_env_bot)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rigd.config.parse import parse_env
from rigd.config.release import require_version
from rigd.config.schema import Settings
from rigd.core.errors import ConfigError
from tests.flags import run_by_hand
from tests.house.tree import text

SHORTEST = "VERSION_TAG=0.1.0\nMAX_ORDER_NOTIONAL=5000\nMAX_ORDER_QUANTITY=500\n"


def test_the_test_settings_cover_every_key() -> None:
    """`.env_bot.test` is valid and names every key of the schema."""
    content = text("env/.env_bot.test")
    settings = parse_env(content, source=".env_bot.test")
    named = {line.split("=")[0] for line in content.splitlines() if line and line[0] != "#"}
    assert {key.lower() for key in named} == set(type(settings).model_fields)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("total_allocation", Decimal("0.02")),
        ("max_trades", 4),
        ("candidate_multiplier", 5),
        ("max_risk_per_trade", Decimal("0.025")),
        ("max_open_positions", 5),
        ("daily_loss_limit", Decimal("0.05")),
        ("open_analysis_time", 20),
        ("strategy_sequence", ("open", "mid", "close")),
        ("weights", tuple(Decimal(w) for w in ("0.4", "0.2", "0.2", "0.2"))),
    ],
)
def test_defaults_are_those_of_the_documents(key: str, value: object) -> None:
    """A key that is not named has the documents' default."""
    assert getattr(parse_env(SHORTEST, source="test"), key) == value


def test_every_error_is_told_at_once_with_its_line() -> None:
    """Three broken lines are three problems, each with file and line."""
    broken = f"{SHORTEST}MAX_TRADES=many\nTOTAL_ALLOCATON=0.1\nWEIGHTS\n"
    with pytest.raises(ConfigError) as caught:
        parse_env(broken, source=".env_bot")
    told = [str(problem) for problem in caught.value.problems]
    assert len(told) == 3
    for line in (4, 5, 6):
        assert any(f".env_bot:{line}" in problem for problem in told), told
    assert any("TOTAL_ALLOCATION" in problem for problem in told)


def test_settings_cannot_be_changed() -> None:
    """A parsed value is frozen."""
    settings = parse_env(SHORTEST, source="test")
    assert isinstance(settings, Settings)
    with pytest.raises(ValueError, match="frozen"):
        settings.max_trades = 9


def test_the_version_tag_must_be_the_newest() -> None:
    """VERSION_TAG equals the first version of VERSION.md; another one is fatal (K6)."""
    settings = parse_env(SHORTEST, source="test")
    require_version(settings, text("VERSION.md"))
    with pytest.raises(ConfigError):
        require_version(settings, "## 0.0.9\n")


if __name__ == "__main__":
    raise SystemExit(run_by_hand(__file__))
