"""The router: which strategies run in a session, in which order, with which numbers.

A strategy that does not run is not imported. Source: SPEC §3 and §6; document 090, phase 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from rigd.config.choices import ShortType
from rigd.core.errors import ConfigError
from rigd.core.values import SelfCheck, Window
from rigd.strategy.definition import Strategy, required_bars
from rigd.strategy.exits import ExitRules, rules_from
from rigd.strategy.pairs import walk_pairs
from rigd.strategy.stepper import StepPlan, walk_days

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import ModuleType

    from rigd.config.schema import Settings
    from rigd.core.values import Bar
    from rigd.strategy.stepper import Trade

MODULES = {
    "open": "rigd.strategy.opening",
    "mid": "rigd.strategy.midday",
    "close": "rigd.strategy.closing",
}
"""The module of each name of STRATEGY_SEQUENCE."""

VWAP_TOUCH = frozenset({"mid"})
"""The strategies whose target is a touch of the session's VWAP (SPEC §3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnableStrategy:
    """A strategy with the numbers of one session.

    Parameters
    ----------
    strategy, params, rules, window
        The definition, its parameters, what ends its trades, and its span of the session.
    shorts
        Whether a short signal may become a trade, of the symbol or of another instrument.
    sells_short
        Whether that trade is a short sale of the symbol itself.
    required_bars
        Analysis bars that a symbol must have to be ranked.
    entry_end
        Entries fill on bars before this minute, else they expire (SPEC §3a.3).
    """

    strategy: Strategy
    params: Any
    rules: ExitRules
    window: Window
    shorts: bool
    sells_short: bool
    required_bars: int
    entry_end: int

    def step_plan(self, *, latency_fraction: float = 0.0, slippage: float = 0.0) -> StepPlan:
        """Return how the stepper runs it.

        Parameters
        ----------
        latency_fraction
            Latency / bar length, 0 to 1.
        slippage
            Fraction of the price of a market fill.

        Returns
        -------
        StepPlan
            The numbers that `stepper` and the compiled kernels take.
        """
        return StepPlan(
            entry_end=self.entry_end,
            exit_minute=self.window.exit_minute,
            required_bars=self.required_bars,
            shorts=self.sells_short,
            latency_fraction=latency_fraction,
            slippage=slippage,
        )


def sequence(settings: Settings) -> tuple[str, ...]:
    """Return the names of the strategies that run, in order.

    Parameters
    ----------
    settings
        STRATEGY_SEQUENCE orders, the toggles switch off, STRATEGY_OVERRIDE runs one alone.

    Returns
    -------
    tuple of str
        Possibly empty; an override runs also when it is not in the sequence or switched off.
    """
    if settings.strategy_override:
        return (settings.strategy_override,)
    return tuple(name for name in settings.strategy_sequence if settings.strategy(name).enabled)


def build(settings: Settings, window: Window) -> RunnableStrategy:
    """Return the strategy of a window with the numbers of its settings.

    Parameters
    ----------
    settings
        The bot's.
    window
        The strategy's span of the session.

    Returns
    -------
    RunnableStrategy
        Ready for any host.

    Raises
    ------
    ConfigError
        If the window's strategy is unknown.
    """
    module = _module(window.strategy)
    view = settings.strategy(window.strategy)
    strategy: Strategy = module.STRATEGY
    fills_before = window.breakout_end if strategy.fills_in_breakout else window.end
    return RunnableStrategy(
        strategy=strategy,
        params=module.params_from(view, window),
        rules=rules_from(view, vwap_touch=window.strategy in VWAP_TOUCH),
        window=window,
        shorts=view.short_type is not ShortType.DISABLED,
        sells_short=view.short_type is ShortType.SHORT_SELL,
        required_bars=required_bars(window.analysis_end - window.start),
        entry_end=min(fills_before, window.exit_minute),
    )


def simulate(
    settings: Settings,
    window: Window,
    days: Iterable[Sequence[Bar]],
    *,
    latency_fraction: float = 0.0,
    slippage: float = 0.0,
) -> tuple[Trade, ...]:
    """Run the strategy of a window over days of one symbol, with the numbers of its settings.

    A short side by inverse ETF is left out here; `simulate_pairs` has it.

    Parameters
    ----------
    settings, window
        As `build` takes them.
    days
        The regular bars of each day, in time order.
    latency_fraction, slippage
        How fills are simulated: latency / bar length, and a fraction of the price.

    Returns
    -------
    tuple of Trade
        At most one a day; `day` counts from 0.
    """
    plan = build(settings, window)
    stepped = plan.step_plan(latency_fraction=latency_fraction, slippage=slippage)
    return walk_days(plan.strategy, days, plan.params, plan.rules, stepped)


def simulate_pairs(
    settings: Settings,
    window: Window,
    days: Iterable[tuple[Sequence[Bar], Sequence[Bar]]],
    *,
    latency_fraction: float = 0.0,
    slippage: float = 0.0,
) -> tuple[tuple[Trade, bool], ...]:
    """Run the strategy of a window over days of one symbol and the inverse ETF bought for it.

    Parameters
    ----------
    settings, window
        As `build` takes them.
    days
        Per day the regular bars of the symbol and of its fund, in time order.
    latency_fraction, slippage
        How fills are simulated: latency / bar length, and a fraction of the price.

    Returns
    -------
    tuple of (Trade, bool)
        At most one a day, and whether it is the fund's; `day` counts from 0.
    """
    plan = build(settings, window)
    stepped = plan.step_plan(latency_fraction=latency_fraction, slippage=slippage)
    return walk_pairs(plan.strategy, days, plan.params, plan.rules, stepped)


def self_check(settings: Settings) -> SelfCheck:
    """Tell whether the router knows what to run.

    Parameters
    ----------
    settings
        The bot's.

    Returns
    -------
    SelfCheck
        Failed when a name is unknown or named twice.
    """
    names = sequence(settings)
    unknown = [name for name in names if name not in MODULES]
    if unknown:
        detail = f"strategies must be out of {', '.join(MODULES)}, was {', '.join(unknown)}"
    elif len(set(names)) < len(names):
        detail = f"STRATEGY_SEQUENCE must name each strategy once, was {', '.join(names)}"
    else:
        detail = ""
    return SelfCheck(
        name="strategy.router",
        passed=not detail,
        detail=detail or " → ".join(names) or "every strategy is switched off",
    )


def self_checks(settings: Settings) -> tuple[SelfCheck, ...]:
    """Return the answers of the router and of each strategy that runs.

    Parameters
    ----------
    settings
        The bot's.

    Returns
    -------
    tuple of SelfCheck
        The router's alone when it fails.
    """
    own = self_check(settings)
    if not own.passed:
        return (own,)
    parts = (_module(name).self_check(settings) for name in sequence(settings))
    return (own, *parts)


def _module(name: str) -> ModuleType:
    if name not in MODULES:
        msg = f"strategy must be one of {', '.join(MODULES)}, was {name!r}"
        raise ConfigError(msg)
    return import_module(MODULES[name])
