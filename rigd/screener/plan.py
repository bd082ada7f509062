"""Where the universe stands: ``universe_state.json`` with the plan of the build under way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from rigd.core.clock import from_iso, iso
from rigd.core.errors import DataError, LogicError

NOTHING_BUILT = "nothing was built yet"


class Phase(StrEnum):
    """Where the universe stands."""

    WAITING = "waiting"
    BUILDING = "building"
    PUBLISHED = "published"


class Kind(StrEnum):
    """What publishes a universe: a build that fetches, or new thresholds over what was fetched."""

    BUILD = "build"
    REFILTER = "refilter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a build was asked for; fixed at its start.

    Parameters
    ----------
    stamp
        Its name: the start in microseconds.
    kind
        Whether it fetches.
    origin
        The build whose answers it filters; its own stamp when it fetches.
    started_at
        The instant of every stamp that it writes, UTC.
    day
        The exchange day whose data are asked for.
    batch
        Symbols per request.
    criteria
        The thresholds, as texts by name.
    keep
        Archived versions that remain.
    forgiven
        Batches that were done when it was last taken up after waiting: a provider that failed
        before them is asked again.
    """

    stamp: str
    kind: Kind
    origin: str
    started_at: datetime
    day: date
    batch: int
    criteria: Mapping[str, str]
    keep: int
    forgiven: int | None = None

    def as_fields(self) -> dict[str, Any]:
        """Return the plan as JSON."""
        return {
            "stamp": self.stamp,
            "kind": self.kind.value,
            "origin": self.origin,
            "started_at": iso(self.started_at),
            "day": self.day.isoformat(),
            "batch": self.batch,
            "criteria": dict(self.criteria),
            "keep": self.keep,
            "forgiven": self.forgiven,
        }

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Plan:
        """Return the plan that `as_fields` wrote."""
        return cls(
            stamp=fields["stamp"],
            kind=Kind(fields["kind"]),
            origin=fields["origin"],
            started_at=from_iso(fields["started_at"]),
            day=date.fromisoformat(fields["day"]),
            batch=fields["batch"],
            criteria=fields["criteria"],
            keep=fields["keep"],
            forgiven=fields["forgiven"],
        )


class State(NamedTuple):
    """The phase, the plan, why it waits and what the operator should do next."""

    phase: Phase
    plan: Plan | None
    cause: str
    next_step: str

    @property
    def unfinished(self) -> Plan | None:
        """The plan that is to be taken up; None without one."""
        return None if self.phase is Phase.PUBLISHED else self.plan

    def encode(self) -> bytes:
        """Return the state as its file."""
        fields = {
            "phase": self.phase.value,
            "plan": self.plan.as_fields() if self.plan else None,
            "cause": self.cause,
            "next": self.next_step,
        }
        return json.dumps(fields, indent=1).encode() + b"\n"


def decode_state(content: bytes) -> State:
    """Return the state that a file holds.

    Parameters
    ----------
    content
        ``universe_state.json``; blank where nothing was built yet.

    Returns
    -------
    State
        Waiting when the file is blank.

    Raises
    ------
    DataError
        If it has another form.
    """
    if not content:
        return State(Phase.WAITING, None, NOTHING_BUILT, "rigd universe build")
    try:
        fields = json.loads(content)
        plan = Plan.from_fields(fields["plan"]) if fields["plan"] else None
        return State(Phase(fields["phase"]), plan, str(fields["cause"]), str(fields["next"]))
    except (KeyError, TypeError, ValueError, LogicError) as error:
        msg = f"universe_state.json must be what rigd wrote, found {error!r}"
        raise DataError(msg, fix="rigd universe build --fresh") from error
