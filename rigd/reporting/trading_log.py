"""The log of a person's own scripts and notebooks, ``trading_bot.log``: one JSON object a line.

Source: document stability, "Structured JSON Logging" (INVENTORY Q1). The bot's own logs are made
from its journal (`rigd.reporting.logs`); what a script tells has no journal, so it is written here,
with the event names that the documents grep for. Any number of threads may write. The file is
rotated by size, and when a new day begins (UTC).
"""

from __future__ import annotations

import json
import threading
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from rigd.config.choices import LogFormat
from rigd.core.clock import from_iso
from rigd.core.errors import LogicError
from rigd.core.money import plain
from rigd.reporting.outputs import Outputs
from rigd.reporting.rows import Field, Kind, make_row, row_line
from rigd.reporting.telling import Level

if TYPE_CHECKING:
    from datetime import date

    from rigd.core.ports import Clock

WRITER = "rigd.reporting.trading_log"
NAME = "trading_bot.log"

MAX_BYTES = 1024 * 1024
KEPT_DAYS = 14
"""Size at which the log is rotated [bytes], and how many older files are kept."""

FIELDS: tuple[Field, ...] = (
    Field("timestamp", Kind.INSTANT, "when the line was written, UTC"),
    Field("level", Kind.TEXT, "DEBUG, INFO, WARNING or ERROR"),
    Field("event", Kind.TEXT, "trade_signal, trade_execution, api_call or message"),
    Field("logger", Kind.TEXT, "who tells it"),
    Field("process", Kind.INTEGER, "number of the process"),
    Field("thread", Kind.TEXT, "name of the thread"),
    Field("message", Kind.TEXT, "the event in one sentence"),
    Field("details", Kind.OBJECT, "what it is about, by name"),
)
"""The schema of every line."""

Number = int | float | str | Decimal
"""A quantity or price as a script has it; a float counts as the decimal that it prints as."""


class Rotating(Outputs, Protocol):
    """Output files of which a log can be begun anew."""

    def begin_log(self, name: str, *, writer: str) -> object:
        """Move what a log holds aside, so that the next line begins a new file."""
        ...


class TradingLog:
    """The file, shared by every logger of a process.

    Parameters
    ----------
    outputs
        The door to the standing files.
    clock
        Says when.
    process
        The number of this process.
    """

    def __init__(self, outputs: Rotating, clock: Clock, process: int) -> None:
        self._outputs = outputs
        self._clock = clock
        self._process = process
        self._lock = threading.Lock()
        self._day: date | None = None

    def write(
        self, level: Level, event: str, logger: str, message: str, details: dict[str, object]
    ) -> None:
        """Append one line.

        Parameters
        ----------
        level, event, logger, message, details
            Cells of the row, see `FIELDS`.

        Raises
        ------
        StorageError
            If the disk refuses.
        """
        with self._lock:
            now = self._clock.now()
            row = make_row(
                FIELDS,
                {
                    "timestamp": now,
                    "level": level.name,
                    "event": event,
                    "logger": logger,
                    "process": self._process,
                    "thread": threading.current_thread().name,
                    "message": message,
                    "details": details,
                },
            )
            self._begin_day(now.date())
            line = row_line(row, FIELDS, LogFormat.JSON)
            self._outputs.append_line(NAME, line, writer=WRITER)

    def _begin_day(self, today: date) -> None:
        if self._day is None:
            self._day = _day_of(self._outputs.read(NAME)) or today
        if today > self._day:
            self._outputs.begin_log(NAME, writer=WRITER)
        self._day = max(self._day, today)


class TradingLogger:
    """What a script or notebook tells under its own name.

    Parameters
    ----------
    log
        The file.
    name
        Who tells it, such as a module's name.

    Raises
    ------
    LogicError
        If the name is blank.
    """

    def __init__(self, log: TradingLog, name: str) -> None:
        if not name.strip():
            msg = "a logger must have a name such as 'my_module', was blank"
            raise LogicError(msg)
        self._log = log
        self.name = name

    def log_trade_signal(
        self, symbol: str, action: str, asset_class: str, strength: Number
    ) -> None:
        """Tell a signal.

        Parameters
        ----------
        symbol, action, asset_class
            Such as ``AAPL``, ``BUY`` and ``equity``.
        strength
            How strong it is, in the script's own measure.
        """
        told = exact(strength)
        details: dict[str, object] = {
            "symbol": symbol,
            "action": action,
            "asset_class": asset_class,
            "strength": told,
        }
        self._tell(
            "trade_signal", f"{action} {symbol} ({asset_class}), strength {plain(told)}", details
        )

    def log_trade_execution(
        self, symbol: str, action: str, quantity: Number, price: Number
    ) -> None:
        """Tell an execution.

        Parameters
        ----------
        symbol, action
            Such as ``AAPL`` and ``BUY``.
        quantity, price
            What was traded [shares], and at what [currency/share].
        """
        size, at = exact(quantity), exact(price)
        details: dict[str, object] = {
            "symbol": symbol,
            "action": action,
            "quantity": size,
            "price": at,
        }
        self._tell("trade_execution", f"{action} {plain(size)} {symbol} at {plain(at)}", details)

    def log_api_call(self, service: str, status_code: int, duration_s: Number) -> None:
        """Tell what a service answered; 400 and above is an error.

        Parameters
        ----------
        service
            Which one.
        status_code
            Its HTTP status.
        duration_s
            How long it took [s].
        """
        lasted = exact(duration_s)
        details: dict[str, object] = {
            "service": service,
            "status_code": status_code,
            "duration_s": lasted,
        }
        level = Level.ERROR if status_code >= _FIRST_ERROR else Level.INFO
        self._tell(
            "api_call", f"{service} answered {status_code} in {plain(lasted)} s", details, level
        )

    def info(self, message: str, **details: object) -> None:
        """Tell a sentence, with what it is about by name."""
        self._tell("message", message, details)

    def warning(self, message: str, **details: object) -> None:
        """Tell something that a person should look at."""
        self._tell("message", message, details, Level.WARNING)

    def error(self, message: str, **details: object) -> None:
        """Tell a failure."""
        self._tell("message", message, details, Level.ERROR)

    def _tell(
        self, event: str, message: str, details: dict[str, object], level: Level = Level.INFO
    ) -> None:
        cells = {key: exact(v) if isinstance(v, float) else v for key, v in details.items()}
        self._log.write(level, event, self.name, message, cells)


_FIRST_ERROR = 400
"""From this HTTP status on an answer is an error (RFC 9110 §15.5)."""


def exact(value: Number) -> Decimal:
    """Return a number as the decimal that it prints as: 0.8 is 0.8, not its binary neighbour.

    Parameters
    ----------
    value
        An integer, decimal, text or float.

    Returns
    -------
    Decimal
        Finite.

    Raises
    ------
    LogicError
        If it is no finite number.
    """
    try:
        found = Decimal(repr(value) if isinstance(value, float) else value)
    except (ArithmeticError, TypeError, ValueError):
        found = Decimal("NaN")
    if not found.is_finite():
        msg = f"a number must be finite, was {value!r}"
        raise LogicError(msg)
    return found


def _day_of(content: bytes) -> date | None:
    """Return the day of a log's last line; None where there is none that says so."""
    lines = content.splitlines()
    try:
        return from_iso(json.loads(lines[-1])["timestamp"]).date()
    except (IndexError, ValueError, KeyError, TypeError):
        return None
