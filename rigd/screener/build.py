"""Build the universe step by step; every step is durable, so a crash repeats none that was done.

::

    universe_state.json     building, with the plan
    builds/{stamp}/raw.json         every symbol that a provider lists
    builds/{stamp}/allowed.json     without the blocklist
    builds/{stamp}/enriched.json    what providers know of each, after every batch
    blocklist.txt                   with the symbols that a provider refused
    builds/{stamp}/filtered.json    the universe
    archive/symbol_universe_{stamp}.json
    symbol_universe.json            published atomically: the one file that a session reads
    universe_state.json     published

All that is written follows from the plan, its start included, and from the answers: a build that
was cut off ends with the bytes of one that was not. An answer is asked for again only when the
crash came before it was stored.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from rigd.core.errors import DataError
from rigd.screener import blocklist, universe, versions
from rigd.screener.asking import Desk, NobodyAnswered, no_progress
from rigd.screener.blocklist import Blocked
from rigd.screener.criteria import Criteria
from rigd.screener.plan import Kind, Phase, Plan, State, decode_state
from rigd.screener.universe import Known
from rigd.store.files import remove, remove_tree
from rigd.store.locks import SessionLock
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rigd.core.ports import ControlClock
    from rigd.core.universe import Universe
    from rigd.screener.asking import Note, Source
    from rigd.store.paths import Home

WRITER = "rigd.screener.build"
BATCH = 500
"""Symbols per request of details, and per durable step."""
UNUSABLE = "unusable_symbol"
ADVICE = (
    "put csv files with symbol, close and volume, their date in the name, into env/universe, "
    "then: rigd universe build; or name their folder: rigd universe build --from FOLDER"
)
"""What the operator does about a universe that waits."""

_STAMP = "%Y%m%dT%H%M%S.%fZ"


class Outcome(NamedTuple):
    """How a build ended: its state, what is published now, and whether it was taken up again."""

    state: State
    published: Universe | None
    resumed: bool


def read_state(home: Home) -> State:
    """Return where the universe of a home stands; see `rigd.screener.plan.decode_state`."""
    return decode_state(Registry(home).read("universe_state.json"))


@contextmanager
def owned(home: Home, what: str, clock: ControlClock) -> Iterator[None]:
    """Be the one process that changes the universe and its blocklist.

    Parameters
    ----------
    home
        RIGD_HOME.
    what
        What runs, for the message to others.
    clock
        Says since when.

    Yields
    ------
    None
        Nothing; the body runs.

    Raises
    ------
    AlreadyRunning
        If another process changes it now; names it.
    """
    with SessionLock(Registry(home).path("universe.lock"), what=what, clock=clock):
        yield


class UniverseBuild:
    """Builds, filters again and publishes the universe of a home.

    Parameters
    ----------
    home
        RIGD_HOME.
    clock
        The control clock.
    note
        Takes the rows of the log.
    """

    __slots__ = ("_clock", "_home", "_note")

    def __init__(self, home: Home, clock: ControlClock, note: Note) -> None:
        self._home = home
        self._clock = clock
        self._note = note

    def build(
        self,
        sources: Sequence[Source],
        criteria: Criteria,
        *,
        keep: int,
        day: date | None = None,
        batch: int = BATCH,
        fresh: bool = False,
    ) -> Outcome:
        """Fetch, filter and publish; a build of the same day that was cut off is taken up.

        Parameters
        ----------
        sources
            Whom to ask, in this order.
        criteria
            The thresholds of a new build; one that is taken up keeps its own.
        keep
            Archived versions that remain.
        day
            The exchange day of the data; None for the unfinished build's, else today (UTC).
        batch
            Symbols per request.
        fresh
            Begin anew, whatever lies there unfinished.

        Returns
        -------
        Outcome
            Published, or waiting for a provider.
        """
        with owned(self._home, "rigd universe build", self._clock):
            state = State(Phase.WAITING, None, "", "") if fresh else self._settled()
            plan = state.unfinished
            resumed = plan is not None and day in {None, plan.day}
            if plan is None or not resumed:
                plan = self._new_plan(Kind.BUILD, day, criteria, keep, batch)
            if not sources:
                return self._wait(plan if resumed else None, "there is no provider", resumed)
            plan = self._take_up(plan, state.phase) if resumed else self._begin(plan)
            try:
                self._fetch(plan, sources)
            except NobodyAnswered as error:
                return self._wait(plan, str(error), resumed)
            return self._publish(plan, resumed)

    def refilter(self, criteria: Criteria, *, keep: int) -> Outcome:
        """Filter what was fetched for the published universe by other thresholds; ask nobody.

        One that was cut off is ended first, and is all that is done when it had these thresholds.

        Parameters
        ----------
        criteria
            The new thresholds.
        keep
            Archived versions that remain.

        Returns
        -------
        Outcome
            Published.

        Raises
        ------
        DataError
            If nothing is published, or a build is unfinished.
        """
        with owned(self._home, "rigd universe refilter", self._clock):
            plan = read_state(self._home).unfinished
            if plan and plan.kind is Kind.REFILTER and plan.criteria == criteria.as_texts():
                return self._publish(plan, resumed=True)
            if self._settled().unfinished is not None:
                msg = "a universe is filtered again when no build is unfinished, one is"
                raise DataError(msg, fix="rigd universe build takes it up")
            published = versions.published(self._home)
            self._load(published.origin, "enriched")
            plan = self._new_plan(Kind.REFILTER, published.day, criteria, keep, BATCH)
            return self._publish(self._begin(replace(plan, origin=published.origin)), resumed=False)

    def _settled(self) -> State:
        """Return the state, after a new filtering that was cut off has been ended."""
        state = read_state(self._home)
        plan = state.unfinished
        if plan is None or plan.kind is not Kind.REFILTER:
            return state
        return self._publish(plan, resumed=True).state

    def _new_plan(
        self, kind: Kind, day: date | None, criteria: Criteria, keep: int, batch: int
    ) -> Plan:
        started_at = self._clock.now()
        while self._taken(started_at.strftime(_STAMP)):
            started_at += timedelta(microseconds=1)
        stamp = started_at.strftime(_STAMP)
        return Plan(
            stamp=stamp,
            kind=kind,
            origin=stamp,
            started_at=started_at,
            day=day or started_at.date(),
            batch=batch,
            criteria=criteria.as_texts(),
            keep=keep,
        )

    def _taken(self, stamp: str) -> bool:
        registry = Registry(self._home, stamp=stamp)
        folder = registry.path("universe_raw.json").parent
        return folder.exists() or registry.path("archived_universe.json").exists()

    def _begin(self, plan: Plan) -> Plan:
        self._save(State(Phase.BUILDING, plan, "", "rigd universe build takes it up"))
        message = f"{plan.kind} {plan.stamp} of {plan.day} begins"
        self._note("INFO", f"universe_{plan.kind}_started", message, {"stamp": plan.stamp})
        return plan

    def _take_up(self, plan: Plan, phase: Phase) -> Plan:
        """Go on with a build; one that waited asks again those who failed."""
        if phase is Phase.WAITING:
            done = self._load(plan.stamp, "enriched")["batches"] if self._enriched(plan) else 0
            plan = replace(plan, forgiven=done)
            self._save(State(Phase.BUILDING, plan, "", "rigd universe build takes it up"))
        message = f"{plan.kind} {plan.stamp} of {plan.day} is taken up again"
        self._note("INFO", f"universe_{plan.kind}_resumed", message, {"stamp": plan.stamp})
        return plan

    def _wait(self, plan: Plan | None, cause: str, resumed: bool) -> Outcome:  # noqa: FBT001 - a fact
        state = State(Phase.WAITING, plan, cause, ADVICE)
        self._save(state)
        self._note("WARNING", "universe_waiting", f"waiting for a provider: {cause}", {})
        return Outcome(state, versions.published_or_none(self._home), resumed)

    def _fetch(self, plan: Plan, sources: Sequence[Source]) -> None:
        desk = Desk(sources, plan.day, self._note)
        raw = self._stage(plan, "raw", desk.list_symbols)
        allowed = self._stage(plan, "allowed", lambda: self._allow(raw["symbols"]))
        progress = self._load(plan.stamp, "enriched") if self._enriched(plan) else no_progress()
        desk.lost = _lost(raw, progress, plan.forgiven)
        symbols = allowed["symbols"]
        for first in range(progress["batches"] * plan.batch, len(symbols), plan.batch):
            desk.add_batch(symbols[first : first + plan.batch], progress)
            self._store(plan.stamp, "enriched", progress)
        if not symbols:
            self._store(plan.stamp, "enriched", progress)

    def _allow(self, symbols: Sequence[str]) -> dict[str, Any]:
        shut = blocklist.read(Registry(self._home))
        return {
            "symbols": [symbol for symbol in symbols if symbol not in shut],
            "blocked": [symbol for symbol in symbols if symbol in shut],
        }

    def _publish(self, plan: Plan, resumed: bool) -> Outcome:  # noqa: FBT001 - a fact
        registry = Registry(self._home, stamp=plan.stamp)
        content = registry.read("universe_filtered.json")
        if not content:
            self._block_refused(plan)
            content = self._filtered(plan)
            registry.write("universe_filtered.json", content, writer=WRITER)
        published = universe.decode(content)
        registry.write("archived_universe.json", content, writer=WRITER)
        registry.write("symbol_universe.json", content, writer=WRITER)
        self._prune(plan)
        state = State(Phase.PUBLISHED, plan, "", "rigd universe show")
        self._save(state)
        self._tell(published)
        return Outcome(state, published, resumed)

    def _block_refused(self, plan: Plan) -> None:
        if plan.kind is not Kind.BUILD:
            return
        refused = self._load(plan.stamp, "enriched")["refused"]
        lines = [
            Blocked(symbol=symbol, reason=reason, at=plan.started_at, provider=provider)
            for symbol, (reason, provider) in sorted(refused.items())
        ]
        for new in blocklist.add(Registry(self._home), lines):
            details = {"symbol": new.symbol, "provider": new.provider}
            message = f"{new.symbol} goes to the blocklist: {new.reason}"
            self._note("WARNING", "universe_blocklisted", message, details)

    def _filtered(self, plan: Plan) -> bytes:
        raw = self._load(plan.origin, "raw")
        progress = self._load(plan.origin, "enriched")
        known = {
            symbol: Known(universe.details_of(fields), fields["provider"])
            for symbol, fields in progress["known"].items()
        }
        shut = blocklist.read(Registry(self._home))
        criteria = Criteria.from_texts(plan.criteria)
        members, rejected = universe.select(raw["symbols"], shut, known, criteria)
        rejected |= dict.fromkeys(raw["unusable"], UNUSABLE)
        return universe.encode(
            stamp=plan.stamp,
            origin=plan.origin,
            built_at=plan.started_at,
            day=plan.day,
            dated=date.fromisoformat(progress["dated"] or raw["day"]),
            criteria=plan.criteria,
            members=members,
            rejected=rejected,
        )

    def _prune(self, plan: Plan) -> None:
        for path in versions.archived(self._home)[plan.keep :]:
            remove(path)
        builds = Registry(self._home, stamp=plan.stamp).path("universe_raw.json").parents[1]
        for folder in sorted(builds.iterdir()):
            if folder.name not in {plan.stamp, plan.origin}:
                remove_tree(folder)

    def _tell(self, published: Universe) -> None:
        counts: dict[str, int] = {}
        for reason in published.rejected.values():
            counts[reason] = counts.get(reason, 0) + 1
        message = f"universe {published.stamp}: {len(published.members)} symbols published"
        details = {
            "version": published.version,
            "rejected": dict(sorted(counts.items())),
            "warned": published.warned,
        }
        self._note("INFO", "universe_published", message, details)

    def _stage(self, plan: Plan, stage: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if not Registry(self._home, stamp=plan.stamp).path(f"universe_{stage}.json").exists():
            self._store(plan.stamp, stage, make())
        return self._load(plan.stamp, stage)

    def _enriched(self, plan: Plan) -> bool:
        return Registry(self._home, stamp=plan.stamp).path("universe_enriched.json").exists()

    def _load(self, stamp: str, stage: str) -> dict[str, Any]:
        content = Registry(self._home, stamp=stamp).read(f"universe_{stage}.json")
        try:
            fields: dict[str, Any] = json.loads(content)
        except ValueError as error:
            msg = f"stage {stage} of universe {stamp} must be what rigd wrote, found {error}"
            raise DataError(msg, fix="rigd universe build --fresh") from error
        return fields

    def _store(self, stamp: str, stage: str, fields: Mapping[str, Any]) -> None:
        content = json.dumps(fields, separators=(",", ":")).encode() + b"\n"
        Registry(self._home, stamp=stamp).write(f"universe_{stage}.json", content, writer=WRITER)

    def _save(self, state: State) -> None:
        Registry(self._home).write("universe_state.json", state.encode(), writer=WRITER)


def _lost(raw: Mapping[str, Any], progress: Mapping[str, Any], forgiven: int | None) -> set[str]:
    """Return who failed in this build, but for those who are asked again after waiting."""
    if forgiven is None:
        return {*raw["lost"], *(name for _, name in progress["lost"])}
    return {name for batch, name in progress["lost"] if batch >= forgiven}
