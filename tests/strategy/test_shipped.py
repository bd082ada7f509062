"""What document 050 asks of each strategy's module: it checks its settings and runs alone."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rigd.strategy import closing, midday, opening
from rigd.strategy.stepper import TIMED_OUT
from tests.strategy.cases import OPEN_PLAN, PLAIN
from tests.strategy.days import days_of, flat
from tests.strategy.views import view


@pytest.mark.parametrize(
    ("module", "name"), [(opening, "open"), (midday, "mid"), (closing, "close")]
)
def test_each_checks_the_settings_of_its_own_window(module, name: str) -> None:
    """The answer is about this strategy's keys, whatever the other two have."""
    asked = []

    def strategy(of: str) -> object:
        asked.append(of)
        return view(of, trigger=-1.0)

    check = module.self_check(SimpleNamespace(strategy=strategy))
    assert asked == [name]
    assert check.name == f"strategy.{name}"
    assert not check.passed
    assert "was -1.0" in check.detail


def test_days_are_counted_from_0_and_one_without_a_signal_has_no_trade() -> None:
    """IBM 2013-10-08, worked out in test_opening, between two days on which nothing moves."""
    quiet, day = flat(range(390), 181.0), days_of("IBM")["2013-10-08"]
    params = opening.OpenParams(0, 20, 30, 0.001)
    (trade,) = opening.simulate([quiet, day, quiet], params, PLAIN, OPEN_PLAN)
    assert trade[:8] == (-1, 21, 22, 60, 180.81, 180.48, TIMED_OUT, False)
    assert trade.day == 1
