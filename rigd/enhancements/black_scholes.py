"""Black-Scholes filter: a put is bought at a fair price only (document 050, SPEC §3)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from rigd.config.choices import ShortType
from rigd.core.errors import ConfigError, DataError
from rigd.core.readings import OptionRight
from rigd.core.values import STRATEGIES, Direction, SelfCheck
from rigd.enhancements.contract import (
    NO_SOURCES,
    NOT_APPLICABLE,
    allow,
    block,
    defense_factor,
    fails_closed,
    finite_threshold,
)

if TYPE_CHECKING:
    from rigd.config.schema import Settings
    from rigd.core.readings import OptionQuote, RiskFree
    from rigd.core.values import Candidate, Verdict
    from rigd.enhancements.contract import FilterView, Sources

NAME = "black_scholes"
CLOSES = 21
"""Daily closes: 20 returns (SPEC §6, BSM_VOLATILITY)."""
YEAR_S = 365 * 86_400
"""Seconds of a year; interest and volatility count calendar time."""

_ROUNDING = 1e-9
"""A deviation that is the limit but for float64's rounding is the limit."""


class _Volatility(NamedTuple):
    value: float
    origin: str


class BlackScholesFilter:
    """Blocks a long put whose price strays from the model by more than MAX_BSM_DEVIATION.

    Parameters
    ----------
    sources
        Option quotes and closes, and the risk-free rate of the bot's jurisdiction.
    """

    name = NAME

    def __init__(self, sources: Sources = NO_SOURCES) -> None:
        self._options = sources.options
        self._risk_free = sources.risk_free

    def applies_to(self, strategy: str) -> bool:
        """Tell whether the filter is asked about candidates of a strategy: of every one."""
        del strategy
        return True

    def self_check(self, settings: Settings) -> SelfCheck:
        """Check the threshold, the model on a published value, and what a long put needs."""
        problem = (
            finite_threshold("MAX_BSM_DEVIATION", settings.max_bsm_deviation)
            or _model_problem()
            or self._missing(settings)
        )
        detail = problem or f"blocks a deviation above {settings.max_bsm_deviation:g}"
        return SelfCheck(name=f"enhancements.{NAME}", passed=not problem, detail=detail)

    def check(self, candidate: Candidate, view: FilterView, settings: Settings) -> Verdict:
        """Block when the put's price is too far from the model's.

        Parameters
        ----------
        candidate
            The signal; only a short of a strategy whose short side is a long put is checked.
        view
            With the instant of the decision and the day.
        settings
            With MAX_BSM_DEVIATION, lowered by the filter factor in defense mode, BSM_VOLATILITY,
            and ENHANCEMENT_FAIL_POLICY, which decides without a quote or a volatility.

        Returns
        -------
        Verdict
            Reasons ``ok``, ``not_applicable``, ``deviation_above_maximum``, ``no_quote``,
            ``no_volatility`` and ``expired``.

        Raises
        ------
        ConfigError
            If the jurisdiction has no risk-free rate.
        """
        if not _is_long_put(candidate, settings):
            return allow(NAME, reason=NOT_APPLICABLE)
        risk_free = self._require_rate()
        quote = self._quote(candidate, view)
        if quote is None:
            return _unknown("no_quote", f"no quote of a put on {candidate.symbol}", view, settings)
        years = (quote.expires_at - view.now).total_seconds() / YEAR_S
        if years <= 0.0:
            return block(NAME, "expired", f"the put expired at {quote.expires_at.isoformat()}")
        sigma = self._volatility(candidate, view, settings)
        if sigma is None:
            text = f"fewer than {CLOSES} closes of {candidate.symbol}"
            return _unknown("no_volatility", text, view, settings)
        limit = settings.max_bsm_deviation * defense_factor(view, settings)
        return _judged(candidate, quote, years, risk_free, sigma, limit)

    def _missing(self, settings: Settings) -> str:
        """Return what the settings need and the filter was not given."""
        used = [name for name in STRATEGIES if _buys_puts(name, settings)]
        if not used:
            return ""
        if self._options is None:
            return f"SHORT_TYPE_{used[0].upper()}=LongPut needs a source of option quotes"
        try:
            self._require_rate()
        except ConfigError as error:
            return str(error)
        return ""

    def _require_rate(self) -> RiskFree:
        if self._risk_free is None:
            msg = "a long put needs the risk-free rate of the bot's jurisdiction, found none"
            raise ConfigError(msg, fix="add the jurisdiction to RISK_FREE_RATES of the identity")
        return self._risk_free

    def _quote(self, candidate: Candidate, view: FilterView) -> OptionQuote | None:
        if self._options is None:
            return None
        quote = self._options.put(candidate.symbol, candidate.reference_price, view.now)
        if quote is not None and (quote.right is not OptionRight.PUT or quote.at > view.now):
            msg = f"a put on {candidate.symbol} quoted until {view.now} was asked for, got {quote}"
            raise DataError(msg)
        return quote

    def _volatility(
        self, candidate: Candidate, view: FilterView, settings: Settings
    ) -> _Volatility | None:
        """Return BSM_VOLATILITY, or what the last 20 returns realised; None with too few."""
        from rigd.indicators.black_scholes import (  # noqa: PLC0415 - loaded when first needed
            realised_volatility,
        )

        if settings.bsm_volatility is not None:
            return _Volatility(float(settings.bsm_volatility), "BSM_VOLATILITY")
        if self._options is None:
            return None
        closes = self._options.closes(candidate.symbol, view.day, CLOSES)
        if len(closes) < CLOSES:
            return None
        return _Volatility(realised_volatility(closes[-CLOSES:]), "realised over 20 days")


def _buys_puts(strategy: str, settings: Settings) -> bool:
    return settings.strategy(strategy).short_type is ShortType.LONG_PUT


def _is_long_put(candidate: Candidate, settings: Settings) -> bool:
    short = candidate.direction is Direction.SHORT
    return short and _buys_puts(candidate.strategy, settings)


def _unknown(reason: str, measured: str, view: FilterView, settings: Settings) -> Verdict:
    if fails_closed(view, settings):
        return block(NAME, reason, measured)
    return allow(NAME, measured, reason=reason)


def _judged(
    candidate: Candidate,
    quote: OptionQuote,
    years: float,
    risk_free: RiskFree,
    sigma: _Volatility,
    limit: float,
) -> Verdict:
    """Compare the middle of the quote with the model's price; both stand in the text."""
    from rigd.indicators.black_scholes import (  # noqa: PLC0415 - loaded when first needed
        implied_volatility,
        option_price,
    )

    spot, strike, market = (float(x) for x in (candidate.reference_price, quote.strike, quote.mid))
    rate = risk_free.rate
    model = option_price(quote.right, spot, strike, years, rate, sigma.value)
    deviation = abs(market - model) / model if model > 0.0 else math.inf
    implied = implied_volatility(quote.right, market, spot, strike, years, rate)
    measured = (
        f"put S={spot:.4f} K={strike:g} T={years:.6f} r={rate:g} ({risk_free.jurisdiction}) "
        f"sigma={sigma.value:.4f} ({sigma.origin}) model={model:.4f} market={market:.4f} "
        f"deviation={deviation:.4f} limit={limit:g} "
        f"implied={'none' if implied is None else format(implied, '.4f')}"
    )
    if deviation <= limit + _ROUNDING:
        return allow(NAME, measured)
    return block(NAME, "deviation_above_maximum", measured)


def _model_problem() -> str:
    """Return what is wrong with the model, blank when it gives the values of a textbook."""
    # Hull, Options, Futures and Other Derivatives: stock at 42, strike 40, half a year, 10 %
    # interest and 20 % volatility make the call cost 4.76 and the put 0.81.
    from rigd.indicators.black_scholes import option_price  # noqa: PLC0415 - loaded when needed

    found = tuple(round(option_price(right, 42, 40, 0.5, 0.1, 0.2), 2) for right in OptionRight)
    return "" if found == (4.76, 0.81) else f"the model must give 4.76 and 0.81, gave {found}"
