"""What is asked of the optimiser, as a value that travels through notebook parameters."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from rigd.config.choices import OptimizerAlgorithm
from rigd.core.errors import ConfigError
from rigd.core.values import STRATEGIES, require_symbol
from rigd.hosts.optimize.objectives import figures

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRequest:
    """One study.

    Parameters
    ----------
    strategy
        ``open``, ``mid`` or ``close``.
    method
        How to search; blank for OPTIMIZER_ALGORITHM.
    trials
        How many; 0 for a whole grid, and for 100 of the other methods.
    objectives
        What to look for, the most important first.
    seed
        Of every draw.
    lookback_days
        How many sessions with bars, ending with `end`; 0 for OPTIMIZER_BACKTEST_LOOKBACK_DAYS.
    data
        Folder of bar files; blank for the built-in sample.
    end
        The last exchange day; None for the newest with bars (of the sample: its own day).
    symbols
        What to trade; empty for all.
    bar_stamp
        Whether a file's stamps are bar starts or ends: ``start`` or ``end``.
    levels
        Other levels of searched keys, as (key, comma-separated values).
    overrides
        Settings that differ from the bot's for this study, as (key, text).

    Raises
    ------
    ConfigError
        If a value has another form.
    """

    strategy: str = "open"
    method: str = ""
    trials: int = 0
    objectives: tuple[str, ...] = ("sharpe",)
    seed: int = 1
    lookback_days: int = 0
    data: str = ""
    end: date | None = None
    symbols: tuple[str, ...] = ()
    bar_stamp: str = "start"
    levels: Pairs = ()
    overrides: Pairs = ()

    def __post_init__(self) -> None:
        _require("strategy", self.strategy, STRATEGIES)
        _require("method", self.method, ("", *OptimizerAlgorithm))
        _require("bar stamp", self.bar_stamp, ("start", "end"))
        figures(self.objectives)
        for symbol in self.symbols:
            require_symbol(symbol)
        if min(self.trials, self.seed, self.lookback_days) < 0:
            msg = (
                "trials, seed and lookback must not be negative, were "
                f"{self.trials}, {self.seed} and {self.lookback_days}"
            )
            raise ConfigError(msg)

    def to_json(self) -> str:
        """Return the request as JSON with sorted keys."""
        return json.dumps(self.fields(), sort_keys=True)

    def fields(self) -> dict[str, Any]:
        """Return the request as plain values."""
        values = asdict(self)
        values["end"] = self.end.isoformat() if self.end else ""
        return values

    @classmethod
    def from_json(cls, text: str) -> StudyRequest:
        """Return the request that `to_json` wrote; anything else raises ConfigError."""
        try:
            values: dict[str, Any] = json.loads(text)
            return cls(
                strategy=str(values["strategy"]),
                method=str(values["method"]),
                trials=int(values["trials"]),
                objectives=tuple(values["objectives"]),
                seed=int(values["seed"]),
                lookback_days=int(values["lookback_days"]),
                data=str(values["data"]),
                end=date.fromisoformat(values["end"]) if values["end"] else None,
                symbols=tuple(values["symbols"]),
                bar_stamp=str(values["bar_stamp"]),
                levels=tuple((str(key), str(value)) for key, value in values["levels"]),
                overrides=tuple((str(key), str(value)) for key, value in values["overrides"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            msg = f"a study request must be what rigd wrote, found {error!r}"
            raise ConfigError(msg) from error


def names_of(text: str) -> tuple[str, ...]:
    """Return the names of a list with commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def day_of(text: str) -> date | None:
    """Return the day of a text; None for a blank one, ConfigError for another form."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        msg = f"a day must be YYYY-MM-DD, was {text!r}"
        raise ConfigError(msg) from error


def _require(what: str, found: str, known: tuple[str, ...]) -> None:
    if found not in known:
        msg = f"{what} must be one of {', '.join(filter(None, known))}, was {found!r}"
        raise ConfigError(msg)
