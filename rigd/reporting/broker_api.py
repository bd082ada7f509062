"""broker_api.log: a row for each request to the broker, each response and each event (L35).

What a session asks stands there, and what `rigd kill` asks, whose session is ``kill``.

An audit log: neither ENABLE_LOGGING nor DEBUG_LOG_LEVEL makes it quieter, and LOG_FORMAT decides
its form as of any other log. It shows messages and no journal records, so ``seq`` counts the rows
of a session. The session's own part is written beside it, row by row, and is never rotated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from rigd.config.choices import LogFormat
from rigd.core.api_messages import ApiKind, ApiMessage
from rigd.core.errors import OrderRejected, RigdError
from rigd.core.orders import Fill, OrderRequest, OrderSnapshot
from rigd.core.redaction import HIDDEN, redact
from rigd.core.values import BotIdentity, Profile
from rigd.reporting.appending import last_seq
from rigd.reporting.logs import LOG_FIELDS
from rigd.reporting.rows import Value, header_line, make_row, row_line
from rigd.reporting.telling import Level

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rigd.reporting.outputs import Outputs

WRITER = "rigd.reporting.broker_api"

NAME: Final = "broker_api.log"
COPY: Final = f"session/{NAME}"

_PRIVATE: Final = frozenset({"account_id"})
"""Fields of messages that name an account at the broker."""

_WAYS: Final = {
    ApiKind.REQUEST: "asked the broker",
    ApiKind.RESPONSE: "the broker answered",
    ApiKind.EVENT: "the broker told",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSession:
    """What each row says of its session.

    Parameters
    ----------
    key
        The session's name, ``YYYY-MM-DD_n``.
    bot, profile, test_mode
        Whose it is.
    log_format
        LOG_FORMAT.
    """

    key: str
    bot: BotIdentity
    profile: Profile
    test_mode: bool
    log_format: LogFormat


class BrokerApiLog:
    """Appends what passed between a session and its broker.

    Parameters
    ----------
    outputs
        The door to the files.
    session
        Whose messages they are.
    names
        The logs that get each row; the last one says how far an earlier run got.
    """

    def __init__(
        self, outputs: Outputs, session: ApiSession, names: Sequence[str] = (NAME, COPY)
    ) -> None:
        self._outputs = outputs
        self._session = session
        self._names = names
        self._seq = -1
        self._before = 0

    def write(self, messages: Iterable[ApiMessage]) -> None:
        """Append a row for each message to each of the logs.

        Parameters
        ----------
        messages
            In the order in which they passed.

        Raises
        ------
        StorageError
            If the disk refuses.
        """
        for message in messages:
            if self._seq < 0:
                self._open()
            self._seq += 1
            row = api_row(message, self._session, seq=self._seq, before=self._before)
            line = row_line(row, LOG_FIELDS, self._session.log_format)
            for name in self._names:
                self._outputs.append_line(name, line, writer=WRITER)

    def _open(self) -> None:
        """Go on after the rows of an earlier run; begin a file with its title where it is CSV."""
        held = {name: self._outputs.read(name) for name in self._names}
        own = held[self._names[-1]]
        self._seq = self._before = last_seq(own, self._session.key, LOG_FIELDS)
        if self._session.log_format is LogFormat.CSV:
            title = header_line(LOG_FIELDS)
            for name, content in held.items():
                if title.encode() not in content:
                    self._outputs.append_line(name, title, writer=WRITER)


def api_row(
    message: ApiMessage, session: ApiSession, *, seq: int, before: int = 0
) -> dict[str, Value]:
    """Return the row that tells one message, without secrets.

    Parameters
    ----------
    message
        What passed.
    session
        Whose it is.
    seq
        Number of the row within the session.
    before
        Rows that earlier runs of the session left: they keep the numbers of calls apart.

    Returns
    -------
    dict
        One cell per field of `LOG_FIELDS`.
    """
    failed = isinstance(message.body, Exception)
    details: dict[str, object] = {"call": message.call}
    if message.number:
        details["number"] = before + message.number
    details["error" if failed else "body"] = _shown(message.body)
    return make_row(
        LOG_FIELDS,
        {
            "timestamp": message.at,
            "level": (Level.WARNING if failed else Level.INFO).name,
            "event": message.kind.value,
            "session": session.key,
            "seq": seq,
            "bot": str(session.bot),
            "profile": session.profile.value,
            "test_mode": session.test_mode,
            "broker": session.bot.broker_code,
            **_cells(message.body),
            "message": f"{_WAYS[message.kind]}: {message.call}{_outcome(message.body)}",
            "details": details,
        },
    )


def _cells(body: object) -> dict[str, Value]:
    if isinstance(body, OrderRejected):
        return {"error_code": redact(body.code) or type(body).__name__}
    if isinstance(body, Exception):
        return {"error_code": type(body).__name__}
    order = body.get("order") if isinstance(body, Mapping) else body
    if isinstance(order, OrderRequest | OrderSnapshot | Fill):
        return {"ticker": order.symbol, "size": order.qty}
    return {}


def _outcome(body: object) -> str:
    return f" failed: {redact(str(body))}" if isinstance(body, Exception) else ""


def _shown(value: object) -> object:
    """Return a value of the port as plain values, free text without secrets."""
    if isinstance(value, RigdError):
        return {"is": type(value).__name__, "text": redact(value.message)}
    if isinstance(value, Exception):
        return {"is": type(value).__name__, "text": redact(str(value))}
    if is_dataclass(value):
        named = {field.name: getattr(value, field.name) for field in fields(value)}
        return {"is": type(value).__name__, **_shown_fields(named)}
    if isinstance(value, Mapping):
        return _shown_fields(value)
    if isinstance(value, str):
        return redact(str(value))
    if isinstance(value, Decimal) and not value.is_finite():
        return str(value)
    if isinstance(value, Sequence):
        return [_shown(item) for item in value]
    return value


def _shown_fields(named: Mapping[str, object]) -> dict[str, object]:
    return {
        name: HIDDEN if name in _PRIVATE and value else _shown(value)
        for name, value in named.items()
    }
