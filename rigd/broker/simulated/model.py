"""How the simulated broker behaves: latency, slippage, commission, and how often it misbehaves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from rigd.core.errors import ConfigError

if TYPE_CHECKING:
    from rigd.config.schema import Settings
    from rigd.core.draws import Draws

BAR_LENGTH_MS = 60_000
"""One minute; a latency lies within one bar (SPEC §3a.4)."""

MAX_SLIPPAGE_FRACTION = 0.5
"""A drawn slippage is cut at this size, so that no price becomes zero or negative."""


class SlippageKind(StrEnum):
    """`SLIPPAGE_SIMULATION_TYPE` (document 090)."""

    NONE = "none"
    RULE_BASED = "rule_based"
    RANDOMIZED = "randomized"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimModel:
    """The parameters of a simulated broker.

    Parameters
    ----------
    latency_ms
        From the open of the bar to the fill, 0 to 60000 [ms].
    slippage
        ``none``: no slippage. ``rule_based``: always `slippage_mean`, against us. ``randomized``:
        a normal draw per fill around `slippage_mean`, with its sign: a negative draw moves the
        price in our favour.
    slippage_mean, slippage_stddev
        Fractions of the price.
    commission_fraction
        Fraction of the notional, per fill.
    partial_fill_rate
        Share of market entries that fill in two parts, at two opens; 0 to 1.
    reject_rate
        Share of orders that are refused for no reason of ours; 0 to 1.
    lost_reply_rate
        Share of orders whose answer never arrives, whether accepted or refused; 0 to 1.
    refused_cancel_rate
        Share of cancels that are refused while the order lives on; 0 to 1.
    starting_cash
        Cash of a new account [currency].
    native_trailing
        Whether the broker has trailing stops of its own.

    Raises
    ------
    ConfigError
        If a number lies outside its range.
    """

    latency_ms: int = 0
    slippage: SlippageKind = SlippageKind.NONE
    slippage_mean: float = 0.0
    slippage_stddev: float = 0.0
    commission_fraction: Decimal = Decimal(0)
    partial_fill_rate: float = 0.0
    reject_rate: float = 0.0
    lost_reply_rate: float = 0.0
    refused_cancel_rate: float = 0.0
    starting_cash: Decimal = Decimal(100_000)
    native_trailing: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.latency_ms <= BAR_LENGTH_MS:
            msg = f"latency must be 0 to {BAR_LENGTH_MS} ms, was {self.latency_ms}"
            raise ConfigError(msg)
        for name in ("slippage_mean", "slippage_stddev"):
            value = getattr(self, name)
            if not (math.isfinite(value) and 0.0 <= value < MAX_SLIPPAGE_FRACTION):
                msg = f"{name} must be 0 to {MAX_SLIPPAGE_FRACTION} (exclusive), was {value}"
                raise ConfigError(msg)
        for name in ("partial_fill_rate", "reject_rate", "lost_reply_rate", "refused_cancel_rate"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                msg = f"{name} must be 0 to 1, was {value}"
                raise ConfigError(msg)
        if not (self.commission_fraction.is_finite() and 0 <= self.commission_fraction < 1):
            msg = f"commission must be a fraction of 0 to 1, was {self.commission_fraction}"
            raise ConfigError(msg)
        if not (self.starting_cash.is_finite() and self.starting_cash >= 0):
            msg = f"starting cash must not be negative, was {self.starting_cash}"
            raise ConfigError(msg)

    @classmethod
    def from_settings(cls, settings: Settings) -> SimModel:
        """Return the model that a bot's settings describe.

        Parameters
        ----------
        settings
            The ``SIM_*``, ``SLIPPAGE_*`` and ``SIMULATED_LATENCY_MS`` keys are read.

        Returns
        -------
        SimModel
            The model; cancels are never refused.
        """
        return cls(
            latency_ms=settings.simulated_latency_ms,
            slippage=SlippageKind(str(settings.slippage_simulation_type)),
            slippage_mean=settings.slippage_mean_pct or 0.0,
            slippage_stddev=settings.slippage_stddev_pct or 0.0,
            commission_fraction=settings.sim_commission_pct,
            partial_fill_rate=settings.sim_partial_fill_rate,
            reject_rate=settings.sim_reject_rate,
            lost_reply_rate=settings.sim_lost_reply_rate,
            starting_cash=settings.sim_starting_cash,
            native_trailing=settings.sim_native_trailing,
        )

    @property
    def latency_fraction(self) -> float:
        """Where on the line from a bar's open to its close a market order fills, 0 to 1."""
        return self.latency_ms / BAR_LENGTH_MS

    def slippage_of(self, draws: Draws, cl_ord_id: str, part: int = 0) -> float:
        """Return the slippage of one market fill as a fraction of the price.

        Parameters
        ----------
        draws
            The account's random numbers.
        cl_ord_id
            The order that fills; its id is the key of the draw.
        part
            Which fill of the order, from 0.

        Returns
        -------
        float
            Positive when it moves the price against us.
        """
        if self.slippage is SlippageKind.NONE:
            return 0.0
        if self.slippage is SlippageKind.RULE_BASED:
            return self.slippage_mean
        key = ("slippage", cl_ord_id) if part == 0 else ("slippage", cl_ord_id, part)
        drawn = self.slippage_mean + self.slippage_stddev * draws.normal(*key)
        return max(-MAX_SLIPPAGE_FRACTION, min(MAX_SLIPPAGE_FRACTION, drawn))
