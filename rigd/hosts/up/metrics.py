"""Prometheus metrics of a bot, folded from the journals of its sessions (document stability).

A counter is what the journals say, so that it goes on over every restart. A finished session is
folded once; the newest is folded anew at each question.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from rigd.config.sources import checkout
from rigd.core.errors import RigdError
from rigd.core.events import FillRecorded, SessionClosed, SessionStarted, judgements
from rigd.core.lifecycle import BotState
from rigd.core.values import Direction
from rigd.hosts import records
from rigd.hosts.bot import is_provisioned, open_bot
from rigd.hosts.launch import read_fields
from rigd.hosts.up.facts import examine
from rigd.reporting.api_figures import answers_in
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal
    from pathlib import Path

    from rigd.core.ports import ControlClock
    from rigd.core.values import BotIdentity
    from rigd.store.paths import Home

TYPE = "text/plain; version=0.0.4; charset=utf-8"
EQUITY = "equity"
DURATION_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
TRADE_BUCKETS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


class Figures:
    """What one session counts."""

    def __init__(self) -> None:
        self.signals: Counter[tuple[str, ...]] = Counter()
        self.executed: Counter[tuple[str, ...]] = Counter()
        self.calls: Counter[tuple[str, ...]] = Counter()
        self.durations_s: list[tuple[str, float]] = []
        self.trades: list[int] = []
        self.kind = ""
        self.cash: Decimal | None = None


class Metrics:
    """The metrics of a home's bot.

    Parameters
    ----------
    home
        Whose.
    clock
        The control clock.
    """

    def __init__(self, home: Home, clock: ControlClock) -> None:
        self._home = home
        self._clock = clock
        self._folded: dict[str, Figures] = {}

    def text(self) -> bytes:
        """Return every metric in Prometheus' text format."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """Yield every metric, for prometheus_client."""
        health = examine(self._home, self._clock)
        states = GaugeMetricFamily("rigd_bot_state", "1 for the bot's state", labels=["state"])
        for each in BotState:
            states.add_metric([each.value], float(each == health.state))
        yield states
        well = GaugeMetricFamily(
            "rigd_service_healthy", "1 for a part that is well", labels=["service"]
        )
        for part in health.parts:
            if part.well is not None:
                well.add_metric([part.name], float(part.well))
        yield well
        figures, value = self._figures()
        yield _counter(
            "trade_signals",
            "Signals of the strategies",
            ("action", "asset_class"),
            sum((each.signals for each in figures), Counter()),
        )
        yield _counter(
            "trades_executed",
            "Executions",
            ("action", "symbol"),
            sum((each.executed for each in figures), Counter()),
        )
        yield _counter(
            "api_calls",
            "Answers of external services",
            ("service", "status_code"),
            sum((each.calls for each in figures), Counter()),
        )
        yield _counter(
            "sessions_completed",
            "Sessions that ended",
            ("session_type",),
            Counter((each.kind,) for each in figures if each.trades),
        )
        total = GaugeMetricFamily("portfolio_total_value", "Cash and positions [account currency]")
        if value is not None:
            total.add_metric([], value)
        yield total
        durations = [pair for each in figures for pair in each.durations_s]
        yield _histogram(
            "api_call_duration_seconds",
            "From question to answer [s]",
            "service",
            durations,
            DURATION_BUCKETS_S,
        )
        trades = [(each.kind, float(count)) for each in figures for count in each.trades]
        yield _histogram(
            "session_trades", "Trades of a session", "session_type", trades, TRADE_BUCKETS
        )

    def _figures(self) -> tuple[list[Figures], float | None]:
        if not is_provisioned(self._home):
            return [], None
        try:
            identity = open_bot(self._home, checkout() / "VERSION.md").identity
        except RigdError:
            return [], None
        folders = sorted(self._home.bot(identity).sessions.glob("*_*"))
        figures = [self._of(folder, identity) for folder in folders]
        return figures, self._value(identity, figures)

    def _of(self, folder: Path, identity: BotIdentity) -> Figures:
        if (known := self._folded.get(folder.name)) is not None:
            return known
        try:
            found = fold(folder, identity)
        except RigdError:
            return Figures()  # torn or changed: `rigd verify` names it
        if records.is_finished(folder):
            self._folded[folder.name] = found
        return found

    def _value(self, identity: BotIdentity, figures: list[Figures]) -> float | None:
        cash = next((each.cash for each in reversed(figures) if each.cash is not None), None)
        if cash is None:
            return None
        newest = figures[-1]
        if newest.trades:
            return float(cash)
        pnl = read_fields(Registry(self._home, identity).path("status.json")).get("pnl")
        total = pnl.get("total") if isinstance(pnl, dict) else None
        return float(cash) + float(total or 0)


def fold(folder: Path, identity: BotIdentity) -> Figures:
    """Return what a session's journal and its log of the broker count.

    Parameters
    ----------
    folder, identity
        The session's folder, and whose it is.

    Returns
    -------
    Figures
        Empty for a session without a journal.

    Raises
    ------
    DataError
        If the journal is broken.
    """
    found = Figures()
    if not (folder / records.JOURNAL).exists():
        return found
    signals = set()
    for entry in records.entries_of(folder, identity):
        record = entry.record
        if isinstance(record, SessionStarted):
            found.kind = "test" if record.test_mode else record.profile.value.lower()
            found.cash = record.opening_cash
        elif isinstance(record, FillRecorded):
            found.executed[record.side.value.lower(), record.symbol] += 1
        elif isinstance(record, SessionClosed):
            found.trades.append(record.trades)
            found.cash = record.closing_cash
        for judged in judgements(record):
            if judged.direction is not None:
                signals.add((judged.strategy, judged.symbol, judged.minute, judged.direction))
    for *_, direction in signals:
        found.signals["buy" if direction is Direction.LONG else "sell", EQUITY] += 1
    service = identity.broker_code.lower()
    for answer in answers_in(folder):
        found.calls[service, answer.status_code] += 1
        if answer.took_s is not None:
            found.durations_s.append((service, answer.took_s))
    return found


def _counter(
    name: str, text: str, labels: tuple[str, ...], counts: Counter[tuple[str, ...]]
) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for key, count in sorted(counts.items()):
        family.add_metric(list(key), count)
    return family


def _histogram(
    name: str, text: str, label: str, values: list[tuple[str, float]], buckets: tuple[float, ...]
) -> Metric:
    family = HistogramMetricFamily(name, text, labels=[label])
    for key in sorted({key for key, _ in values}):
        mine = [value for each, value in values if each == key]
        below = [(str(most), sum(value <= most for value in mine)) for most in buckets]
        family.add_metric([key], [*below, ("+Inf", len(mine))], sum(mine))
    return family
