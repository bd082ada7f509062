"""Fundamentals guard: companies with unsound metrics are left alone (document 050)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rigd.config.choices import MissingPolicy
from rigd.core.errors import DataError
from rigd.core.values import SelfCheck
from rigd.enhancements.contract import NO_SOURCES, allow, block, defense_factor, finite_threshold

if TYPE_CHECKING:
    from rigd.config.schema import Settings
    from rigd.core.readings import Fundamentals
    from rigd.core.values import Candidate, Verdict
    from rigd.enhancements.contract import FilterView, Sources

NAME = "fundamentals"
MISSING = "missing_fundamentals"
MILLION = 1e6
"""The market value comes in millions of USD, its threshold in USD (INVENTORY E23)."""


class _Rule(NamedTuple):
    """One metric and its threshold; `reason` says how it is missed."""

    metric: str
    value: float | None
    threshold: float
    at_most: bool
    reason: str

    @property
    def holds(self) -> bool:
        """Tell whether the metric is known and meets its threshold; an equal one does."""
        if self.value is None:
            return False
        return self.value <= self.threshold if self.at_most else self.value >= self.threshold

    @property
    def text(self) -> str:
        """The metric, its value and its threshold."""
        if self.value is None:
            return f"{self.metric} missing"
        signs = ("<=", ">") if self.at_most else (">=", "<")
        return f"{self.metric} {self.value:.10g} {signs[not self.holds]} {self.threshold:.10g}"


class FundamentalsGuard:
    """Blocks a symbol by price/earnings, debt/equity or market value.

    Parameters
    ----------
    sources
        Who knows the metrics; without anyone every metric is missing.
    """

    name = NAME

    def __init__(self, sources: Sources = NO_SOURCES) -> None:
        self._source = sources.fundamentals

    def applies_to(self, strategy: str) -> bool:
        """Tell whether the filter is asked about candidates of a strategy: of every one."""
        del strategy
        return True

    def self_check(self, settings: Settings) -> SelfCheck:
        """Check the three thresholds, and say where the metrics come from."""
        thresholds = (
            ("MAX_PE_RATIO", settings.max_pe_ratio),
            ("MAX_DEBT_EQUITY", settings.max_debt_equity),
            ("MIN_MARKET_CAP_FUNDAMENTAL", settings.min_market_cap_fundamental),
        )
        problems = [text for text in (finite_threshold(*each) for each in thresholds) if text]
        policy = settings.fundamentals_missing_policy
        known = "a source" if self._source is not None else "no source"
        detail = "; ".join(problems) or f"{known}; missing metrics: {policy}"
        return SelfCheck(name=f"enhancements.{NAME}", passed=not problems, detail=detail)

    def check(self, candidate: Candidate, view: FilterView, settings: Settings) -> Verdict:
        """Block when a metric misses its threshold, or is missing and that blocks.

        Parameters
        ----------
        candidate
            The signal.
        view
            With the day.
        settings
            With the thresholds, narrowed by the filter factor in defense mode, and
            FUNDAMENTALS_MISSING_POLICY; in defense mode a missing metric blocks.

        Returns
        -------
        Verdict
            Reasons ``ok``, ``pe_above_maximum``, ``debt_equity_above_maximum``,
            ``market_cap_below_minimum`` and ``missing_fundamentals``.

        Raises
        ------
        DataError
            If the source answers for another symbol or a later day.
        """
        found = self._known(candidate, view)
        rules = _rules(found, view, settings)
        origin = f"({found.source}, {found.dated.isoformat()})" if found else "(no source)"
        for rule in rules:
            if rule.value is not None and not rule.holds:
                return block(NAME, rule.reason, f"{candidate.symbol} {rule.text} {origin}")
        text = ", ".join(rule.text for rule in rules)
        measured = f"{candidate.symbol} {text} {origin}"
        if all(rule.holds for rule in rules):
            return allow(NAME, measured)
        if view.defense or settings.fundamentals_missing_policy is MissingPolicy.BLOCK:
            return block(NAME, MISSING, measured)
        return allow(NAME, measured, reason=MISSING)

    def _known(self, candidate: Candidate, view: FilterView) -> Fundamentals | None:
        if self._source is None:
            return None
        found = self._source.fundamentals(candidate.symbol, view.day)
        if found.symbol != candidate.symbol or found.dated > view.day:
            msg = f"metrics of {candidate.symbol} known on {view.day} were asked for, got {found}"
            raise DataError(msg)
        return found


def _rules(
    found: Fundamentals | None, view: FilterView, settings: Settings
) -> tuple[_Rule, _Rule, _Rule]:
    """Return the rules in the order of document 050."""
    factor = defense_factor(view, settings)
    cap = None if found is None else found.market_cap_musd
    return (
        _Rule(
            "peNormalizedAnnual",
            None if found is None else found.pe_ratio,
            settings.max_pe_ratio * factor,
            at_most=True,
            reason="pe_above_maximum",
        ),
        _Rule(
            "totalDebt/totalEquityAnnual",
            None if found is None else found.debt_equity,
            settings.max_debt_equity * factor,
            at_most=True,
            reason="debt_equity_above_maximum",
        ),
        _Rule(
            "marketCapitalization",
            None if cap is None else cap * MILLION,
            settings.min_market_cap_fundamental / factor,
            at_most=False,
            reason="market_cap_below_minimum",
        ),
    )
