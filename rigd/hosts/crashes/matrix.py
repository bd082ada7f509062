"""The crash matrix: a session is cut at every boundary, run again, and must end as if it was not.

What happens at the broker is read from the broker's own log, in another process than the engine's.
A killed session must end exactly as the undisturbed one. One that was interrupted, or that a
failing disk made close early, has taken another road: it must be closed, flat, balanced, and agree
with the broker; when its journal says nothing of a fault it must equal the undisturbed one as well.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from rigd.core.errors import ConfigError, RigdError
from rigd.core.events import CommandObeyed, ErrorCaptured, SessionClosed
from rigd.core.lifecycle import BotState
from rigd.hosts import records
from rigd.hosts.bot import Bot, open_bot
from rigd.hosts.crashes.boundaries import INJECTIONS, Fault
from rigd.hosts.crashes.evidence import (
    changed_configuration,
    differences,
    held_at_broker,
    read_broker_log,
    read_left,
    session_folders,
    unreadable,
    unsound,
)
from rigd.hosts.crashes.processes import KILLED, Stage, spread_over, version_file
from rigd.hosts.crashes.sessions import session_of
from rigd.hosts.crashes.watch import Moment
from rigd.store import manifest
from rigd.store.images import drop_home
from rigd.store.paths import Home

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rigd.core.events import Entry
    from rigd.hosts.crashes.boundaries import Boundary
    from rigd.hosts.crashes.evidence import Left
    from rigd.hosts.crashes.processes import Run

WORKERS: Final = 2
ATTEMPTS: Final = 3
"""How often a session is run again before it counts as one that never ends."""

_DISK_ERROR: Final = "STORAGE_ERROR"
_TOLD_ERRORS: Final = ("rigd.", "KeyboardInterrupt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What became of one moment.

    Parameters
    ----------
    moment
        Fault and boundary.
    boundary
        The boundary's name.
    wrongs
        Every rule that was broken.
    died
        Whether the process ended by the fault: killed, or with an error.
    recovery_s
        From the start of the next process to its first reconciliation [s]; None when the session
        was over already.
    """

    moment: Moment
    boundary: str
    wrongs: tuple[str, ...]
    died: bool
    recovery_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The whole matrix.

    Parameters
    ----------
    session
        Which session was cut.
    boundaries
        The undisturbed session's boundaries by name.
    at_stake
        Records, orders, fills and trades of the undisturbed session.
    cases
        Every moment.
    seconds
        How long it all took [s].
    """

    session: str
    boundaries: Counter[str]
    at_stake: dict[str, int]
    cases: tuple[Case, ...]
    seconds: float

    @property
    def violations(self) -> list[Case]:
        """The moments at which a rule was broken."""
        return [case for case in self.cases if case.wrongs]

    @property
    def recoveries(self) -> list[float]:
        """How long each recovery took, shortest first [s]."""
        return sorted(case.recovery_s for case in self.cases if case.recovery_s is not None)


class Matrix:
    """One session that is cut again and again.

    Parameters
    ----------
    session
        A name of SESSIONS.
    folder
        An empty folder to work in.
    """

    def __init__(self, session: str, folder: Path) -> None:
        self.session = session
        self.folder = folder
        self.stage = Stage(session_of(session), folder / "template")
        self._bot = open_bot(Home(self.stage.template), version_file())
        self.boundaries: list[Boundary] = []
        self.undisturbed = self._run_undisturbed()

    def run(
        self, moments: Sequence[Moment], on_case: Callable[[Case], None] | None = None
    ) -> Outcome:
        """Cut the session at each moment.

        Parameters
        ----------
        moments
            Where.
        on_case
            Called with each as it is done.

        Returns
        -------
        Outcome
            What became of all.
        """
        began, cases = self.stage.clock.monotonic(), []
        for answer in spread_over(WORKERS, moments, partial(_answer, self)):
            case = _case(answer)
            cases.append(case)
            if on_case is not None:
                on_case(case)
        left = self.undisturbed
        at_stake = {
            "records": len(left.entries),
            "orders": len(left.taken),
            "fills": len(left.fills),
            "trades": len(left.trades),
        }
        return Outcome(
            session=self.session,
            boundaries=Counter(boundary.name for boundary in self.boundaries),
            at_stake=at_stake,
            cases=tuple(cases),
            seconds=self.stage.clock.monotonic() - began,
        )

    def judge(self, moment: Moment) -> Case:
        """Cut the session once, run it until it ends, and compare."""
        home = self.stage.home(self.folder / f"{moment.fault}-{moment.nth}")
        wrongs: list[str] = []
        recovery = None
        with self.stage.broker(home) as port:
            first = self.stage.run(home, port, moment)
            wrongs += _read(partial(_of_first, first, moment, self._bot_of(home)))
            for _ in range(ATTEMPTS):
                if is_sealed(home):
                    break
                again = self.stage.run(home, port)
                wrongs += again.watched.wrongs
                if recovery is None:
                    recovery = again.watched.reconciled_s
                if again.code:
                    wrongs.append(f"run again, it ended with {again.code}: {again.last_words}")
                    break
            wrongs += _read(partial(self._of_end, home, moment))
            wrongs += changed_configuration(home, self.stage.template)
        drop_home(home)
        return Case(
            moment=moment,
            boundary=first.watched.hit,
            wrongs=tuple(wrongs),
            died=first.code != 0,
            recovery_s=recovery,
        )

    def _of_end(self, home: Path, moment: Moment) -> list[str]:
        """Judge what the session left in the end."""
        if not is_sealed(home):
            return ["the session never ended"]
        if len(session_folders(home)) > 1:
            return ["a second session began"]
        bot = self._bot_of(home)
        left = read_left(home, bot)
        broken = [*unsound(left), *_wrong_state(left.entries)]
        if moment.fault in {Fault.KILL, Fault.TORN} or not _took_another_road(left):
            broken += differences(left, self.undisturbed)
        return [*(f"broken: {rule}" for rule in dict.fromkeys(broken)), *unreadable(home, bot)]

    def _bot_of(self, home: Path) -> Bot:
        """Return the bot of a home, whose configuration is that of the template."""
        return replace(self._bot, home=Home(home))

    def _run_undisturbed(self) -> Left:
        home = self.stage.home(self.folder / "undisturbed")
        with self.stage.broker(home) as port:
            ran = self.stage.run(home, port, on_call=self.boundaries.append)
        ran.require_good()
        left = read_left(home)
        drop_home(home)
        return left


def moments_of(
    boundaries: Sequence[Boundary], injections: Sequence[str], sample: int = 0
) -> list[Moment]:
    """Return every fault at every boundary that it can meet.

    Parameters
    ----------
    boundaries
        The undisturbed session's, in order.
    injections
        Names of INJECTIONS.
    sample
        How many of them, spread evenly; 0 for all.

    Returns
    -------
    list of Moment
        In the order of the session.

    Raises
    ------
    ConfigError
        If an injection is unknown, or none is named.
    """
    unknown = [name for name in injections if name not in INJECTIONS]
    if unknown or not injections:
        named = ", ".join(unknown) or "none"
        msg = f"an injection must be one of {', '.join(INJECTIONS)}, was {named}"
        raise ConfigError(msg)
    faults = [fault for name in injections for fault in INJECTIONS[name]]
    found = [
        Moment(fault, nth)
        for nth, boundary in enumerate(boundaries, start=1)
        for fault in faults
        if boundary.meets(fault)
    ]
    if not sample or sample >= len(found):
        return found
    return [found[int((place + 0.5) * len(found) / sample)] for place in range(sample)]


def moment_of(boundaries: Sequence[Boundary], text: str) -> Moment:
    """Return one moment from its text, as a violation names it.

    Parameters
    ----------
    boundaries
        The undisturbed session's, in order.
    text
        ``FAULT:NTH``, such as ``eio:12``; boundaries count from 1.

    Returns
    -------
    Moment
        The moment.

    Raises
    ------
    ConfigError
        If there is no such fault or boundary, or the boundary does not meet the fault.
    """
    name, _, number = text.partition(":")
    nth = int(number) if number.isdecimal() else 0
    if name not in set(Fault) or not 0 < nth <= len(boundaries):
        faults = ", ".join(Fault)
        msg = f"a moment must be FAULT:NTH, {faults} at 1 to {len(boundaries)}, was {text!r}"
        raise ConfigError(msg)
    fault = Fault(name)
    if not boundaries[nth - 1].meets(fault):
        msg = f"boundary {nth} ({boundaries[nth - 1].name}) does not meet {fault}"
        raise ConfigError(msg)
    return Moment(fault, nth)


def is_sealed(home: Path) -> bool:
    """Tell whether the home's session is over and sealed: nothing is left to take up."""
    return any(home.glob(f"runs/RIGD_*/sessions/*/{manifest.NAME}"))


def _read(judge: Callable[[], list[str]]) -> list[str]:
    """Return what a judge finds wrong; what it cannot read is wrong as well."""
    try:
        return judge()
    except RigdError as error:
        return [f"{type(error).__name__}: {error}"]


def _of_first(first: Run, moment: Moment, bot: Bot) -> list[str]:
    """Judge the process that was hit, before anything is run again."""
    home = bot.home.root
    wrongs = list(first.watched.wrongs)
    killed = moment.fault in {Fault.KILL, Fault.TORN}
    if not first.watched.hit:
        wrongs.append("the boundary was not reached")
    if killed and first.code != KILLED:
        wrongs.append(f"it was to be killed and ended with {first.code}")
    if not killed and first.code > 0 and not first.last_words.startswith(_TOLD_ERRORS):
        wrongs.append(f"the diagnosis is no error of rigd: {first.last_words}")
    if not killed and first.code < 0:
        wrongs.append(f"it died of signal {-first.code}")
    wrongs += unreadable(home, bot)
    if moment.fault is Fault.FULL:
        held = held_at_broker(_changes(home))
        if held:
            wrongs.append(f"a full disk left positions open: {held}")
    if first.code > 0:
        for folder in session_folders(home):
            if not (folder / records.JOURNAL).exists():
                continue
            wrongs += _wrong_state(records.entries_of(folder, bot.identity))
    return wrongs


def _wrong_state(entries: Sequence[Entry]) -> list[str]:
    """Return that a session which a fault ended calls itself anything but an error."""
    told = [e.record for e in entries if isinstance(e.record, ErrorCaptured) and e.record.fatal]
    closed = entries[-1].record if entries else None
    if told and isinstance(closed, SessionClosed) and closed.state is not BotState.ERROR:
        return [f"a session that a fault ended must end in the state error, was {closed.state}"]
    return [
        f"a failing disk must be told as such, was {error.error_code}"
        for error in told
        if error.error_code != _DISK_ERROR
    ]


def _changes(home: Path) -> list[dict[str, Any]]:
    logs = home.glob("runs/simulated_broker/*.log")
    return [change for log in logs for change in read_broker_log(log)]


def _took_another_road(left: Left) -> bool:
    """Tell whether the journal says that something happened that the undisturbed one lacks."""
    return any(isinstance(entry.record, CommandObeyed | ErrorCaptured) for entry in left.entries)


def _answer(matrix: Matrix, moment: Moment) -> dict[str, Any]:
    case = matrix.judge(moment)
    return {
        "fault": str(moment.fault),
        "nth": moment.nth,
        "boundary": case.boundary,
        "wrongs": list(case.wrongs),
        "died": case.died,
        "recovery_s": case.recovery_s,
    }


def _case(answer: dict[str, Any]) -> Case:
    return Case(
        moment=Moment(Fault(answer["fault"]), answer["nth"]),
        boundary=answer["boundary"],
        wrongs=tuple(answer["wrongs"]),
        died=answer["died"],
        recovery_s=answer["recovery_s"],
    )
