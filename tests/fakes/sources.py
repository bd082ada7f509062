"""Fakes of what the filters ask: they answer what they were given and count the questions."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from rigd.core.readings import Fundamentals, Imbalance, OptionQuote, OptionRight

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date


def sound(symbol: str, day: date, **overrides: object) -> Fundamentals:
    """Metrics that pass every default threshold, also in defense mode."""
    values = {"pe_ratio": 15.0, "debt_equity": 0.5, "market_cap_musd": 50_000.0}
    values |= {"dated": day, "source": "fake"}
    return Fundamentals(symbol=symbol, **(values | overrides))


class FakeFundamentals:
    """Answers sound metrics with some changed, or raises what it is told to."""

    label = "fake"

    def __init__(self, error: BaseException | None = None, **overrides: object) -> None:
        self.overrides = overrides
        self.error = error
        self.asked: list[tuple[str, date]] = []

    def fundamentals(self, symbol: str, day: date) -> Fundamentals:
        """Return the metrics of a symbol."""
        self.asked.append((symbol, day))
        if self.error is not None:
            raise self.error
        return sound(symbol, day, **self.overrides)


class FakeImbalance:
    """Answers one imbalance for every symbol, read at the instant that asks."""

    def __init__(self, imbalance: float | None = 0.0, paired: float = 1000.0) -> None:
        self.value = imbalance
        self.paired = paired
        self.asked: list[datetime] = []

    def imbalance(self, symbol: str, now: datetime) -> Imbalance | None:
        """Return the reading of a symbol."""
        self.asked.append(now)
        if self.value is None:
            return None
        return Imbalance(symbol=symbol, imbalance=self.value, paired=self.paired, at=now)


def put(**overrides: object) -> OptionQuote:
    """A put on SPY: strike 100, half a year (182.5 days) after 2013-10-07 13:54, quoted then."""
    values: dict[str, object] = {
        "symbol": "SPY",
        "right": OptionRight.PUT,
        "strike": Decimal(100),
        "expires_at": datetime(2014, 4, 8, 1, 54, tzinfo=UTC),
        "bid": Decimal("4.40"),
        "ask": Decimal("4.44"),
        "at": datetime(2013, 10, 7, 13, 54, tzinfo=UTC),
    }
    return OptionQuote(**(values | overrides))


class FakeOptions:
    """Answers one quote and one list of closes for every symbol."""

    def __init__(self, quote: OptionQuote | None = None, closes: Sequence[float] = ()) -> None:
        self.quote = quote
        self.history = tuple(closes)
        self.asked = 0

    def put(self, symbol: str, spot: Decimal, now: datetime) -> OptionQuote | None:
        """Return the quote, whatever is asked."""
        del symbol, spot, now
        self.asked += 1
        return self.quote

    def closes(self, symbol: str, day: date, count: int) -> Sequence[float]:
        """Return the last of the closes."""
        del symbol, day
        return self.history[-count:]
