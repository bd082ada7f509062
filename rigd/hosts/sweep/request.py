"""What is asked of a sweep: strategy, bars, grid, and who shares an account."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from rigd.core.errors import ConfigError
from rigd.hosts.sweep.grid import Axis, require_axes
from rigd.hosts.sweep.portfolio import PORTFOLIO_KEYS

if TYPE_CHECKING:
    from rigd.core.ports import ControlClock


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest:
    """What is asked for.

    Parameters
    ----------
    strategy
        open, mid or close.
    data
        Folder of bar files; blank for the built-in sample.
    start, end
        The span of exchange days, both included.
    axes
        The grid.
    symbols
        Empty for every symbol of the folder.
    changes
        Settings for this sweep, as KEY, VALUE.
    entries_a_day
        Of one symbol: 1 as in a session, more for re-entry, 0 for no limit.
    bar_stamp
        Whether stamps are the starts or the ends of bars.
    portfolio
        Whether all symbols share one account, with the ranked pool and every cap in trade order;
        otherwise each trades on its own.
    """

    strategy: str
    data: str
    start: date
    end: date
    axes: tuple[Axis, ...]
    symbols: tuple[str, ...] = ()
    changes: tuple[tuple[str, str], ...] = ()
    entries_a_day: int = 1
    bar_stamp: str = "start"
    portfolio: bool = False

    def __post_init__(self) -> None:
        require_axes(self.strategy, self.axes, PORTFOLIO_KEYS if self.portfolio else ())
        if self.end < self.start:
            msg = f"a sweep must not end before it starts, was {self.start} to {self.end}"
            raise ConfigError(msg)
        if self.entries_a_day < 0:
            msg = f"entries a day must not be negative, was {self.entries_a_day}"
            raise ConfigError(msg, fix="0 has no limit")
        if self.portfolio and self.entries_a_day != 1:
            msg = f"a portfolio enters as a session does, once; was {self.entries_a_day} a day"
            raise ConfigError(msg, fix="leave the entries, or let each symbol trade on its own")

    def fields(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {**asdict(self), "start": str(self.start), "end": str(self.end)}

    @property
    def how(self) -> str:
        """What decides the parts beside settings, code and data."""
        asked = json.dumps(self.fields()["axes"], sort_keys=True)
        account = " portfolio" if self.portfolio else ""
        return f"{self.strategy} {self.entries_a_day} {asked}{account}"

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> SweepRequest:
        """Return the request that `fields` gave."""
        return cls(**{
            **fields,
            "start": date.fromisoformat(fields["start"]),
            "end": date.fromisoformat(fields["end"]),
            "axes": tuple(Axis(axis["key"], tuple(axis["levels"])) for axis in fields["axes"]),
            "symbols": tuple(fields["symbols"]),
            "changes": tuple((key, value) for key, value in fields["changes"]),
        })


def new_name(clock: ControlClock, request: SweepRequest) -> str:
    """Return the name of a new sweep: strategy, instant, and a few digits of what is asked for."""
    asked = hashlib.sha256(json.dumps(request.fields(), sort_keys=True).encode()).hexdigest()
    return f"{request.strategy}_{clock.now():%Y%m%dT%H%M%S%f}_{asked[:6]}"
