"""Ports: what the layers need from one another, as protocols; `hosts` hands in the real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime
    from decimal import Decimal

    from rigd.core.events import Entry, Record
    from rigd.core.orders import (
        Account,
        BrokerClock,
        BrokerEvent,
        BrokerPosition,
        CancelAck,
        Capabilities,
        Fill,
        OrderRequest,
        OrderSnapshot,
    )
    from rigd.core.readings import Fundamentals, Imbalance, OptionQuote
    from rigd.core.universe import Answer
    from rigd.core.values import MarketSlice, Reading, Reference, SelfCheck


class Clock(Protocol):
    """Something that knows the time, UTC."""

    def now(self) -> datetime:
        """Return the instant, aware, UTC."""
        ...


class ControlClock(Clock, Protocol):
    """Wall and monotonic time for flags, leases and heartbeats."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Block the calling thread."""
        ...

    async def wait(self, seconds: float) -> None:
        """Suspend the calling coroutine."""
        ...


class IdSource(Protocol):
    """Nonces."""

    def nonce(self) -> str:
        """Return an id that was never used before."""
        ...


class Journal(Protocol):
    """The one record: append-only, hash-chained, durable when asked."""

    def append(self, at: datetime, record: Record, *, durable: bool = False) -> Entry:
        """Write one record; with `durable` it and all before it survive a power loss."""
        ...

    def sync(self) -> None:
        """Make everything appended so far survive a power loss; free when nothing is new."""
        ...

    def entries(self) -> Sequence[Entry]:
        """Return every entry so far, oldest first."""
        ...


class Files(Protocol):
    """Whole files: read, and replace atomically; the door through which vault reaches the disk."""

    def read(self, name: str) -> bytes:
        """Return the content of a file, named relative to the folder of this door."""
        ...

    def replace(self, name: str, content: bytes) -> None:
        """Replace or create a file: old or new content, never a mixture, durable on return."""
        ...

    def exists(self, name: str) -> bool:
        """Tell whether the file is there."""
        ...


class Feed(Protocol):
    """Market data of one session, as values."""

    label: str
    """What the data is, for every title: ``daily real, intraday synthetic``."""

    digest: str
    """SHA-256 over the data, hexadecimal."""

    symbols: tuple[str, ...]

    sound: bool
    """Whether every bar was found sound when it was read; else each is looked at when it comes."""

    def slices(self, first_minute: int = 0) -> Iterator[MarketSlice]:
        """Yield the minutes that have bars, from `first_minute` on, in time order."""
        ...

    def reference(self, symbol: str) -> Reference:
        """Return what was known of a symbol before the session."""
        ...

    def spread(self, symbol: str, minute: int) -> float | None:
        """Return (ask - bid) / mid at the end of a minute; None without quotes."""
        ...

    def vix(self, day: date) -> Reading | None:
        """Return the last VIX close dated before `day`; None when there is none."""
        ...


class Connection(Protocol):
    """The connection of a live feed; a file replay has none."""

    def last_heard(self) -> datetime:
        """Return the instant of the last heartbeat, quote or bar, UTC."""
        ...


class Alerts(Protocol):
    """Where alerts go."""

    def raise_alert(self, event: str, text: str, *, critical: bool) -> None:
        """Tell somebody; never raises for a channel that fails."""
        ...


class Broker(Protocol):
    """One broker account. Raises only the BrokerError family."""

    @property
    def name(self) -> str:
        """The broker's code."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    async def connect(self) -> None:
        """Open the connection."""
        ...

    async def close(self) -> None:
        """Close it; nothing is left running."""
        ...

    async def self_check(self) -> SelfCheck:
        """Check credentials, account and clock; never places an order."""
        ...

    async def submit(self, request: OrderRequest) -> OrderSnapshot:
        """Send an order: exactly one attempt on the wire."""
        ...

    async def cancel(self, cl_ord_id: str) -> CancelAck:
        """Ask to cancel an order; the cancellation itself comes as an event."""
        ...

    async def replace(self, cl_ord_id: str, new: OrderRequest) -> OrderSnapshot:
        """Replace a working order by a new one with its own id; returns the new one."""
        ...

    async def find(self, cl_ord_id: str) -> OrderSnapshot | None:
        """Look an order up by our id."""
        ...

    async def open_orders(self) -> list[OrderSnapshot]:
        """Return every working order of the account, also those of others."""
        ...

    async def fills(self, since: datetime) -> list[Fill]:
        """Return every execution at or after `since`, in the broker's order."""
        ...

    async def positions(self) -> list[BrokerPosition]:
        """Return the broker's positions."""
        ...

    async def account(self) -> Account:
        """Return the broker's count of the money."""
        ...

    async def clock(self) -> BrokerClock:
        """Return the broker's time."""
        ...

    def poll(self) -> list[BrokerEvent]:
        """Return and forget the events that arrived since the last call, in order."""
        ...


class Projection(Protocol):
    """Something derived from the journal: books, status, logs, trade files."""

    def advance(self, entry: Entry) -> None:
        """Take in one entry; the same entry twice changes nothing."""
        ...


class UniverseProvider(Protocol):
    """Who lists the symbols of a market and knows their sizes, such as Finnhub or a folder.

    Raises NetworkError or RateLimited where asking again may help, DataError where it may not.
    """

    name: str

    def symbols(self, day: date) -> Sequence[str]:
        """Return every symbol listed on an exchange day."""
        ...

    def details(self, symbols: Sequence[str], day: date) -> Answer:
        """Return what is known on a day of some symbols."""
        ...


class FundamentalsSource(Protocol):
    """Who knows the metrics of companies, such as Finnhub or a file."""

    label: str
    """Who says so; a cache of another source's answers is not used."""

    def fundamentals(self, symbol: str, day: date) -> Fundamentals:
        """Return what is known of a symbol on a day; unknown metrics are None."""
        ...


class ImbalanceSource(Protocol):
    """Who knows the imbalance of the closing auction: IBKR."""

    def imbalance(self, symbol: str, now: datetime) -> Imbalance | None:
        """Return the newest reading of a symbol; None when there is none."""
        ...


class OptionSource(Protocol):
    """Who quotes options and knows the closes behind their volatility."""

    def put(self, symbol: str, spot: Decimal, now: datetime) -> OptionQuote | None:
        """Return the put that a short side by LongPut would buy now; None without a quote."""
        ...

    def closes(self, symbol: str, day: date, count: int) -> Sequence[float]:
        """Return up to `count` daily closes of a symbol dated before `day`, oldest first."""
        ...
