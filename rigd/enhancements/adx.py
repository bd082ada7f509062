"""ADX filter: mean reversion stays out of a trending market (document 050, SPEC §3a.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.core.values import SelfCheck
from rigd.enhancements.contract import allow, block, defense_factor, finite_threshold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rigd.config.schema import Settings
    from rigd.core.values import Bar, Candidate, Verdict
    from rigd.enhancements.contract import FilterView

NAME = "adx"
PERIOD = 14
"""Bars; Wilder's own (SPEC §3)."""


class AdxFilter:
    """Blocks the mid strategy when ADX is above ADX_THRESHOLD; an equal value is allowed."""

    name = NAME

    def applies_to(self, strategy: str) -> bool:
        """Tell whether the filter is asked about candidates of a strategy: mid alone."""
        return strategy == "mid"

    def self_check(self, settings: Settings) -> SelfCheck:
        """Check the threshold, and the indicator on a steady rise, whose ADX is 100."""
        problem = finite_threshold("ADX_THRESHOLD", settings.adx_threshold)
        if not problem:
            found = _adx([(10.0 + i, 9.0 + i, 9.5 + i) for i in range(2 * PERIOD)])
            if found is None or not abs(found - 100.0) < 1e-6:
                problem = f"ADX of a steady rise must be 100, was {found}"
        detail = problem or f"blocks above {settings.adx_threshold:g}"
        return SelfCheck(name=f"enhancements.{NAME}", passed=not problem, detail=detail)

    def check(self, candidate: Candidate, view: FilterView, settings: Settings) -> Verdict:
        """Block when the trend is stronger than the threshold, or not yet known.

        Parameters
        ----------
        candidate
            The signal.
        view
            Its bars include the signal bar.
        settings
            With ADX_THRESHOLD; lowered by the filter factor in defense mode.

        Returns
        -------
        Verdict
            Reasons ``ok``, ``adx_above_threshold`` and ``warming_up``.
        """
        del candidate  # the direction does not matter: a trend in either way blocks
        return judge(_adx(_columns(view.bars)), len(view.bars), view, settings)


def judge(value: float | None, bars: int, view: FilterView, settings: Settings) -> Verdict:
    """Judge an ADX that is known already.

    Parameters
    ----------
    value
        At the signal bar; None with too few bars.
    bars
        How many bars of the session there were until then.
    view, settings
        As `AdxFilter.check` takes them.

    Returns
    -------
    Verdict
        As `AdxFilter.check` gives it.
    """
    if value is None or value != value:  # noqa: PLR0124 - NaN is the only value unlike itself
        return block(NAME, "warming_up", f"{bars} bars, ADX needs {2 * PERIOD}")
    threshold = settings.adx_threshold * defense_factor(view, settings)
    if value <= threshold:
        return allow(NAME, f"ADX {value:.2f} <= {threshold:g}")
    return block(NAME, "adx_above_threshold", f"ADX {value:.2f} > {threshold:g}")


def _columns(bars: Sequence[Bar]) -> list[tuple[float, float, float]]:
    return [(bar.high, bar.low, bar.close) for bar in bars]


def _adx(rows: Sequence[tuple[float, float, float]]) -> float | None:
    """Return the newest ADX of (high, low, close) rows; None with too few."""
    from rigd.indicators.adx import adx_last  # noqa: PLC0415 - numpy is loaded when first needed

    if len(rows) < 2 * PERIOD:
        return None
    high, low, close = zip(*rows, strict=True)
    return adx_last(high, low, close, PERIOD)
