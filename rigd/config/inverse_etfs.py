"""The table of inverse ETFs: which fund is bought when a symbol's short side is taken by one.

A home may keep its own table in ``env/inverse_etfs.json``; without it the shipped one holds. Every
version that a session has used is kept beside it, and a version means one table for ever: pairs
that changed under the same number are refused. Source: SPEC §3, "Short side".

.. code-block:: json

    {"version": 2, "dated": "2026-11-28", "pairs": {"SPY": "SH", "QQQ": "PSQ"}}
"""

from __future__ import annotations

import difflib
import hashlib
import json
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, NoReturn

from rigd.core.errors import ConfigError, Problem
from rigd.core.values import require_symbol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rigd.core.ports import Files

FILE = "inverse_etfs.json"
"""The table of a home, in ``env/``."""

KEPT = "inverse_etfs.versioned/{version}.json"
"""Where a version that was used is kept, in ``env/``."""

_FIELDS = ("version", "dated", "pairs")
_FIX = "correct env/inverse_etfs.json, or remove it to have the shipped table"


@dataclass(frozen=True, slots=True, kw_only=True)
class InverseEtfs:
    """One version of the table.

    Parameters
    ----------
    version
        Counts from 1.
    dated
        The day from which it holds.
    pairs
        (symbol, inverse ETF), by symbol.

    Raises
    ------
    ConfigError
        If the version is not positive, a name is no symbol, a symbol is mapped twice or to itself,
        or a fund that is bought is itself mapped.
    """

    version: int
    dated: date
    pairs: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        problems = [*self._problems()]
        if problems:
            _refuse(problems)

    def of(self, symbol: str) -> str:
        """Return the inverse ETF of a symbol, blank when there is none."""
        return dict(self.pairs).get(symbol, "")

    @property
    def digest(self) -> str:
        """SHA-256 over version, date and pairs, hexadecimal."""
        return hashlib.sha256(text_of(self).encode()).hexdigest()

    @property
    def name(self) -> str:
        """The version for people: ``version 1 of 2026-11-28``."""
        return f"version {self.version} of {self.dated.isoformat()}"

    def _problems(self) -> Iterator[str]:
        if self.version < 1:
            yield f"version must be a whole number from 1, was {self.version}"
        seen: set[str] = set()
        for symbol, inverse in self.pairs:
            for name in (symbol, inverse):
                try:
                    require_symbol(name)
                except ConfigError as error:
                    yield f"unknown symbol in {symbol!r}: {inverse!r}: {error.message}"
            if symbol in seen:
                yield f"{symbol} is mapped twice; each symbol has one inverse ETF"
            if symbol == inverse:
                yield f"{symbol} is mapped to itself"
            seen.add(symbol)
        for symbol, inverse in self.pairs:
            if inverse in seen and inverse != symbol:
                yield f"{inverse}, the inverse of {symbol}, must not be mapped itself"


SHIPPED = InverseEtfs(
    version=1,
    dated=date(2026, 11, 28),
    pairs=(
        ("AAPL", "AAPD"),
        ("AMZN", "AMZD"),
        ("DIA", "DOG"),
        ("EEM", "EUM"),
        ("EFA", "EFZ"),
        ("GOOGL", "GGLS"),
        ("IVV", "SH"),
        ("IWM", "RWM"),
        ("META", "METD"),
        ("MSFT", "MSFD"),
        ("NVDA", "NVDD"),
        ("QQQ", "PSQ"),
        ("SPY", "SH"),
        ("TLT", "TBF"),
        ("TSLA", "TSLS"),
        ("VOO", "SH"),
    ),
)
"""Funds that aim at minus one times the day's return; none of them is leveraged."""


def parse_inverse_etfs(content: bytes, *, source: str) -> InverseEtfs:
    """Return the table that a file holds.

    Parameters
    ----------
    content
        JSON with exactly the fields ``version``, ``dated`` and ``pairs``.
    source
        The file's name, for messages.

    Returns
    -------
    InverseEtfs
        The table.

    Raises
    ------
    ConfigError
        If it is no such JSON, a field is missing, unknown or named twice, or the table is wrong;
        with every problem found.
    """
    problems: list[str] = []
    try:
        held = json.loads(content, object_pairs_hook=tuple)
    except ValueError as error:
        _refuse([f"must be JSON: {error}"], source, cause=error)
    fields = _fields(held, problems)
    version, dated, pairs = (fields.get(name) for name in _FIELDS)
    if "version" in fields and (not isinstance(version, int) or isinstance(version, bool)):
        problems.append(f"version must be a whole number from 1, was {version!r}")
    day = _day(dated, problems) if "dated" in fields else None
    known = _pairs(pairs, problems) if "pairs" in fields else ()
    if problems or day is None or not isinstance(version, int):
        _refuse(problems, source)
    try:
        return InverseEtfs(version=version, dated=day, pairs=tuple(sorted(known)))
    except ConfigError as error:
        _refuse([problem.message for problem in error.problems], source, cause=error)


def text_of(table: InverseEtfs) -> str:
    """Return the file's text of a table; `parse_inverse_etfs` gives the same table back."""
    fields = {
        "version": table.version,
        "dated": table.dated.isoformat(),
        "pairs": dict(sorted(table.pairs)),
    }
    return json.dumps(fields, indent=1) + "\n"


def read_inverse_etfs(files: Files) -> InverseEtfs:
    """Return the table of a home, the shipped one where it has none.

    Parameters
    ----------
    files
        The door to ``env/``.

    Returns
    -------
    InverseEtfs
        Validated.

    Raises
    ------
    ConfigError
        If the file is malformed, or its version was used before with other content.
    """
    if not files.exists(FILE):
        table = SHIPPED
    else:
        table = parse_inverse_etfs(files.read(FILE), source=f"env/{FILE}")
    kept = KEPT.format(version=table.version)
    if files.exists(kept):
        used = parse_inverse_etfs(files.read(kept), source=f"env/{kept}")
        if used != table:
            msg = f"version {table.version} was used with other content, kept in env/{kept}"
            _refuse([msg], fix=f"give the changed table the next version in env/{FILE}")
    return table


def keep_version(files: Files, table: InverseEtfs) -> None:
    """Keep a version that a session uses, so that its number can never mean another table."""
    name = KEPT.format(version=table.version)
    if not files.exists(name):
        files.replace(name, text_of(table).encode())


def change_inverse_etfs(
    files: Files,
    changes: dict[str, str],
    dated: date,
    *,
    before: Callable[[InverseEtfs], None] = lambda _: None,
) -> InverseEtfs:
    """Change pairs of a home's table; the version in force before is kept.

    Parameters
    ----------
    files
        The door to ``env/``.
    changes
        Symbol to inverse ETF; blank takes the symbol out.
    dated
        The day from which the new version holds.
    before
        Called with the new version when it is about to be written.

    Returns
    -------
    InverseEtfs
        The new version, written.

    Raises
    ------
    ConfigError
        If the table would be wrong, or a symbol that is to be taken out is not in it.
    """
    old = read_inverse_etfs(files)
    pairs = dict(old.pairs)
    absent = sorted(name for name, inverse in changes.items() if not inverse and name not in pairs)
    if absent:
        msg = f"{', '.join(absent)} must be in the table to be taken out"
        _refuse([msg], fix="rigd mapping show")
    merged = {name: inverse for name, inverse in (pairs | changes).items() if inverse}
    try:
        table = InverseEtfs(
            version=old.version + 1, dated=dated, pairs=tuple(sorted(merged.items()))
        )
    except ConfigError as error:
        _refuse([each.message for each in error.problems], fix="rigd mapping set SPY=SH")
    before(table)
    keep_version(files, old)
    keep_version(files, table)
    files.replace(FILE, text_of(table).encode())
    return table


def _fields(held: Any, problems: list[str]) -> dict[str, Any]:  # noqa: ANN401 - what JSON holds
    rows = held if _is_object(held) else ()
    if not rows:
        problems.append(f"must be an object with {', '.join(_FIELDS)}")
        return {}
    names = [name for name, _ in rows]
    for name in dict.fromkeys(names):
        if name not in _FIELDS:
            near = difflib.get_close_matches(name, _FIELDS, n=1, cutoff=0.0)[0]
            problems.append(f"unknown field {name!r}; the nearest is {near!r}")
        if names.count(name) > 1:
            problems.append(f"{name} is given twice")
    problems += [f"{name} is missing" for name in _FIELDS if name not in names]
    return dict(rows)


def _day(value: Any, problems: list[str]) -> date | None:  # noqa: ANN401 - what JSON holds
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        problems.append(f"dated must be a day YYYY-MM-DD, was {value!r}")
        return None


def _pairs(value: Any, problems: list[str]) -> tuple[tuple[str, str], ...]:  # noqa: ANN401 - what JSON holds
    if value != () and not _is_object(value):
        problems.append("pairs must be an object of symbols and their inverse ETFs")
        return ()
    wrong = [name for name, inverse in value if not isinstance(inverse, str)]
    problems += [f"the inverse of {name} must be a symbol" for name in wrong]
    return tuple((name, inverse) for name, inverse in value if isinstance(inverse, str))


def _is_object(value: Any) -> bool:  # noqa: ANN401 - what JSON holds
    """Tell whether a value was an object with members: a tuple of pairs."""
    return isinstance(value, tuple) and value != ()


def _refuse(
    problems: list[str], source: str = "", fix: str = _FIX, cause: Exception | None = None
) -> NoReturn:
    named = source or "inverse ETFs"
    raise ConfigError(
        "the table of inverse ETFs must be right before a session may use it",
        problems=[Problem(named, problem) for problem in problems],
        fix=fix,
    ) from cause
