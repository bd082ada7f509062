"""The blocklist of the universe: symbols that no build may use, one line each.

A line is ``SYMBOL|reason|UTC|provider`` (SPEC §3). The provider is who refused the symbol, or
``operator``. This is the list of the universe; that no ticker is bought twice in a session is the
filter `rigd.enhancements.ticker_blocklist`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from rigd.core.clock import from_iso, iso, require_utc
from rigd.core.errors import ConfigError, DataError, LogicError, Problem
from rigd.core.values import require_symbol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from rigd.store.registry import Registry

WRITER = "rigd.screener.blocklist"
NAME = "blocklist.txt"
OPERATOR = "operator"

_TEXT = re.compile(r"[^|\x00-\x1f\x7f]{1,200}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """One line of the blocklist.

    Parameters
    ----------
    symbol
        Exchange symbol.
    reason
        A code or a few words, without ``|``.
    at
        Since when, UTC.
    provider
        Who refused it, or ``operator``.

    Raises
    ------
    ConfigError
        If a text has another form.
    """

    symbol: str
    reason: str
    at: datetime
    provider: str

    def __post_init__(self) -> None:
        require_symbol(self.symbol)
        require_utc(self.at)
        for name in ("reason", "provider"):
            text = getattr(self, name)
            if not _TEXT.match(text) or text != text.strip():
                msg = f"{name} must be 1-200 characters on one line without '|', was {text!r}"
                raise ConfigError(msg)

    def line(self) -> str:
        """Return ``SYMBOL|reason|UTC|provider``."""
        return f"{self.symbol}|{self.reason}|{iso(self.at)}|{self.provider}"


Blocklist = MappingProxyType[str, Blocked]
"""Lines by symbol, in the order of the file."""


def parse(content: bytes) -> Blocklist:
    """Return the lines of a blocklist.

    Parameters
    ----------
    content
        The file; blank for none.

    Returns
    -------
    Blocklist
        By symbol.

    Raises
    ------
    DataError
        If a line is malformed or a symbol stands there twice; names every such line.
    """
    found: dict[str, Blocked] = {}
    problems = []
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), start=1):
        try:
            blocked = _parsed(line)
        except (ConfigError, LogicError, ValueError) as error:
            problems.append(Problem(f"{NAME}:{number}", str(error)))
            continue
        if blocked.symbol in found:
            problems.append(Problem(f"{NAME}:{number}", f"{blocked.symbol} stands there twice"))
        found[blocked.symbol] = blocked
    if problems:
        msg = "the blocklist must hold lines SYMBOL|reason|UTC|provider"
        raise DataError(msg, problems=problems, fix=f"correct runs/screeners/{NAME}")
    return MappingProxyType(found)


def read(registry: Registry) -> Blocklist:
    """Return the blocklist of a home; empty where none was written."""
    return parse(registry.read(NAME))


def add(registry: Registry, blocked: Iterable[Blocked]) -> tuple[Blocked, ...]:
    """Append lines for symbols that are not listed yet; the file is replaced atomically.

    Parameters
    ----------
    registry
        The door to the file.
    blocked
        What to add; one that is listed keeps its line.

    Returns
    -------
    tuple of Blocked
        What was new; nothing is written without any.

    Raises
    ------
    DataError
        If the file is malformed.
    StorageError
        If the disk refuses.
    """
    lines = dict(read(registry))
    new = []
    for each in blocked:
        if each.symbol not in lines:
            lines[each.symbol] = each
            new.append(each)
    if new:
        _write(registry, lines)
    return tuple(new)


def remove(
    registry: Registry, symbol: str, *, before: Callable[[Blocked], None] | None = None
) -> Blocked:
    """Take a symbol off the list.

    Parameters
    ----------
    registry
        The door to the file.
    symbol
        Which.
    before
        Called with the line before it goes: puts the change on record.

    Returns
    -------
    Blocked
        The line that was removed.

    Raises
    ------
    ConfigError
        If it is not listed.
    DataError
        If the file is malformed.
    """
    lines = dict(read(registry))
    if symbol not in lines:
        msg = f"a symbol to unblock must be in the blocklist, {symbol} is not"
        raise ConfigError(msg, fix="rigd universe blocklist list")
    gone = lines.pop(symbol)
    if before is not None:
        before(gone)
    _write(registry, lines)
    return gone


def _write(registry: Registry, lines: Mapping[str, Blocked]) -> None:
    content = "".join(f"{each.line()}\n" for each in lines.values())
    registry.write(NAME, content.encode(), writer=WRITER)


def _parsed(line: str) -> Blocked:
    parts = line.split("|")
    if len(parts) != 4:
        msg = f"a line must have 4 fields, has {len(parts)}"
        raise ConfigError(msg)
    symbol, reason, at, provider = parts
    return Blocked(symbol=symbol, reason=reason, at=from_iso(at), provider=provider)
