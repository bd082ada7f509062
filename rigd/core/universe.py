"""Values of the universe: what is known of a symbol, and the symbols that a session may trade.

Source: SPEC §3 (universe): raw → blocklist → enriched → filtered → published.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from rigd.core.clock import require_utc
from rigd.core.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What a provider knows of a symbol; None where it does not.

    Parameters
    ----------
    price
        Last regular close [USD/share].
    average_volume
        Mean volume of a session [shares].
    market_cap
        [USD].
    float_shares
        Shares that can be traded freely.
    pe_ratio
        Price/earnings, normalised, of a year; negative with a loss.
    debt_equity
        Total debt / total equity of a year.

    Raises
    ------
    DataError
        If a price is not positive, a size negative or a number not finite.
    """

    price: Decimal | None = None
    average_volume: float | None = None
    market_cap: float | None = None
    float_shares: float | None = None
    pe_ratio: float | None = None
    debt_equity: float | None = None

    def __post_init__(self) -> None:
        if self.price is not None and not (self.price.is_finite() and self.price > 0):
            msg = f"price must be positive, was {self.price}"
            raise DataError(msg)
        for name in ("average_volume", "market_cap", "float_shares"):
            size = getattr(self, name)
            if size is not None and not (math.isfinite(size) and size >= 0):
                msg = f"{name} must be finite and not negative, was {size}"
                raise DataError(msg)
        for name in ("pe_ratio", "debt_equity"):
            ratio = getattr(self, name)
            if ratio is not None and not math.isfinite(ratio):
                msg = f"{name} must be finite, was {ratio}"
                raise DataError(msg)

    def or_else(self, other: Details) -> Details:
        """Return these details, with what is unknown taken from another's."""
        mine = {name: getattr(self, name) for name in DETAIL_NAMES}
        return Details(**{
            name: getattr(other, name) if value is None else value for name, value in mine.items()
        })


DETAIL_NAMES = tuple(field.name for field in fields(Details))
"""The names of what can be known of a symbol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a provider answers for a batch of symbols.

    Parameters
    ----------
    details
        Per symbol what it knows; a symbol that is missing may be known tomorrow or elsewhere.
    refused
        Per symbol why it can never be used, such as a ticker of two companies: a code. These go
        to the blocklist.
    dated
        The newest exchange day of the data.
    """

    details: Mapping[str, Details]
    refused: Mapping[str, str]
    dated: date


class Member(NamedTuple):
    """A symbol of the universe: its details, who gave them, and what was missing."""

    details: Details
    provider: str
    warned: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Universe:
    """The symbols that passed every rule, and why each of the others did not.

    Parameters
    ----------
    version
        SHA-256 over its published form, hexadecimal.
    stamp
        Name of its archived version.
    origin
        Stamp of the build that fetched its data; another one where it was filtered again.
    built_at
        When its build or new filtering began, UTC.
    day, dated
        The exchange day it was asked for, and the oldest of its data.
    criteria
        The thresholds, as texts by name.
    members
        Per symbol, in alphabetical order, what is known of it.
    rejected
        Per symbol the code of the rule that it broke.
    """

    version: str
    stamp: str
    origin: str
    built_at: datetime
    day: date
    dated: date
    criteria: Mapping[str, str]
    members: Mapping[str, Member]
    rejected: Mapping[str, str]

    def __post_init__(self) -> None:
        require_utc(self.built_at)

    @property
    def providers(self) -> tuple[str, ...]:
        """Who gave the details of its members."""
        return tuple(sorted({member.provider for member in self.members.values()}))

    @property
    def warned(self) -> dict[str, int]:
        """How many members lack each number that a rule asks for."""
        counts: dict[str, int] = {}
        for member in self.members.values():
            for reason in member.warned:
                counts[reason] = counts.get(reason, 0) + 1
        return dict(sorted(counts.items()))
