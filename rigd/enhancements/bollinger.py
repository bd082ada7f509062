"""Bollinger confluence: mid enters only outside the bands (document 050, SPEC §3a.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rigd.core.errors import ConfigError
from rigd.core.values import Direction, SelfCheck
from rigd.enhancements.contract import allow, block, defense_factor, factor_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rigd.config.schema import Settings
    from rigd.core.values import Candidate, Verdict
    from rigd.enhancements.contract import FilterView

NAME = "bollinger"
PERIOD = 20
"""Bars; bands at 2 population standard deviations (SPEC §3)."""


class Bands(NamedTuple):
    """The newest bands [currency/share]."""

    lower: float
    mid: float
    upper: float

    def widened(self, factor: float) -> Bands:
        """Return bands `1 / factor` times as far from the middle."""
        return Bands(
            self.mid - (self.mid - self.lower) / factor,
            self.mid,
            self.mid + (self.upper - self.mid) / factor,
        )


class BollingerFilter:
    """Allows a long only below the lower band and a short only above the upper one."""

    name = NAME

    def applies_to(self, strategy: str) -> bool:
        """Tell whether the filter is asked about candidates of a strategy: mid alone."""
        return strategy == "mid"

    def self_check(self, settings: Settings) -> SelfCheck:
        """Check the indicator on closes of 1 and 3 in turn: bands 0 and 4 about the mean 2, σ 1."""
        found = _bands([1.0, 3.0] * (PERIOD // 2))
        right = found is not None and all(
            abs(is_ - should) < 1e-9 for is_, should in zip(found, (0.0, 2.0, 4.0), strict=True)
        )
        detail = "bands of 20 bars at 2σ" if right else f"bands must be (0, 2, 4), were {found}"
        try:
            factor_of(settings)
        except ConfigError as error:
            right, detail = False, str(error)
        return SelfCheck(name=f"enhancements.{NAME}", passed=right, detail=detail)

    def check(self, candidate: Candidate, view: FilterView, settings: Settings) -> Verdict:
        """Block when the signal bar's close lies inside the bands or on one of them.

        Parameters
        ----------
        candidate
            The signal; its direction says which band counts.
        view
            Its bars include the signal bar.
        settings
            In defense mode the bands are wider by the filter factor.

        Returns
        -------
        Verdict
            Reasons ``ok``, ``inside_bands`` and ``warming_up``.
        """
        return judge(_bands([bar.close for bar in view.bars]), candidate, view, settings)


def judge(
    bands: Bands | None, candidate: Candidate, view: FilterView, settings: Settings
) -> Verdict:
    """Judge bands that are known already.

    Parameters
    ----------
    bands
        At the signal bar; None with too few bars.
    candidate, view, settings
        As `BollingerFilter.check` takes them.

    Returns
    -------
    Verdict
        As `BollingerFilter.check` gives it.
    """
    if bands is None:
        return block(NAME, "warming_up", f"{len(view.bars)} bars, bands need {PERIOD}")
    bands = bands.widened(defense_factor(view, settings))
    close = view.bars[-1].close
    if candidate.direction is Direction.LONG:
        outside, mark, name, level = close < bands.lower, "<", "lower", bands.lower
    else:
        outside, mark, name, level = close > bands.upper, ">", "upper", bands.upper
    measured = f"close {close:.4f} {mark if outside else 'not ' + mark} {name} band {level:.4f}"
    return allow(NAME, measured) if outside else block(NAME, "inside_bands", measured)


def _bands(closes: Sequence[float]) -> Bands | None:
    """Return the bands at the newest close; None with too few closes."""
    from rigd.indicators.bollinger import (  # noqa: PLC0415 - numpy is loaded when first needed
        bollinger_last,
    )

    if len(closes) < PERIOD:
        return None
    bands = bollinger_last(closes)
    return None if bands is None else Bands(*bands)
