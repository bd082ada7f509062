"""What a search may look for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rigd.core.errors import ConfigError
from rigd.hosts.optimize.evaluation import Outcome
from rigd.hosts.optimize.objectives import OBJECTIVES, drawdown, figures, gain, sharpe
from rigd.hosts.optimize.search import Direction


def of(*pnl: float) -> Outcome:
    return Outcome(np.array(pnl), np.ones(len(pnl), dtype=np.int64))


def test_figures_by_hand() -> None:
    """1, 2, 3 %: ratio 2 √252, gain 6 %; +2, -3, +1, -2 %: 4 % below the peak of 2 %."""
    assert sharpe(of(0.01, 0.02, 0.03)) == pytest.approx(2 * math.sqrt(252))
    assert gain(of(0.01, 0.02, 0.03)) == pytest.approx(0.06)
    assert drawdown(of(0.02, -0.03, 0.01, -0.02)) == pytest.approx(0.04)
    assert drawdown(of(-0.01, 0.03)) == pytest.approx(0.01)


def test_days_without_a_trade_are_worth_nothing() -> None:
    """No variation is a ratio of 0, so that it can be compared."""
    assert (sharpe(of(0, 0, 0)), gain(of(0, 0)), drawdown(of(0, 0))) == (0.0, 0.0, 0.0)


def test_only_the_drawdown_is_to_be_small() -> None:
    """The table says which way is better."""
    small = [name for name, f in OBJECTIVES.items() if f.direction is Direction.MINIMIZE]
    assert small == ["drawdown"]


@pytest.mark.parametrize("names", [(), ("luck",), ("gain", "gain")])
def test_names_that_are_none_are_refused(names) -> None:
    """None, unknown and doubled names are refused with the list."""
    with pytest.raises(ConfigError, match="sharpe, gain, drawdown"):
        figures(names)
