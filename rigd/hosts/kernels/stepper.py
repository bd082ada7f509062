"""The naive stepper, compiled: the same functions of `strategy` and `market.fills`, through numba.

Each function is copied with its helpers replaced by their compiled copies, and nothing is written
anew; so the interpreted and the compiled run give the same trades to the last bit.
"""

from __future__ import annotations

from functools import cache
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from rigd.strategy.pairs import make_hold, make_search
from rigd.strategy.stepper import Trade, make_walk
from rigd.strategy.trailing import RangeState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from dataclasses import Field

    import numpy.typing as npt

    from rigd.core.values import Bar
    from rigd.strategy.definition import Strategy
    from rigd.strategy.exits import ExitRules
    from rigd.strategy.stepper import StepPlan

BAR = np.dtype([
    ("minute", np.int64),
    *((name, np.float64) for name in ("open", "high", "low", "close", "volume")),
])
"""One bar, with the field names of `core.values.Bar`; prices [currency/share], volume [shares]."""

TRADE = np.dtype([
    *((name, np.int64) for name in ("direction", "signal_minute", "entry_minute", "exit_minute")),
    ("entry_price", np.float64),
    ("exit_price", np.float64),
    ("reason", np.int64),
    ("stale", np.bool_),
    ("day", np.int64),
])
"""One trade, with the field names of `strategy.stepper.Trade`."""

CompiledStepper = Any
"""``(bars, offsets, params, rules, plan) -> trades``."""


def record_type(state: type) -> np.dtype[np.void]:
    """Return the record with the fields of a state class, float64 each."""
    known: dict[str, Field[Any]] = state.__dataclass_fields__  # type: ignore[attr-defined] # every state is a dataclass
    return np.dtype([(name, np.float64) for name in known])


def pack(days: Sequence[Sequence[Bar]]) -> tuple[npt.NDArray[np.void], npt.NDArray[np.int64]]:
    """Return the bars of many days as one array.

    Parameters
    ----------
    days
        The regular bars of each day, in time order.

    Returns
    -------
    tuple of two ndarrays
        BAR[n_bars], and int64[n_days + 1]: the bars of day d are ``bars[o[d]:o[d + 1]]``.
    """
    offsets = np.zeros(len(days) + 1, dtype=np.int64)
    np.cumsum([len(day) for day in days], out=offsets[1:])
    return np.array([tuple(bar) for day in days for bar in day], dtype=BAR), offsets


@cache
def compiled(function: Callable[..., Any]) -> Any:  # noqa: ANN401 - a numba dispatcher
    """Return a function compiled by numba, with every plain function that it names.

    Parameters
    ----------
    function
        Plain Python on numbers; other functions are named directly, not through a module.

    Returns
    -------
    callable
        Its compiled copy; the same one for the same function.
    """
    import numba  # noqa: PLC0415 - heavy, and only this module needs it

    names = function.__code__.co_names
    scope = dict(function.__globals__)
    for name in names:
        if isinstance(scope.get(name), FunctionType):
            scope[name] = compiled(scope[name])
    copy = FunctionType(
        function.__code__, scope, function.__name__, function.__defaults__, function.__closure__
    )
    return numba.njit(copy)


def compile_stepper(strategy: Strategy) -> CompiledStepper:
    """Return the compiled stepper of one strategy; numba compiles it on its first call.

    Parameters
    ----------
    strategy
        The definition.

    Returns
    -------
    callable
        ``step(bars, offsets, params, rules, plan)`` over the arrays of `pack` returns TRADE[n]:
        the days that traded, in order.
    """
    walk = compiled(
        make_walk(
            compiled(strategy.entry), compiled(strategy.analysis_bars), compiled(strategy.vwap)
        )
    )
    over_days = _over_days(walk)
    state_type, ranges_type = record_type(strategy.state), record_type(RangeState)

    def step(
        bars: npt.NDArray[np.void],
        offsets: npt.NDArray[np.int64],
        params: Any,  # noqa: ANN401 - the parameters of any strategy
        rules: ExitRules,
        plan: StepPlan,
    ) -> npt.NDArray[np.void]:
        n_days = len(offsets) - 1
        trades = np.zeros(n_days, dtype=TRADE)
        states = np.zeros(n_days, dtype=state_type)
        ranges = np.zeros(n_days, dtype=ranges_type)
        over_days(bars, offsets, states, ranges, params, rules, plan, trades)
        traded: npt.NDArray[np.void] = trades[trades["direction"] != 0]
        return traded

    return step


def compile_pair_stepper(strategy: Strategy) -> CompiledStepper:
    """Return the compiled stepper of one strategy whose short side buys an inverse ETF.

    Parameters
    ----------
    strategy
        The definition.

    Returns
    -------
    callable
        ``step(bars, offsets, fund, fund_offsets, params, rules, plan)`` over the arrays of `pack`,
        of the symbol and of its fund for the same days, returns TRADE[n] and bool[n]: the days
        that traded, in order, and whether the trade is the fund's.
    """
    search = compiled(make_search(compiled(strategy.entry), compiled(strategy.analysis_bars)))
    hold = compiled(make_hold(compiled(strategy.entry), compiled(strategy.vwap)))
    over_days = _over_pairs(search, hold)
    state_type, ranges_type = record_type(strategy.state), record_type(RangeState)

    def step(
        bars: npt.NDArray[np.void],
        offsets: npt.NDArray[np.int64],
        fund: npt.NDArray[np.void],
        fund_offsets: npt.NDArray[np.int64],
        params: Any,  # noqa: ANN401 - the parameters of any strategy
        rules: ExitRules,
        plan: StepPlan,
    ) -> tuple[npt.NDArray[np.void], npt.NDArray[np.bool_]]:
        n_days = len(offsets) - 1
        trades = np.zeros(n_days, dtype=TRADE)
        states = np.zeros((2, n_days), dtype=state_type)
        ranges = np.zeros(n_days, dtype=ranges_type)
        of_fund = np.zeros(n_days, dtype=np.bool_)
        series = (bars, offsets, fund, fund_offsets)
        over_days(*series, states, ranges, params, rules, plan, trades, of_fund)
        traded = trades["direction"] != 0
        return trades[traded], of_fund[traded]

    return step


def _over_pairs(search: Any, hold: Any) -> Any:  # noqa: ANN401 - numba dispatchers
    import numba  # noqa: PLC0415 - heavy, and only this module needs it

    @numba.njit
    def over_days(  # type: ignore[no-untyped-def] # numba infers it  # noqa: ANN202 - compiled
        bars,  # noqa: ANN001 - compiled
        offsets,  # noqa: ANN001 - compiled
        fund,  # noqa: ANN001 - compiled
        fund_offsets,  # noqa: ANN001 - compiled
        states,  # noqa: ANN001 - compiled
        ranges,  # noqa: ANN001 - compiled
        params,  # noqa: ANN001 - compiled
        rules,  # noqa: ANN001 - compiled
        plan,  # noqa: ANN001 - compiled
        trades,  # noqa: ANN001 - compiled
        of_fund,  # noqa: ANN001 - compiled
    ):
        for day in range(len(ranges)):
            own = bars[offsets[day] : offsets[day + 1]]
            other = fund[fund_offsets[day] : fund_offsets[day + 1]]
            direction, minute = search(own, other, states[0, day], params, plan)
            if direction == 0:
                continue
            bought = own if direction > 0 else other
            trade = hold(bought, minute, states[1, day], ranges[day], params, rules, plan)
            of_fund[day] = direction < 0
            trades[day].direction = trade.direction
            trades[day].signal_minute = trade.signal_minute
            trades[day].entry_minute = trade.entry_minute
            trades[day].exit_minute = trade.exit_minute
            trades[day].entry_price = trade.entry_price
            trades[day].exit_price = trade.exit_price
            trades[day].reason = trade.reason
            trades[day].stale = trade.stale
            trades[day].day = day

    return over_days


def _over_days(walk: Any) -> Any:  # noqa: ANN401 - numba dispatchers
    import numba  # noqa: PLC0415 - heavy, and only this module needs it

    @numba.njit
    def over_days(  # type: ignore[no-untyped-def] # numba infers it  # noqa: ANN202 - compiled
        bars,  # noqa: ANN001 - compiled
        offsets,  # noqa: ANN001 - compiled
        states,  # noqa: ANN001 - compiled
        ranges,  # noqa: ANN001 - compiled
        params,  # noqa: ANN001 - compiled
        rules,  # noqa: ANN001 - compiled
        plan,  # noqa: ANN001 - compiled
        trades,  # noqa: ANN001 - compiled
    ):
        for day in range(len(states)):
            trade = walk(
                bars[offsets[day] : offsets[day + 1]], states[day], ranges[day], params, rules, plan
            )
            trades[day].direction = trade.direction
            trades[day].signal_minute = trade.signal_minute
            trades[day].entry_minute = trade.entry_minute
            trades[day].exit_minute = trade.exit_minute
            trades[day].entry_price = trade.entry_price
            trades[day].exit_price = trade.exit_price
            trades[day].reason = trade.reason
            trades[day].stale = trade.stale
            trades[day].day = day

    return over_days


def trades_of(rows: npt.NDArray[np.void]) -> tuple[Trade, ...]:
    """Return TRADE rows as the values that the interpreted stepper returns."""
    return tuple(Trade(*row) for row in rows.tolist())
