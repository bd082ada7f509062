"""What a session's broker_api.log says of the calls: how each was answered, and after how long."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from rigd.core.api_messages import ApiKind
from rigd.core.clock import from_iso

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

NAME = "broker_api.log"
GOOD = "200"


class Answer(NamedTuple):
    """One answer of the broker; `took_s` is None where its question is not in the log."""

    status_code: str
    took_s: float | None


def answers_in(folder: Path) -> Iterator[Answer]:
    """Yield the broker's answers to a session.

    Parameters
    ----------
    folder
        The session's folder.

    Yields
    ------
    Answer
        ``200`` for one without an error, else the error's code. Nothing for a log in CSV, whose
        rows name no call.
    """
    asked: dict[object, datetime] = {}
    for row in _rows(folder / NAME):
        details = row.get("details")
        number = details.get("number") if isinstance(details, dict) else None
        at = from_iso(str(row["timestamp"]))
        if row.get("event") == ApiKind.REQUEST:
            asked[number] = at
        elif row.get("event") == ApiKind.RESPONSE:
            began = asked.get(number)
            took_s = None if began is None else (at - began).total_seconds()
            yield Answer(str(row.get("error_code") or GOOD), took_s)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("{"):
                yield json.loads(line)
