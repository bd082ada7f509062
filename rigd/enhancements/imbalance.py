"""Imbalance scanner: no close entry against the closing auction at IBKR (document 050)."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from rigd.calendar.windows import IMBALANCE_SPAN, imbalance_minutes
from rigd.core.errors import DataError
from rigd.core.values import Direction, SelfCheck
from rigd.enhancements.contract import (
    NO_SOURCES,
    allow,
    block,
    defense_factor,
    fails_closed,
    finite_threshold,
)

if TYPE_CHECKING:
    from rigd.config.schema import Settings
    from rigd.core.readings import Imbalance
    from rigd.core.values import Candidate, Verdict
    from rigd.enhancements.contract import FilterView, Sources

NAME = "imbalance"


class ImbalanceFilter:
    """Blocks close when the auction's imbalance opposes it by more than IMBALANCE_MAX_OPPOSING.

    Parameters
    ----------
    sources
        Who reads the imbalance.
    """

    name = NAME

    def __init__(self, sources: Sources = NO_SOURCES) -> None:
        self._source = sources.imbalance

    def applies_to(self, strategy: str) -> bool:
        """Tell whether the filter is asked about candidates of a strategy: close alone."""
        return strategy == "close"

    def self_check(self, settings: Settings) -> SelfCheck:
        """Check the threshold, and say whether anyone reads the imbalance."""
        threshold = settings.imbalance_max_opposing
        problem = finite_threshold("IMBALANCE_MAX_OPPOSING", threshold)
        known = "a source" if self._source is not None else "no source"
        detail = problem or f"{known}; blocks above {threshold:g}, close-{IMBALANCE_SPAN}m..close"
        return SelfCheck(name=f"enhancements.{NAME}", passed=not problem, detail=detail)

    def check(self, candidate: Candidate, view: FilterView, settings: Settings) -> Verdict:
        """Block when too many shares oppose the candidate; outside its window nothing is read.

        Parameters
        ----------
        candidate
            The signal; a long is opposed by sellers, a short by buyers.
        view
            With the session, on which the window depends, and the instant of the decision.
        settings
            With the threshold, lowered by the filter factor in defense mode, and
            ENHANCEMENT_FAIL_POLICY, which decides when there is no reading.

        Returns
        -------
        Verdict
            Reasons ``ok``, ``outside_window``, ``opposing_imbalance`` and ``no_imbalance``.

        Raises
        ------
        DataError
            If the reading is of another symbol, or not of the window until now.
        """
        minute = (view.now - view.session.open) // timedelta(minutes=1)
        window = imbalance_minutes(view.session)
        if minute not in window:
            text = f"minute {minute}, reads {window.start} to {window.stop}"
            return allow(NAME, text, reason="outside_window")
        reading = self._read(candidate, view)
        if reading is None:
            measured = f"no imbalance of {candidate.symbol}"
            if fails_closed(view, settings):
                return block(NAME, "no_imbalance", measured)
            return allow(NAME, measured, reason="no_imbalance")
        opposing = _opposing(candidate, reading)
        threshold = settings.imbalance_max_opposing * defense_factor(view, settings)
        holds = opposing <= threshold
        measured = (
            f"opposing {opposing:.4f} {'<=' if holds else '>'} {threshold:g} "
            f"(imbalance {reading.imbalance:+.0f}, paired {reading.paired:.0f})"
        )
        return allow(NAME, measured) if holds else block(NAME, "opposing_imbalance", measured)

    def _read(self, candidate: Candidate, view: FilterView) -> Imbalance | None:
        if self._source is None:
            return None
        reading = self._source.imbalance(candidate.symbol, view.now)
        if reading is None:
            return None
        first = view.session.close - timedelta(minutes=IMBALANCE_SPAN)
        if reading.symbol != candidate.symbol or not first <= reading.at <= view.now:
            msg = f"an imbalance of {candidate.symbol} from {first} to {view.now}, got {reading}"
            raise DataError(msg)
        return reading


def _opposing(candidate: Candidate, reading: Imbalance) -> float:
    """Return |imbalance| / paired volume where it is against the candidate, else 0 (SPEC §3a.9)."""
    against = -reading.imbalance if candidate.direction is Direction.LONG else reading.imbalance
    if against <= 0.0:
        return 0.0
    return against / reading.paired if reading.paired > 0.0 else math.inf
