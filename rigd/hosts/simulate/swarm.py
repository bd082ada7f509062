"""What one seed is: its faults and their rates, its broker, its day and its strategies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from rigd.config.schema import Settings
from rigd.hosts.simulate.faults import MENU, Fault, generator

if TYPE_CHECKING:
    import numpy as np

from rigd import __version__


class Profile(StrEnum):
    """How much goes wrong."""

    SWARM = "swarm"
    LITE = "lite"
    CALM = "calm"


SHARE = MappingProxyType({Profile.SWARM: 0.25, Profile.LITE: 0.08, Profile.CALM: 0.0})
"""How likely a seed has a fault at all."""

FOLLOWERS = frozenset({
    Fault.POWER_LOSS,
    Fault.CRASH_AT_START,
    Fault.USER_TWICE,
    Fault.USER_CONTRADICTS,
    Fault.USER_RESETS,
})
"""Faults that need another one to happen first; a seed has them more often."""

DAYS = (
    date(2024, 3, 8),
    date(2024, 3, 11),
    date(2024, 7, 3),
    date(2024, 11, 1),
    date(2024, 11, 4),
    date(2024, 11, 29),
    date(2024, 12, 24),
    date(2025, 1, 8),
    date(2025, 3, 7),
    date(2025, 3, 10),
    date(2026, 3, 6),
    date(2026, 3, 9),
    date(2026, 7, 2),
    date(2026, 10, 30),
    date(2026, 11, 2),
    date(2026, 11, 25),
    date(2026, 11, 27),
)
"""Days around the changes of the clocks, half days, eves of holidays and plain days."""

SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Personality:
    """What a broker does by rule.

    Parameters
    ----------
    idempotent
        Whether an id that is known already takes no second order.
    authoritative
        Whether an order that a look-up does not find never arrived, for certain.
    replaces, stops
        Whether it replaces orders, and takes stop orders.
    guards_positions
        Whether it refuses an order that would sell what is not held.
    commission
        Fraction of the notional.
    cash
        The account's cash [currency].
    """

    idempotent: bool = True
    authoritative: bool = True
    replaces: bool = True
    stops: bool = True
    guards_positions: bool = True
    commission: Decimal = Decimal(0)
    cash: Decimal = Decimal(100_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One seed.

    Parameters
    ----------
    seed
        Which one.
    profile
        How much goes wrong.
    day
        The exchange day.
    minutes
        How many minutes of it have bars.
    quiet_from
        The minute from which nothing goes wrong any more: the liveness phase.
    symbols
        What is traded.
    volatility
        Standard deviation of a minute's return.
    rates
        The faults with their rates.
    personality
        The broker.
    settings
        The bot's settings.
    crashes
        How many times the process may die.
    """

    seed: int
    profile: Profile
    day: date
    minutes: int
    quiet_from: int
    symbols: tuple[str, ...]
    volatility: float
    rates: Mapping[Fault, float]
    personality: Personality
    settings: Settings
    crashes: int


LIVENESS_MINUTES = 45
"""How long nothing goes wrong at the end of a day: long enough to converge, and to be flat."""


def draw(seed: int, profile: Profile = Profile.SWARM, minutes: int = 400) -> Options:
    """Return what a seed is.

    Parameters
    ----------
    seed
        Any integer from 0.
    profile
        How much goes wrong.
    minutes
        The longest day; the exchange's own length is the limit too.

    Returns
    -------
    Options
        The same for the same arguments in every process.
    """
    numbers = generator(seed, "swarm")
    day = DAYS[int(numbers.integers(len(DAYS)))]
    calm = profile is Profile.CALM
    return Options(
        seed=seed,
        profile=profile,
        day=day,
        minutes=minutes,
        quiet_from=0 if calm else -LIVENESS_MINUTES,
        symbols=SYMBOLS[: int(numbers.integers(2, len(SYMBOLS) + 1))],
        volatility=float(numbers.uniform(0.0004, 0.004)),
        rates=_rates(numbers, profile),
        personality=Personality() if calm else _personality(numbers),
        settings=_settings(numbers),
        crashes=0 if calm else int(numbers.integers(1, 12)),
    )


def _rates(numbers: np.random.Generator, profile: Profile) -> dict[Fault, float]:
    share = SHARE[profile]
    chances = numbers.random(len(MENU))
    factors = numbers.uniform(0.2, 2.0, len(MENU))
    return {
        fault: min(1.0, spec.rate * float(factor))
        for (fault, spec), chance, factor in zip(MENU.items(), chances, factors, strict=True)
        if chance < share * (3.0 if fault in FOLLOWERS else 1.0)
    }


def _personality(numbers: np.random.Generator) -> Personality:
    coins = numbers.random(6)
    return Personality(
        idempotent=bool(coins[0] < 0.5),
        authoritative=bool(coins[1] < 0.5),
        replaces=bool(coins[2] < 0.8),
        stops=bool(coins[3] < 0.85),
        guards_positions=bool(coins[4] < 0.5),
        commission=Decimal("0.0005") if coins[5] < 0.5 else Decimal(0),
    )


def _settings(numbers: np.random.Generator) -> Settings:
    trades = int(numbers.integers(1, 4))
    weights = {1: "1", 2: "0.6,0.4", 3: "0.5,0.3,0.2"}[trades]
    loss = ("0.0005", "0.002", "0.02", "1")[int(numbers.integers(4))]
    values: dict[str, object] = {
        "version_tag": __version__,
        "broker_code": "SIM",
        "max_order_notional": Decimal(1_000_000),
        "max_order_quantity": Decimal(100_000),
        "max_trades": str(trades),
        "weights": weights,
        "max_open_positions": str(int(numbers.integers(1, 5))),
        "max_risk_per_trade": "1",
        "total_allocation": "0.5",
        "daily_loss_limit": loss,
        "strat_open_buffer": "0.0003",
        "strat_mid_vwap_threshold": "0.0005",
        "strat_close_threshold": "0.0005",
        "slippage_simulation_type": "none",
        "simulated_latency_ms": "0",
        "adx_filter_enabled": "false",
    }
    return Settings.model_validate(values)
