"""A provider of the universe in memory."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from rigd.core.draws import Draws
from rigd.core.errors import NetworkError
from rigd.core.universe import Answer, Details
from rigd.net.calls import Calls
from rigd.net.rate import RateLimit
from rigd.net.retry import Backoff
from rigd.screener.asking import Source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.fakes.clock import FakeClock

DAY = date(2014, 3, 28)


def listing(price: str = "50", volume: float | None = 1e6, **more: float) -> Details:
    """Return details with a price and a volume that pass the default thresholds."""
    return Details(price=Decimal(price), average_volume=volume, **more)


def whole(price: str = "50", volume: float = 1e6, **changes: float) -> Details:
    """Return details in which nothing is missing and every default threshold is met."""
    known = {"market_cap": 5e9, "float_shares": 1e8, "pe_ratio": 20.0, "debt_equity": 1.0}
    return listing(price, volume, **(known | changes))


class FakeProvider:
    """Implements ``core.ports.UniverseProvider``; remembers what it answered.

    `errors` are raised one after another before it answers; details of symbols from `down_from` on
    it never gives, but for a NetworkError.
    """

    def __init__(
        self,
        name: str,
        known: Mapping[str, Details],
        *,
        refused: Mapping[str, str] | None = None,
        dated: date = DAY,
        errors: Sequence[Exception] = (),
        down_from: str = "",
    ) -> None:
        self.name = name
        self.known = dict(known)
        self.refused = dict(refused or {})
        self.dated = dated
        self.errors = list(errors)
        self.down_from = down_from
        self.listed = 0
        self.asked: list[tuple[str, ...]] = []

    def symbols(self, _day: date) -> list[str]:
        self._fail()
        self.listed += 1
        return [*self.known, *self.refused]

    def details(self, symbols: Sequence[str], _day: date) -> Answer:
        self._fail()
        if self.down_from and max(symbols) >= self.down_from:
            msg = "down"
            raise NetworkError(msg)
        self.asked.append(tuple(symbols))
        return Answer(
            details={name: self.known[name] for name in symbols if name in self.known},
            refused={name: self.refused[name] for name in symbols if name in self.refused},
            dated=self.dated,
        )

    def _fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)


def source(provider: FakeProvider, clock: FakeClock, *, retries: int = 2) -> Source:
    """Return a provider behind its door, without a rate limit."""
    return Source(
        provider,
        Calls(
            provider.name,
            clock=clock,
            backoff=Backoff(limit=retries),
            rate=RateLimit((), clock),
            draws=Draws(7),
        ),
    )
