"""Read the VIX: the value known before a day opens is the last close dated earlier (SPEC §3a.9).

The file is ``vix/vix_daily.csv.gz`` (or ``.csv``) in the folder of data, or any csv with the
columns ``date`` and ``close``, dates ascending. Rows are missing on some sessions and the day's own
close is never known during it, so a row is found by its date, never by a count of rows.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import date
from typing import TYPE_CHECKING

from rigd.core.errors import DataError
from rigd.core.values import Reading
from rigd.market.findings import Findings
from rigd.market.tables import read_table

if TYPE_CHECKING:
    from pathlib import Path

VIX_FOLDER = "vix"

_NAMES = ("vix_daily.csv.gz", "vix_daily.csv")


class VixHistory:
    """Daily closes of the VIX, ascending.

    Parameters
    ----------
    readings
        Closes [index points] with their dates, ascending.
    """

    __slots__ = ("_dates", "_readings")

    def __init__(self, readings: tuple[Reading, ...]) -> None:
        self._readings = readings
        self._dates = [reading.dated for reading in readings]

    def before(self, day: date) -> Reading | None:
        """Return the last close dated before a day; None when there is none."""
        count = bisect_left(self._dates, day)
        return self._readings[count - 1] if count else None


def read_vix(path: Path) -> VixHistory:
    """Read a file of daily VIX closes.

    Parameters
    ----------
    path
        A csv or csv.gz with the columns ``date`` and ``close``; case does not matter.

    Returns
    -------
    VixHistory
        Every close.

    Raises
    ------
    DataError
        If the file is missing or malformed; with every problem found, at most 20.
    """
    if not path.is_file():
        msg = f"the file of VIX closes must exist, was {path}"
        raise DataError(msg, fix="Give a csv with the columns date and close.")
    findings = Findings()
    readings: list[Reading] = []
    table = read_table(path, path.name, findings)
    at = table.columns(("date|Date|DATE", "close|Close|CLOSE"), findings) if table else ()
    if table is not None and at:
        for line, row in enumerate(table.rows, table.first_line):
            try:
                reading = Reading(table.number(row[at[1]]), date.fromisoformat(str(row[at[0]])))
            except (TypeError, ValueError) as error:
                findings.add(f"{path.name}:{line}", str(error))
                continue
            if not 0.0 < reading.value < float("inf"):
                message = f"must be finite and positive, was {reading.value}"
                findings.add(f"{path.name}:{line}", message, "close")
            elif readings and reading.dated <= readings[-1].dated:
                message = f"must ascend, {reading.dated} follows {readings[-1].dated}"
                findings.add(f"{path.name}:{line}", message, "date")
            else:
                readings.append(reading)
    findings.raise_any(f"the VIX closes in {path.name}")
    return VixHistory(tuple(readings))


def find_vix(root: Path) -> Path | None:
    """Return the file of VIX closes of a folder of data, None when it has none."""
    paths = (root / VIX_FOLDER / name for name in _NAMES)
    return next((path for path in paths if path.is_file()), None)
