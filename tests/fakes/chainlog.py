"""An exchange's log in memory: entries survive as long as the list does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    Row = tuple[int, datetime, str, dict[str, Any], str]


class ListLog:
    """The part of `store.chainlog.ChainLog` that the simulated exchange uses.

    Parameters
    ----------
    rows
        What the log holds already, such as a prefix of another one.
    """

    def __init__(self, rows: list[Row] | None = None) -> None:
        self.rows = list(rows or [])
        self.fail_with: OSError | None = None
        self.durable: list[bool] = []

    def append(
        self, at: datetime, kind: str, data: dict[str, Any], *, durable: bool = False
    ) -> tuple[int, str]:
        if self.fail_with is not None:
            raise self.fail_with
        number = len(self.rows) + 1
        self.rows.append((number, at, kind, json.loads(json.dumps(data)), "-"))
        self.durable.append(durable)
        return number, "-"

    def entries(self) -> list[Row]:
        return list(self.rows)
