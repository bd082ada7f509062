"""trade_history: one row per round trip, in the format that LOG_FORMAT names (document 070).

The two field lists of document 070 are one schema, `TRADE_FIELDS`; ``side`` and ``trade_side`` are
the same value under both names. Whatever LOG_FORMAT wrote, `export_trades` makes the other format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.core.events import Entry, SessionClosed, SessionStarted, TradeClosed
from rigd.reporting.header import log_format_of, session_key, started_of
from rigd.reporting.rows import Field, Kind, Value, make_row, table_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from rigd.config.choices import LogFormat
    from rigd.reporting.outputs import Outputs

WRITER = "rigd.reporting.trades"

TRADE_FIELDS: tuple[Field, ...] = (
    Field("timestamp", Kind.INSTANT, "when the trade was recorded, market time, UTC"),
    Field("strategy_name", Kind.TEXT, "open, mid or close"),
    Field("ticker", Kind.TEXT, "equity or ETF symbol"),
    Field("side", Kind.TEXT, "long or short"),
    Field("trade_side", Kind.TEXT, "the same as side"),
    Field("size", Kind.DECIMAL, "quantity [shares]"),
    Field("signal_trigger_time", Kind.INSTANT, "start of the bar that carried the signal, UTC"),
    Field("entry_timestamp", Kind.INSTANT, "start of the entry's bar, UTC"),
    Field("exit_timestamp", Kind.INSTANT, "start of the exit's bar, UTC"),
    Field("entry_price", Kind.DECIMAL, "average over the entry's fills [currency/share]"),
    Field("exit_price", Kind.DECIMAL, "average over the exit's fills [currency/share]"),
    Field("PnL", Kind.DECIMAL, "realised, net of commissions [currency]"),
    Field("commission", Kind.DECIMAL, "of all fills of the trade [currency]"),
    Field("broker", Kind.TEXT, "BROKER_CODE"),
    Field("exit_reason", Kind.TEXT, "stop_loss, target_hit, timeout or manual"),
    Field("error_code", Kind.TEXT, "blank, or a flag such as stale_exit"),
    Field("session", Kind.TEXT, "YYYY-MM-DD_n"),
    Field("bot", Kind.TEXT, "the bot's identity"),
    Field("profile", Kind.TEXT, "TEST or PRODUCTION"),
    Field("test_mode", Kind.BOOLEAN, "whether the session was a dry run"),
)
"""The schema of trade_history: both lists of document 070, and what marks the session."""


def trade_row(at: datetime, trade: TradeClosed, started: SessionStarted) -> dict[str, Value]:
    """Return the row of one trade.

    Parameters
    ----------
    at
        When the trade was recorded, market time, UTC.
    trade
        The round trip.
    started
        The session that it belongs to.

    Returns
    -------
    dict
        One cell per field of `TRADE_FIELDS`.
    """
    return make_row(
        TRADE_FIELDS,
        {
            "timestamp": at,
            "strategy_name": trade.strategy,
            "ticker": trade.symbol,
            "side": trade.direction.value,
            "trade_side": trade.direction.value,
            "size": trade.size,
            "signal_trigger_time": trade.signal_time,
            "entry_timestamp": trade.entry_time,
            "exit_timestamp": trade.exit_time,
            "entry_price": trade.entry_price,
            "exit_price": trade.exit_price,
            "PnL": trade.pnl,
            "commission": trade.commission,
            "broker": trade.broker,
            "exit_reason": trade.exit_reason.value,
            "error_code": trade.error_code,
            "session": session_key(started),
            "bot": started.bot,
            "profile": started.profile.value,
            "test_mode": started.test_mode,
        },
    )


def trade_rows(entries: Iterable[Entry]) -> list[dict[str, Value]]:
    """Return the rows of all trades of a session, in the order in which they closed."""
    known = list(entries)
    started = started_of(known)
    return [
        trade_row(entry.at, entry.record, started)
        for entry in known
        if isinstance(entry.record, TradeClosed)
    ]


def export_trades(entries: Iterable[Entry], log_format: LogFormat) -> bytes:
    """Return the session's trade_history as a file in either format."""
    return table_bytes(trade_rows(entries), TRADE_FIELDS, log_format)


class TradeHistory:
    """Projection that keeps trade_history of the newest session.

    The file is there from the session's first record on, so that a session without trades leaves
    an empty table and not the trades of the day before; when the session closes, its folder gets a
    copy.

    Parameters
    ----------
    outputs
        The door to the standing files.
    """

    def __init__(self, outputs: Outputs) -> None:
        self._outputs = outputs
        self._started: SessionStarted | None = None
        self._rows: list[dict[str, Value]] = []
        self._seq = 0

    def advance(self, entry: Entry) -> None:
        """Take in one entry; the same entry twice changes nothing."""
        if entry.seq <= self._seq:
            return
        self._seq = entry.seq
        record = entry.record
        if isinstance(record, SessionStarted):
            self._started = record
            self._publish()
        elif isinstance(record, TradeClosed) and self._started is not None:
            self._rows.append(trade_row(entry.at, record, self._started))
            self._publish()
        elif isinstance(record, SessionClosed):
            self._publish("session/")

    def _publish(self, folder: str = "") -> None:
        if self._started is None:
            return
        log_format = log_format_of(self._started)
        content = table_bytes(self._rows, TRADE_FIELDS, log_format)
        self._outputs.write(f"{folder}trade_history.{log_format}", content, writer=WRITER)
