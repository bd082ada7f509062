"""What a session's log of the broker counts, against rows written by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rigd.reporting.api_figures import Answer, answers_in

if TYPE_CHECKING:
    from pathlib import Path


def row(event: str, at: str, number: int | None, code: str = "") -> str:
    details = {"call": "submit"} | ({} if number is None else {"number": number})
    fields = {"event": event, "timestamp": f"2024-03-04T{at}Z", "details": details}
    return json.dumps(fields | ({"error_code": code} if code else {})) + "\n"


def test_an_answer_is_counted_with_its_code_and_its_time(tmp_path: Path) -> None:
    """Two calls that overlap, one refused; an event is no answer."""
    (tmp_path / "broker_api.log").write_text(
        row("api_request", "14:00:00", 1)
        + row("api_request", "14:00:01", 2)
        + row("api_response", "14:00:03", 1)
        + row("api_response", "14:00:01.250000", 2, "RATE_LIMITED")
        + row("api_event", "14:00:04", None)
        + row("api_response", "14:00:05", 7)
    )
    assert list(answers_in(tmp_path)) == [
        Answer("200", 3.0),
        Answer("RATE_LIMITED", 0.25),
        Answer("200", None),
    ]


def test_a_session_without_the_log_counts_nothing(tmp_path: Path) -> None:
    """Nor one in CSV."""
    assert list(answers_in(tmp_path)) == []
    (tmp_path / "broker_api.log").write_text("timestamp,event\n2024-03-04T14:00:00Z,api_response\n")
    assert list(answers_in(tmp_path)) == []
