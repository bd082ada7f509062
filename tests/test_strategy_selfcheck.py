"""Every part's self-check is true with the settings we ship (070, test_strategy_selfcheck)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rigd.config.demo import demo_env_text
from rigd.config.parse import parse_env
from rigd.enhancements.chain import build_chain
from rigd.screener import pool
from rigd.strategy import closing, midday, opening, router
from tests.flags import run_by_hand
from tests.house.tree import text

if TYPE_CHECKING:
    from rigd.config.schema import Settings


@pytest.fixture(params=["demo", ".env_bot.test"])
def settings(request: pytest.FixtureRequest) -> Settings:
    """The settings of the demo, and those of tests."""
    content = demo_env_text() if request.param == "demo" else text(f"env/{request.param}")
    return parse_env(content, source=request.param)


@pytest.mark.parametrize("module", [opening, midday, closing, router, pool])
def test_each_module_checks_itself(module: object, settings: Settings) -> None:
    """`.self_check()` of each strategy, of the router and of the screener passes."""
    answer = module.self_check(settings)
    assert answer.passed, answer.detail


def test_the_filters_check_themselves(settings: Settings) -> None:
    """Each filter that is switched on passes its self-check."""
    chain = build_chain(settings)
    assert {part.name for part in chain}
    for part in chain:
        assert part.self_check(settings).passed, part.name


def test_a_strategy_that_cannot_run_says_so(settings: Settings) -> None:
    """A strategy without analysis time fails its own check, and no other's."""
    broken = settings.model_copy(update={"mid_analysis_time": 0})
    assert not midday.self_check(broken).passed
    assert opening.self_check(broken).passed


@pytest.mark.parametrize("module", [opening, midday, closing, router])
def test_each_strategy_can_be_simulated(module: object) -> None:
    """Each `strategy_*` module of document 050 offers self_check and simulate (MM1)."""
    assert callable(module.self_check)
    assert callable(module.simulate)


if __name__ == "__main__":
    raise SystemExit(run_by_hand(__file__))
