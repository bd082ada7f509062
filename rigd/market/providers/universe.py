"""A folder of whole-market files as a provider of the universe.

What is read
    Every ``.csv``, ``.csv.gz`` and ``.parquet`` in the folder that has the columns ``symbol``,
    ``close`` (or ``price``) and ``volume``, and a date in its name: ``coarse_20140328.csv.gz``,
    ``market_2014-03-28.csv``. Other files are left alone.
Further columns
    ``market_cap`` (or ``market_value``) [USD], ``float_shares``, ``pe_ratio``, ``debt_equity``;
    an empty field is not known, and is looked up in the folder's ``fundamentals.json`` where there
    is one (`rigd.market.fundamentals`).
What is answered
    The newest file dated on or before the day asked for gives the symbols and the prices; the mean
    volume is that of the newest `AVERAGE_DAYS` files. Data older than `MAX_AGE_DAYS` are refused:
    a screen of last year's market is none.
Refused
    A ticker that stands twice in the newest file: it belongs to two companies.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from rigd.core.errors import DataError
from rigd.core.universe import Answer, Details
from rigd.market.findings import Findings
from rigd.market.fundamentals import find_fundamentals
from rigd.market.tables import SUFFIXES, read_header, read_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rigd.core.readings import Fundamentals
    from rigd.market.tables import Table

AVERAGE_DAYS = 20
"""Files that the mean volume is taken over, the newest first."""
MAX_AGE_DAYS = 7
"""Calendar days between the newest file and the day asked for."""
AMBIGUOUS = "ambiguous_ticker"
MILLION = 1e6
"""Finnhub's unit of ``marketCapitalization`` [USD]."""

_DATE = re.compile(r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})(?!\d)")
_NEEDED = ("symbol", "close|price", "volume")
_OPTIONAL = {
    "market_cap": "market_cap|market_value",
    "float_shares": "float_shares",
    "pe_ratio": "pe_ratio",
    "debt_equity": "debt_equity",
}


class UniverseFolder:
    """Implements ``core.ports.UniverseProvider`` over a folder; each day is read once.

    Parameters
    ----------
    folder
        Where the files lie.
    """

    __slots__ = ("_answers", "_folder", "name")

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = f"folder {folder.name}"
        self._answers: dict[date, Answer] = {}

    def symbols(self, day: date) -> Sequence[str]:
        """Return every symbol of the newest file, also those that are refused later.

        Parameters
        ----------
        day
            The exchange day.

        Returns
        -------
        sequence of str
            In alphabetical order.

        Raises
        ------
        DataError
            If there is no file that is new enough, or one is malformed.
        """
        answer = self._answer(day)
        return sorted(answer.details.keys() | answer.refused.keys())

    def details(self, symbols: Sequence[str], day: date) -> Answer:
        """Return what the files say of some symbols.

        Parameters
        ----------
        symbols
            Which.
        day
            The exchange day.

        Returns
        -------
        Answer
            A symbol that is not in the newest file is missing.

        Raises
        ------
        DataError
            If there is no file that is new enough, or one is malformed.
        """
        answer = self._answer(day)
        return Answer(
            details={name: answer.details[name] for name in symbols if name in answer.details},
            refused={name: answer.refused[name] for name in symbols if name in answer.refused},
            dated=answer.dated,
        )

    def _answer(self, day: date) -> Answer:
        found = self._answers.get(day)
        if found is None:
            found = self._answers[day] = self._read(day)
        return found

    def _read(self, day: date) -> Answer:
        files = self._files(day)
        findings = Findings()
        newest, path = files[0]
        details, refused = _details(path, findings)
        volumes: dict[str, list[float]] = {}
        for _, each in files[:AVERAGE_DAYS]:
            for symbol, volume in _volumes(each, findings):
                volumes.setdefault(symbol, []).append(volume)
        findings.raise_any(f"the universe in {self._folder.name}")
        metrics = find_fundamentals(self._folder)
        complete = {
            symbol: _with_metrics(
                _with_volume(known, volumes.get(symbol, ())),
                metrics.fundamentals(symbol, day) if metrics else None,
            )
            for symbol, known in details.items()
        }
        return Answer(details=complete, refused=refused, dated=newest)

    def _files(self, day: date) -> list[tuple[date, Path]]:
        """Return the files up to a day, newest first; at least one."""
        if not self._folder.is_dir():
            msg = f"the folder of a universe must exist, was {self._folder}"
            raise DataError(msg, fix="name the folder that holds the files")
        dated = sorted(
            (
                (found, path)
                for path in self._folder.iterdir()
                if (found := _date_of(path.name)) is not None and _is_market(path)
            ),
            reverse=True,
        )
        files = [(found, path) for found, path in dated if found <= day]
        if not files or (day - files[0][0]).days > MAX_AGE_DAYS:
            there = ", ".join(sorted({str(found) for found, _ in dated})) or "none"
            msg = (
                f"{self._folder.name} must hold a file of the market dated within "
                f"{MAX_AGE_DAYS} days before {day}; dated files found: {there}"
            )
            raise DataError(msg, fix="add a newer file, or name its day: --date YYYY-MM-DD")
        return files


def _date_of(name: str) -> date | None:
    match = _DATE.search(name)
    if match is None:
        return None
    try:
        return date(*map(int, match.groups()))
    except ValueError:
        return None


def _is_market(path: Path) -> bool:
    if not path.name.lower().endswith(SUFFIXES) or path.name.startswith(".") or not path.is_file():
        return False
    header = set(read_header(path))
    return all(header & set(names.split("|")) for names in _NEEDED)


def _details(path: Path, findings: Findings) -> tuple[dict[str, Details], dict[str, str]]:
    """Return the details of the newest file, without volumes, and the tickers that stand twice."""
    table = read_table(path, path.name, findings)
    places = table.columns(_NEEDED, findings) if table else ()
    if table is None or not places:
        return {}, {}
    optional = _places(table)
    details: dict[str, Details] = {}
    refused: dict[str, str] = {}
    for line, row in enumerate(table.rows, table.first_line):
        symbol = str(row[places[0]]).strip()
        if symbol in details or symbol in refused:
            refused[symbol] = AMBIGUOUS
            details.pop(symbol, None)
            continue
        try:
            numbers = {name: _number(table, row[at]) for name, at in optional.items()}
            details[symbol] = Details(price=_price(row[places[1]]), **numbers)
        except (DataError, TypeError, ValueError, InvalidOperation) as error:
            findings.add(f"{path.name}:{line}", str(error), symbol[:20])
            if findings.full:
                break
    return details, refused


def _volumes(path: Path, findings: Findings) -> Iterator[tuple[str, float]]:
    table = read_table(path, path.name, findings)
    places = table.columns(("symbol", "volume"), findings) if table else ()
    if table is None or not places:
        return
    number = table.number
    for line, row in enumerate(table.rows, table.first_line):
        text = row[places[1]]
        if text in {"", None}:
            continue
        try:
            volume = number(text)
        except (TypeError, ValueError) as error:
            findings.add(f"{path.name}:{line}", str(error), "volume")
            continue
        if not 0 <= volume < float("inf"):
            message = f"volume must be finite and not negative, was {volume}"
            findings.add(f"{path.name}:{line}", message, "volume")
            continue
        yield str(row[places[0]]).strip(), volume


def _places(table: Table) -> dict[str, int]:
    found = {}
    for name, choices in _OPTIONAL.items():
        at = [i for i, column in enumerate(table.header) if column in choices.split("|")]
        if len(at) == 1:
            found[name] = at[0]
    return found


def _price(field: object) -> Decimal | None:
    if field in {"", None}:
        return None
    if isinstance(field, float):
        return Decimal(repr(field))
    text = str(field)
    if not text.isascii() or "_" in text:
        msg = f"a price must be a plain number, was {text!r}"
        raise ValueError(msg)
    return Decimal(text)


def _number(table: Table, field: object) -> float | None:
    return None if field in {"", None} else table.number(field)


def _with_volume(details: Details, volumes: Sequence[float]) -> Details:
    mean = sum(volumes) / len(volumes) if volumes else None
    return Details(average_volume=mean).or_else(details)


def _with_metrics(details: Details, metrics: Fundamentals | None) -> Details:
    if metrics is None:
        return details
    millions = metrics.market_cap_musd
    return details.or_else(
        Details(
            market_cap=None if millions is None else millions * MILLION,
            pe_ratio=metrics.pe_ratio,
            debt_equity=metrics.debt_equity,
        )
    )
