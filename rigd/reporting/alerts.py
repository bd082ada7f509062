"""What an alert says, where it goes, and what happens while nobody acknowledges it (090, 015).

Pure functions: sending and keeping are the host's. Source: INVENTORY A5 to A11, FAULTS X10.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from rigd.config.choices import AlertChannel
from rigd.core.clock import iso
from rigd.core.events import AlertRaised, OrderIntent, SessionClosed, TradeClosed
from rigd.core.money import plain
from rigd.core.orders import Purpose
from rigd.reporting.summary import return_on_spent, spent
from rigd.reporting.tables import cents, signed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rigd.config.schema import Settings
    from rigd.core.events import Entry

NEXT_CHANNEL_S: Final = 60.0
STOP_S: Final = 300.0
"""How long a critical alert may stay unacknowledged before entries stop, and the session [s]."""

NONE: Final = "none"
"""The channel of a route that mutes what is not critical."""
ANY: Final = "*"
FILLS: Final = ("entry filled", "exit filled")
"""What NOTIFY_ON_FILL and NOTIFY_ON_EXIT ask for; it is raised only after the fill is certain."""
SUMMARY: Final = "session summary"
"""What a session that has ended tells the routine channel, once."""

_NUMBER = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}_[0-9]{1,6}-[0-9]{1,12}")


class Silence(IntEnum):
    """What follows from alerts that nobody acknowledges."""

    HEARD = 0
    NO_ENTRIES = 1
    STOP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert as the channels get it.

    Parameters
    ----------
    number
        ``SESSION-SEQ`` of its record in the journal; what it is acknowledged by.
    timestamp
        When it was raised, market time, ISO 8601 UTC.
    bot, profile
        Who raised it.
    critical, event
        How urgent, and what happened.
    strategy, ticker, size, pnl
        What it is about [shares, currency]; blank where it is about no trade.
    cause
        The root cause or trigger, one sentence.
    """

    number: str
    timestamp: str
    bot: str
    profile: str
    critical: bool
    event: str
    cause: str
    strategy: str = ""
    ticker: str = ""
    size: str = ""
    pnl: str = ""

    @property
    def dedup(self) -> str:
        """What makes two sendings of one alert one incident."""
        return hashlib.sha256(f"{self.bot}\n{self.number}".encode()).hexdigest()[:32]

    @property
    def title(self) -> str:
        """One line: bot, urgency, event."""
        urgency = "CRITICAL" if self.critical else "notice"
        return f"[{self.bot} {self.profile}] {urgency}: {self.event}"

    def fields(self) -> dict[str, str]:
        """Return the payload by field, in order (INVENTORY A7)."""
        return {
            "timestamp": self.timestamp,
            "strategy": self.strategy,
            "ticker": self.ticker,
            "trade_size": self.size,
            "PnL": self.pnl,
            "cause": self.cause,
            "event": self.event,
            "critical": str(self.critical).lower(),
            "bot": self.bot,
            "profile": self.profile,
            "alert": self.number,
        }

    def text(self) -> str:
        """Return the payload as lines of text."""
        lines = [f"{name}: {value or '-'}" for name, value in self.fields().items()]
        if self.critical:
            lines.append(
                "acknowledge it in the panel; entries stop after 60 s, the session after 5 min"
            )
        return "\n".join(lines)

    def as_json(self) -> dict[str, str | bool]:
        """Return everything, to keep it."""
        return asdict(self)


def is_number(text: str) -> bool:
    """Tell whether a text can be an alert's number."""
    return _NUMBER.fullmatch(text) is not None


def routes_of(text: str) -> tuple[tuple[str, str, str], ...]:
    """Return the routes in ``EVENT/STRATEGY=CHANNEL, …``, first match first.

    Parameters
    ----------
    text
        As ROUTES of ``alerts.json`` has it; ``*`` stands for any, blanks of events are ``_``.

    Returns
    -------
    tuple of (str, str, str)
        Event, strategy and channel.
    """
    found = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        what, _, channel = part.partition("=")
        event, _, strategy = what.partition("/")
        found.append((event.strip().replace("_", " "), strategy.strip(), channel.strip()))
    return tuple(found)


def channel_of(
    alert: Alert, settings: Settings, routes: Sequence[tuple[str, str, str]] = ()
) -> AlertChannel | None:
    """Return where an alert goes first; None when it goes to the logs alone.

    Parameters
    ----------
    alert
        The alert.
    settings
        The channels in force and what is notified. What is critical is always sent where a channel
        is named; a failure that is not needs NOTIFY_ON_FAILURE.
    routes
        By event and strategy; the first that fits decides. None mutes what is critical.

    Returns
    -------
    AlertChannel or None
        The channel.
    """
    usual = settings.critical_alert_channel if alert.critical else settings.routine_alert_channel
    is_failure = alert.event not in {*FILLS, SUMMARY}
    if not alert.critical and is_failure and not settings.notify_on_failure:
        return None
    for event, strategy, channel in routes:
        fits = event in {ANY, alert.event} and strategy in {ANY, alert.strategy}
        if fits and channel == NONE and not alert.critical:
            return None
        if fits and channel in set(AlertChannel):
            return AlertChannel(channel)
    return usual


def escalation(
    first: AlertChannel, order: str, there: Sequence[AlertChannel]
) -> tuple[AlertChannel, ...]:
    """Return the channels of a critical alert, one after another.

    Parameters
    ----------
    first
        Where it goes first.
    order
        ESCALATION of ``alerts.json``; blank for every channel that is set up.
    there
        The channels that are set up.

    Returns
    -------
    tuple of AlertChannel
        `first`, then the others, each once.
    """
    named = [part.strip() for part in order.split(",") if part.strip()]
    later = [AlertChannel(name) for name in named if name in set(AlertChannel)] or list(there)
    return tuple(dict.fromkeys([first, *(channel for channel in later if channel in there)]))


def silence(ages_s: Mapping[str, float]) -> Silence:
    """Return what follows from the critical alerts that nobody acknowledged.

    Parameters
    ----------
    ages_s
        How long each has been sent or tried to be sent [s], by number.

    Returns
    -------
    Silence
        The worst of them.
    """
    oldest = max(ages_s.values(), default=0.0)
    if oldest >= STOP_S:
        return Silence.STOP
    return Silence.NO_ENTRIES if oldest >= NEXT_CHANNEL_S else Silence.HEARD


def step_of(age_s: float, channels: int) -> int:
    """Return how many channels should have been tried at an age: one more each minute.

    Parameters
    ----------
    age_s
        Since the alert was raised [s].
    channels
        How many there are.

    Returns
    -------
    int
        From 1 to `channels`.
    """
    return max(1, min(channels, 1 + int(age_s // NEXT_CHANNEL_S)))


class AlertFold:
    """Reads alerts off a session's journal, with the trade that each is about.

    Parameters
    ----------
    session
        The session's key, ``YYYY-MM-DD_n``.
    bot, profile
        Who runs it.
    """

    def __init__(self, session: str, bot: str, profile: str) -> None:
        self._session = session
        self._bot = bot
        self._profile = profile
        self._intents: dict[str, OrderIntent] = {}
        self._closed: dict[str, TradeClosed] = {}
        self._trades: list[TradeClosed] = []

    def alert(self, entry: Entry) -> Alert | None:
        """Take in one entry; return the alert that it is, None when it is another record.

        Parameters
        ----------
        entry
            Of the session's journal, in order.

        Returns
        -------
        Alert or None
            With size and PnL where a trade is named: an exit has the round trip's PnL. The end of
            the session is one as well: its summary.
        """
        record = entry.record
        if isinstance(record, OrderIntent):
            self._intents[record.cl_ord_id] = record
        elif isinstance(record, TradeClosed):
            self._closed[record.symbol] = record
            self._trades.append(record)
        elif isinstance(record, SessionClosed):
            return self._summary(entry, record)
        if not isinstance(record, AlertRaised):
            return None
        order = self._intents.get(record.text.partition(", order ")[2].partition(")")[0])
        exits = order is not None and order.purpose is not Purpose.ENTRY
        trade = self._closed.get(order.symbol) if order is not None and exits else None
        return Alert(
            number=f"{self._session}-{entry.seq}",
            timestamp=iso(entry.at),
            bot=self._bot,
            profile=self._profile,
            critical=record.critical,
            event=record.event,
            cause=record.text,
            strategy=order.strategy if order is not None else "",
            ticker=order.symbol if order is not None else "",
            size=plain(order.qty) if order is not None else "",
            pnl=plain(trade.pnl) if trade is not None else "",
        )

    def _summary(self, entry: Entry, ended: SessionClosed) -> Alert:
        trades = self._trades
        pnl = sum((trade.pnl for trade in trades), Decimal(0))
        flat = "flat" if ended.flat else "NOT FLAT"
        return Alert(
            number=f"{self._session}-{entry.seq}",
            timestamp=iso(entry.at),
            bot=self._bot,
            profile=self._profile,
            critical=False,
            event=SUMMARY,
            cause=f"{ended.status}, {ended.exit_reason}, {flat}: {len(trades)} trades, "
            f"PnL {signed(pnl)} net of commission, {return_on_spent(trades) * 100:.2f} % "
            f"of {cents(spent(trades))} spent",
            pnl=plain(pnl),
        )
