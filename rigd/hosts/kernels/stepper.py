"""The naive stepper, compiled: the same functions of `strategy` and `market.fills`, through numba.

Each function is copied with its helpers replaced by their compiled copies, and nothing is written
anew; so the interpreted and the compiled run give the same trades to the last bit.
"""

from __future__ import annotations

from functools import cache
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from rigd.strategy.exits import ExitRules
from rigd.strategy.pairs import make_hold, make_search
from rigd.strategy.stepper import StepPlan, Trade, make_walk
from rigd.strategy.trailing import RangeState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from dataclasses import Field

    import numpy.typing as npt

    from rigd.core.values import Bar
    from rigd.strategy.definition import Strategy

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


def note(row: Any, trade: Trade, day: int) -> None:  # noqa: ANN401 - a record of TRADE
    """Write a trade of one day into its row.

    Parameters
    ----------
    row
        A record of TRADE; every field is written.
    trade, day
        The trade, and the number of its day.
    """
    row.direction = trade.direction
    row.signal_minute = trade.signal_minute
    row.entry_minute = trade.entry_minute
    row.exit_minute = trade.exit_minute
    row.entry_price = trade.entry_price
    row.exit_price = trade.exit_price
    row.reason = trade.reason
    row.stale = trade.stale
    row.day = day


@cache
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
    walk = make_walk(
        compiled(strategy.entry), compiled(strategy.analysis_bars), compiled(strategy.vwap)
    )
    return over_days(compiled(walk), strategy)


def over_days(walk: Any, strategy: Strategy) -> CompiledStepper:  # noqa: ANN401 - a numba dispatcher
    """Return what lets a compiled walk trade each day of a symbol on its own.

    Parameters
    ----------
    walk
        ``(bars, state, ranges, params, rules, plan) -> Trade`` over one day.
    strategy
        Whose state it has.

    Returns
    -------
    callable
        As `compile_stepper` returns it.
    """
    states, ranges = np.zeros(2, record_type(strategy.state)), np.zeros(2, record_type(RangeState))
    known: dict[type, Any] = {}

    def step(
        bars: npt.NDArray[np.void],
        offsets: npt.NDArray[np.int64],
        params: Any,  # noqa: ANN401 - the parameters of any strategy
        rules: ExitRules,
        plan: StepPlan,
    ) -> npt.NDArray[np.void]:
        kind = type(params)
        if kind not in known:
            known[kind] = compiled(make_walk_all(walk, kind))
        numbers = (tuple(params), tuple(rules), tuple(plan))
        trades: npt.NDArray[np.void] = known[kind](bars, offsets, states, ranges, numbers)
        return trades

    return step


def make_walk_all(walk: Any, kind: type) -> Any:  # noqa: ANN401 - plain or compiled
    """Return what walks every day of a symbol.

    Parameters
    ----------
    walk
        As `over_days` takes it.
    kind
        The named tuple of the strategy's parameters.

    Returns
    -------
    callable
        ``(bars, offsets, states, ranges, numbers) -> TRADE[n]``. Of the two states and ranges the
        first stay blank, the second are those of the day that is walked. `numbers` are parameters,
        rules and plan as plain tuples: named ones cost a call as much as some days of bars.
    """

    def walk_all(
        bars: npt.NDArray[np.void],
        offsets: npt.NDArray[np.int64],
        states: npt.NDArray[np.void],
        ranges: npt.NDArray[np.void],
        numbers: tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]],
    ) -> npt.NDArray[np.void]:
        params = kind(*numbers[0])
        rules = ExitRules(*numbers[1])
        plan = StepPlan(*numbers[2])
        trades = np.empty(len(offsets) - 1, TRADE)
        found = 0
        for day in range(len(offsets) - 1):
            states[1] = states[0]
            ranges[1] = ranges[0]
            own = bars[offsets[day] : offsets[day + 1]]
            trade = walk(own, states[1], ranges[1], params, rules, plan)
            if trade.direction != 0:
                note(trades[found], trade, day)
                found += 1
        return trades[:found]

    return walk_all


@cache
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
    over_pairs = compiled(_make_over_pairs(search, hold))
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
        over_pairs(*series, states, ranges, params, rules, plan, trades, of_fund)
        traded = trades["direction"] != 0
        return trades[traded], of_fund[traded]

    return step


def _make_over_pairs(search: Any, hold: Any) -> Any:  # noqa: ANN401 - numba dispatchers
    def over_pairs(
        bars: npt.NDArray[np.void],
        offsets: npt.NDArray[np.int64],
        fund: npt.NDArray[np.void],
        fund_offsets: npt.NDArray[np.int64],
        states: npt.NDArray[np.void],
        ranges: npt.NDArray[np.void],
        params: Any,  # noqa: ANN401 - the parameters of any strategy
        rules: ExitRules,
        plan: StepPlan,
        trades: npt.NDArray[np.void],
        of_fund: npt.NDArray[np.bool_],
    ) -> None:
        for day in range(len(ranges)):
            own = bars[offsets[day] : offsets[day + 1]]
            other = fund[fund_offsets[day] : fund_offsets[day + 1]]
            direction, minute = search(own, other, states[0, day], params, plan)
            if direction == 0:
                continue
            bought = own if direction > 0 else other
            trade = hold(bought, minute, states[1, day], ranges[day], params, rules, plan)
            of_fund[day] = direction < 0
            note(trades[day], trade, day)

    return over_pairs


def trades_of(rows: npt.NDArray[np.void]) -> tuple[Trade, ...]:
    """Return TRADE rows as the values that the interpreted stepper returns."""
    return tuple(Trade(*row) for row in rows.tolist())
