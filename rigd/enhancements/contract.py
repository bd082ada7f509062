"""What a filter is, what it may see, and how it says yes or no (document 050).

A filter answers one question about one candidate: may it become a trade? It never makes a signal,
never changes a candidate, and sees only the values of a `FilterView`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol

from rigd.config.choices import FailPolicy
from rigd.core.errors import ConfigError
from rigd.core.ports import FundamentalsSource, ImbalanceSource, OptionSource
from rigd.core.readings import RiskFree
from rigd.core.values import Bar, Reading, SessionDay, Verdict

if TYPE_CHECKING:
    from rigd.config.schema import Settings
    from rigd.core.values import Candidate, SelfCheck

NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Who knows what the filters ask beyond bars; None where nobody does.

    A filter asks its source only about a candidate that it judges, and never when it is off.

    Parameters
    ----------
    fundamentals, imbalance, options
        The ports.
    risk_free
        The risk-free rate of the bot's jurisdiction.
    """

    fundamentals: FundamentalsSource | None = None
    imbalance: ImbalanceSource | None = None
    options: OptionSource | None = None
    risk_free: RiskFree | None = None


NO_SOURCES = Sources()


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterView:
    """What the filters may see when a candidate asks.

    Parameters
    ----------
    bars
        The symbol's own bars of this session, oldest first; the last one carries the signal.
    vix
        The last VIX close dated before the day; None when there is none.
    traded
        The symbols that had a fill in this session, over all strategies.
    defense
        Whether defense mode is on.
    day
        The exchange day.
    session
        The exchange session of the day.
    now
        The instant of the decision, market time, UTC.
    previous_close
        The last regular close before the day [currency/share]; None where it is not known.
    """

    bars: Sequence[Bar]
    vix: Reading | None
    traded: frozenset[str]
    defense: bool
    day: date
    session: SessionDay
    now: datetime
    previous_close: float | None = None


class Enhancement(Protocol):
    """One filter."""

    @property
    def name(self) -> str:
        """The rule's name in verdicts and logs."""
        ...

    def applies_to(self, strategy: str) -> bool:
        """Tell whether the filter is asked about candidates of a strategy."""
        ...

    def self_check(self, settings: Settings) -> SelfCheck:
        """Answer at launch whether the filter can work with these settings."""
        ...

    def check(self, candidate: Candidate, view: FilterView, settings: Settings) -> Verdict:
        """Answer whether the candidate may become a trade."""
        ...


def allow(rule: str, measured: str = "", *, reason: str = "ok") -> Verdict:
    """Return a yes."""
    return Verdict(allow=True, rule=rule, reason=reason, measured=measured)


def block(rule: str, reason: str, measured: str = "") -> Verdict:
    """Return a no."""
    return Verdict(allow=False, rule=rule, reason=reason, measured=measured)


def fails_closed(view: FilterView, settings: Settings) -> bool:
    """Tell whether a filter that cannot answer blocks.

    Parameters
    ----------
    view
        What the filters see; in defense mode they always fail closed.
    settings
        The session's settings, with ENHANCEMENT_FAIL_POLICY.

    Returns
    -------
    bool
        True to block, False to let the candidate pass with a warning (FAULTS §3.7).
    """
    return view.defense or settings.enhancement_fail_policy is FailPolicy.CLOSED


def defense_factor(view: FilterView, settings: Settings) -> float:
    """Return what thresholds shrink by: DEFENSE_MODE_FILTER_FACTOR in defense mode, else 1.

    A filter that blocks above its threshold multiplies by it, one that blocks below its threshold
    divides by it: either way more is blocked (SPEC §4).

    Parameters
    ----------
    view
        What the filters see.
    settings
        The session's settings.

    Returns
    -------
    float
        In (0, 1].

    Raises
    ------
    ConfigError
        If the factor would widen a filter or is not a number.
    """
    return factor_of(settings) if view.defense else 1.0


def factor_of(settings: Settings) -> float:
    """Return DEFENSE_MODE_FILTER_FACTOR, or raise ConfigError when it is not in (0, 1]."""
    factor = float(settings.defense_mode_filter_factor)
    if not 0.0 < factor <= 1.0:
        msg = f"DEFENSE_MODE_FILTER_FACTOR must be above 0 and at most 1, was {factor}"
        raise ConfigError(msg)
    return factor


def finite_threshold(key: str, value: float) -> str:
    """Return why a filter's threshold is unusable; blank when it is finite and not negative."""
    if math.isfinite(value) and value >= 0.0:
        return ""
    return f"{key} must be a finite number of at least 0, was {value}"
