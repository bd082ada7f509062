"""The filters as causal arrays: each indicator once per symbol and day, read at the signal bar.

The verdicts are those of the live filters, which judge the same numbers: only where the indicator
comes from differs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from rigd.enhancements import adx, bollinger
from rigd.enhancements import chain as filters
from rigd.indicators.adx import adx_wilder
from rigd.indicators.bollinger import bollinger as bollinger_bands

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from rigd.config.schema import Settings
    from rigd.core.values import Bar, Candidate, Verdict
    from rigd.enhancements.contract import Enhancement, FilterView
    from rigd.hosts.backtest.history import History
    from rigd.hosts.backtest.played import Terms


def adx_values(bars: Sequence[Bar]) -> npt.NDArray[np.float64]:
    """Return ADX at every bar of a day, from the bars up to it.

    Parameters
    ----------
    bars
        One symbol's bars of one session.

    Returns
    -------
    ndarray
        float64[n_bars], 0 to 100; NaN while warming up.
    """
    return adx_wilder(
        [bar.high for bar in bars], [bar.low for bar in bars], [bar.close for bar in bars]
    )


def band_values(bars: Sequence[Bar]) -> npt.NDArray[np.float64]:
    """Return the Bollinger bands at every bar of a day, from the bars up to it.

    Parameters
    ----------
    bars
        One symbol's bars of one session.

    Returns
    -------
    ndarray
        float64[n_bars, 3]: lower, middle and upper [currency/share]; NaN while warming up.
    """
    middle, lower, upper = bollinger_bands([bar.close for bar in bars])
    return np.stack([lower, middle, upper], axis=1)


class CausalAdx(adx.AdxFilter):
    """The ADX filter over arrays.

    Parameters
    ----------
    values
        ADX of a symbol at every bar of the day.
    """

    def __init__(self, values: Callable[[str], npt.NDArray[np.float64]]) -> None:
        self._values = values

    def check(self, candidate: Candidate, view: FilterView, settings: Settings) -> Verdict:
        """Judge the value at the signal bar, the last one of the view."""
        seen = len(view.bars)
        value = float(self._values(candidate.symbol)[seen - 1])
        return adx.judge(None if math.isnan(value) else value, seen, view, settings)


class CausalBollinger(bollinger.BollingerFilter):
    """The Bollinger filter over arrays.

    Parameters
    ----------
    values
        The bands of a symbol at every bar of the day.
    """

    def __init__(self, values: Callable[[str], npt.NDArray[np.float64]]) -> None:
        self._values = values

    def check(self, candidate: Candidate, view: FilterView, settings: Settings) -> Verdict:
        """Judge the bands at the signal bar, the last one of the view."""
        row = self._values(candidate.symbol)[len(view.bars) - 1].tolist()
        bands = None if math.isnan(row[0]) else bollinger.Bands(*row)
        return bollinger.judge(bands, candidate, view, settings)


class CausalChain:
    """The filters of a backtest, over the arrays of one day at a time.

    Parameters
    ----------
    terms
        With settings and sources.
    history
        The bars.
    """

    def __init__(self, terms: Terms, history: History) -> None:
        self._history = history
        self._number = -1
        self._known: dict[tuple[str, str], npt.NDArray[np.float64]] = {}
        arrays: dict[str, Any] = {
            adx.NAME: CausalAdx(lambda symbol: self._array(adx_values, symbol)),
            bollinger.NAME: CausalBollinger(lambda symbol: self._array(band_values, symbol)),
        }
        chain = filters.build_chain(terms.settings, terms.sources)
        self._chain: tuple[Enhancement, ...] = tuple(
            each if isinstance(each, filters.DisabledFilter) else arrays.get(each.name, each)
            for each in chain
        )

    def at(self, number: int) -> tuple[Enhancement, ...]:
        """Return the filters over the bars of one day of the history."""
        if number != self._number:
            self._number = number
            self._known.clear()
        return self._chain

    def _array(
        self, compute: Callable[[Sequence[Bar]], npt.NDArray[np.float64]], symbol: str
    ) -> npt.NDArray[np.float64]:
        key = (compute.__name__, symbol)
        if key not in self._known:
            self._known[key] = compute(self._history.feeds[self._number].bars[symbol])
        return self._known[key]


def causal_chain(terms: Terms, history: History) -> CausalChain:
    """Return the filters of a backtest over causal arrays."""
    return CausalChain(terms, history)
