"""Write to the journal and take the record into every view of it, in one step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rigd.core.emergencies import Effect, response_to
from rigd.core.events import (
    AlertRaised,
    CandidateJudged,
    Command,
    CommandObeyed,
    DefenseChanged,
    EmergencyMet,
    ErrorCaptured,
    OrderIntent,
    Outcome,
    PoolRanked,
    RiskModeChanged,
    RiskTripped,
    SelfChecked,
    SessionResumed,
    SettingsChanged,
    SliceDone,
    StateChanged,
    WindowClosed,
    WindowPlanned,
)
from rigd.core.lifecycle import BotState, RiskMode
from rigd.core.orders import Purpose
from rigd.engine.asking import ASKED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rigd.core.emergencies import Closing
    from rigd.core.events import Entry, Record
    from rigd.core.ports import Clock, Journal
    from rigd.core.values import PoolEntry

STRATEGY_OFF = "strategy step: the strategy is off"
"""Context of the error that switches a strategy off for the session (FAULTS §4.4 K07)."""

STRENGTH = {Command.START: 0, Command.STOP: 1, Command.SHUTDOWN: 2, Command.KILL: 3}
"""Of several commands the strongest counts (FAULTS §3.8)."""


class View(Protocol):
    """Something that folds journal records."""

    def fold(self, record: Record) -> None:
        """Take in one record; records of other kinds change nothing."""
        ...


class Facts:
    """What the journal already says, so that a minute that is run again repeats nothing."""

    def __init__(self) -> None:
        self.state = BotState.INITIALIZE
        self.risk_mode = RiskMode.ACTIVE
        self.walked = 0
        self.last_minute = -1
        self.pools: dict[str, tuple[PoolEntry, ...]] = {}
        self.signals: dict[str, set[tuple[str, int]]] = {}
        self.judged: dict[tuple[str, str, int], list[CandidateJudged]] = {}
        self.rejected: dict[str, set[str]] = {}
        self.asked: dict[tuple[str, str, int], CandidateJudged] = {}
        self.windows: set[str] = set()
        self.closed_windows: set[str] = set()
        self.checks: set[str] = set()
        self.tripped: RiskTripped | None = None
        self.command: Command | None = None
        self.fatal = False
        self.collared = False
        self.closing: Closing | None = None
        self.defense: DefenseChanged | None = None
        self.off: set[str] = set()
        self.resumed = False
        self.before_update = BotState.IDLE
        self.settings_changes: list[SettingsChanged] = []
        self.alerts: set[tuple[str, str]] = set()

    def fold(self, record: Record) -> None:
        """Take in one record."""
        if isinstance(record, CandidateJudged):
            key = (record.strategy, record.symbol, record.minute)
            self.judged.setdefault(key, []).append(record)
            if record.rule == ASKED:
                self.asked[key] = record
            elif record.outcome is not Outcome.ALLOWED:
                self.asked.pop(key, None)
            if record.outcome is Outcome.REJECTED:
                self.rejected.setdefault(record.strategy, set()).add(record.symbol)
            if record.direction is not None:
                self.signals.setdefault(record.strategy, set()).add((record.symbol, record.minute))
        elif isinstance(record, OrderIntent):
            if record.purpose is Purpose.ENTRY:
                signal = (record.asked, record.signal_minute)
                self.signals.setdefault(record.strategy, set()).add(signal)
                self.asked.pop((record.strategy, *signal), None)
        elif isinstance(record, StateChanged):
            self.state = record.state
            if record.state is BotState.UPDATING:
                self.before_update = record.previous
            entered = (record.previous, record.state) == (BotState.IDLE, BotState.ANALYZING)
            self.walked += entered
        elif isinstance(record, RiskModeChanged):
            self.risk_mode = record.mode
        elif isinstance(record, SliceDone):
            self.last_minute = record.minute
        elif isinstance(record, PoolRanked):
            self.pools[record.strategy] = record.pool
        elif isinstance(record, WindowPlanned):
            self.windows.add(record.strategy)
        elif isinstance(record, WindowClosed):
            self.closed_windows.add(record.strategy)
        elif isinstance(record, SelfChecked):
            self.checks.add(record.name)
        elif isinstance(record, RiskTripped):
            self.tripped = record
        elif isinstance(record, CommandObeyed):
            if self.command is None or STRENGTH[record.command] > STRENGTH[self.command]:
                self.command = record.command
        elif isinstance(record, EmergencyMet):
            cell = response_to(record.event, record.state)
            self.collared = self.collared or Effect.COLLAR in cell.effects
            if cell.closing is not None and cell.closing.is_stronger(self.closing):
                self.closing = cell.closing
        elif isinstance(record, DefenseChanged):
            self.defense = record
        elif isinstance(record, ErrorCaptured):
            self.fatal = self.fatal or record.fatal
            if record.context == STRATEGY_OFF:
                self.off.add(record.strategy)
        elif isinstance(record, SessionResumed):
            self.resumed = True
        elif isinstance(record, SettingsChanged):
            self.settings_changes.append(record)
        elif isinstance(record, AlertRaised):
            self.alerts.add((record.event, record.text))

    def rows(self, strategy: str, symbol: str, minute: int) -> Sequence[CandidateJudged]:
        """Return what is on record about a candidate of one bar, oldest first."""
        return self.judged.get((strategy, symbol, minute), ())

    def out_of_window(self, strategy: str) -> set[str]:
        """Return the symbols that risk's last door or the broker turned away for the window."""
        return self.rejected.get(strategy, set())


class Recorder:
    """Append records and fold them into the views.

    Parameters
    ----------
    journal
        The session's journal.
    clock
        The market clock: it stamps every entry.
    views
        What folds each record, in order.
    """

    def __init__(self, journal: Journal, clock: Clock, views: Sequence[View]) -> None:
        self._journal = journal
        self._clock = clock
        self._views = tuple(views)
        self.facts = Facts()
        self.wrote = False

    def replay(self, entries: Sequence[Entry]) -> None:
        """Fold entries that are in the journal already."""
        for entry in entries:
            self._fold(entry.record)

    def record(self, record: Record, *, durable: bool = False) -> None:
        """Append one record; with `durable` it survives a power loss before this returns."""
        self._journal.append(self._clock.now(), record, durable=durable)
        self.wrote = True
        self._fold(record)

    def sync(self) -> None:
        """Make everything recorded so far survive a power loss."""
        self._journal.sync()

    def _fold(self, record: Record) -> None:
        self.facts.fold(record)
        for view in self._views:
            view.fold(record)
