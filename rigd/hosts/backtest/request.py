"""What is asked of a backtest, as values that travel through files and notebook parameters."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from rigd.config.choices import BrokerCode
from rigd.config.parse import override
from rigd.core.errors import ConfigError
from rigd.core.values import STRATEGIES, require_symbol
from rigd.market.sample import SAMPLE_DAY

ALL = "all"
"""Every strategy of STRATEGY_SEQUENCE, as the router runs them."""


if TYPE_CHECKING:
    from rigd.config.schema import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestRequest:
    """One backtest to run.

    Parameters
    ----------
    strategy
        ``open``, ``mid``, ``close``, or ``all`` by the router.
    data
        Folder of bar files; blank for the built-in sample.
    start, end
        The span of exchange days, both included.
    symbols
        What may be traded; empty for everything in the folder.
    bar_stamp
        Whether a file's stamps are bar starts or ends: ``start`` or ``end``.
    overrides
        Settings that differ from the bot's, as (key, text).
    cash
        Cash at the first open [currency]; blank for SIM_STARTING_CASH.

    Raises
    ------
    ConfigError
        If a value has another form.
    """

    strategy: str = ALL
    data: str = ""
    start: date = SAMPLE_DAY
    end: date = SAMPLE_DAY
    symbols: tuple[str, ...] = ()
    bar_stamp: str = "start"
    overrides: tuple[tuple[str, str], ...] = ()
    cash: str = ""

    def __post_init__(self) -> None:
        if self.strategy not in {*STRATEGIES, ALL}:
            names = ", ".join((*STRATEGIES, ALL))
            msg = f"a strategy must be one of {names}, was {self.strategy!r}"
            raise ConfigError(msg)
        if self.end < self.start:
            msg = f"a backtest must end on or after its start {self.start}, was {self.end}"
            raise ConfigError(msg)
        for symbol in self.symbols:
            require_symbol(symbol)
        if len(set(self.symbols)) < len(self.symbols):
            msg = f"symbols must be named once each, was {','.join(self.symbols)}"
            raise ConfigError(msg)
        if self.bar_stamp not in {"start", "end"}:
            msg = f"bar stamp must be 'start' or 'end', was {self.bar_stamp!r}"
            raise ConfigError(msg)

    def settings(self, of_bot: Settings) -> Settings:
        """Return the settings that the backtest runs with.

        Parameters
        ----------
        of_bot
            The bot's own.

        Returns
        -------
        Settings
            With the request's changes and its strategy, at the simulated broker.

        Raises
        ------
        ConfigError
            If a key is unknown, with the nearest known one, or a value is wrong.
        """
        changes = {"BROKER_CODE": BrokerCode.SIM.value, **dict(self.overrides)}
        if self.strategy != ALL:
            changes["STRATEGY_OVERRIDE"] = self.strategy
        return override(of_bot, changes, source="--set")

    def to_json(self) -> str:
        """Return the request as JSON with sorted keys."""
        values = asdict(self) | {"start": self.start.isoformat(), "end": self.end.isoformat()}
        return json.dumps(values, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> BacktestRequest:
        """Return the request that `to_json` wrote; anything else raises ConfigError."""
        try:
            values: dict[str, Any] = json.loads(text)
            return cls(
                strategy=str(values["strategy"]),
                data=str(values["data"]),
                start=date.fromisoformat(values["start"]),
                end=date.fromisoformat(values["end"]),
                symbols=tuple(values["symbols"]),
                bar_stamp=str(values["bar_stamp"]),
                overrides=tuple((str(key), str(value)) for key, value in values["overrides"]),
                cash=str(values["cash"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            msg = f"a backtest request must be what rigd wrote, found {error!r}"
            raise ConfigError(msg) from error
