"""Alerts are on record before any channel hears of them."""

from __future__ import annotations

from rigd.core.events import AlertRaised
from tests.engine.world import Table


def test_an_alert_is_a_record_of_the_journal() -> None:
    """What, why and whether it is critical; the logs show it from there."""
    table = Table()
    table.desk.alerts.raise_alert("data down", "silent for 16 s", critical=True)
    assert table.journal.records(AlertRaised) == [
        AlertRaised(critical=True, event="data down", text="silent for 16 s")
    ]
