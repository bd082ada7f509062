"""VIX gatekeeper: no end-of-day signals in a calm market (document 050, SPEC §3a.9)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rigd.core.errors import DataError
from rigd.core.values import SelfCheck
from rigd.enhancements.contract import (
    allow,
    block,
    defense_factor,
    fails_closed,
    finite_threshold,
)

if TYPE_CHECKING:
    from rigd.config.schema import Settings
    from rigd.core.values import Candidate, Verdict
    from rigd.enhancements.contract import FilterView

NAME = "vix"


class VixFilter:
    """Blocks close when the VIX is below STRAT_CLOSE_VIX_THRESHOLD; an equal value is allowed."""

    name = NAME

    def applies_to(self, strategy: str) -> bool:
        """Tell whether the filter is asked about candidates of a strategy: close alone."""
        return strategy == "close"

    def self_check(self, settings: Settings) -> SelfCheck:
        """Check the threshold."""
        threshold = settings.strat_close_vix_threshold
        problem = finite_threshold("STRAT_CLOSE_VIX_THRESHOLD", threshold)
        detail = problem or f"blocks below {threshold:g}"
        return SelfCheck(name=f"enhancements.{NAME}", passed=not problem, detail=detail)

    def check(self, candidate: Candidate, view: FilterView, settings: Settings) -> Verdict:
        """Block when the last VIX close dated before the day is below the threshold.

        Parameters
        ----------
        candidate
            The signal.
        view
            With the VIX reading and the day.
        settings
            With the threshold, raised by the filter factor in defense mode, and
            ENHANCEMENT_FAIL_POLICY, which decides when there is no reading.

        Returns
        -------
        Verdict
            Reasons ``ok``, ``vix_below_threshold`` and ``no_vix``.

        Raises
        ------
        DataError
            If the reading is not a positive number or not dated before the day.
        """
        del candidate  # the VIX is one number for the whole market
        if view.vix is None:
            measured = f"no VIX dated before {view.day.isoformat()}"
            if fails_closed(view, settings):
                return block(NAME, "no_vix", measured)
            return allow(NAME, measured, reason="no_vix")
        value, dated = view.vix
        if not (math.isfinite(value) and value > 0.0 and dated < view.day):
            msg = f"VIX must be positive and dated before {view.day}, was {value} of {dated}"
            raise DataError(msg)
        threshold = settings.strat_close_vix_threshold / defense_factor(view, settings)
        source = f"(close of {dated.isoformat()})"
        if value >= threshold:
            return allow(NAME, f"VIX {value:.2f} >= {threshold:g} {source}")
        return block(NAME, "vix_below_threshold", f"VIX {value:.2f} < {threshold:g} {source}")
