"""Alerts: what somebody must be told, on record first; channels read the record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.core.events import AlertRaised

if TYPE_CHECKING:
    from rigd.engine.recorder import Recorder


class JournalAlerts:
    """Keeps every alert in the journal, from where logs and channels take it.

    Parameters
    ----------
    recorder
        The session's recorder.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def raise_alert(self, event: str, text: str, *, critical: bool) -> None:
        """Record an alert; nothing a channel does can fail the session."""
        self._recorder.record(AlertRaised(critical=critical, event=event, text=text))
