"""Leave a service alone that keeps failing, and try it again after a while (BROKERS §6.3).

The libraries for this measure on a clock of their own; a simulated day must be repeatable (SPEC
§10), so this is a small one of ours with the same three states.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING

from rigd.core.errors import ConfigError, IllegalTransition, NetworkError

if TYPE_CHECKING:
    from rigd.core.ports import ControlClock


class State(StrEnum):
    """Whether a service is asked."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Event(StrEnum):
    """What moves a breaker."""

    ANSWERED = "answered"
    FAILED = "failed"
    TRIPPED = "tripped"
    COOLED = "cooled"


TRANSITIONS = MappingProxyType({
    (State.CLOSED, Event.ANSWERED): State.CLOSED,
    (State.CLOSED, Event.FAILED): State.CLOSED,
    (State.CLOSED, Event.TRIPPED): State.OPEN,
    (State.OPEN, Event.ANSWERED): State.CLOSED,
    (State.OPEN, Event.FAILED): State.OPEN,
    (State.OPEN, Event.COOLED): State.HALF_OPEN,
    (State.HALF_OPEN, Event.ANSWERED): State.CLOSED,
    (State.HALF_OPEN, Event.FAILED): State.OPEN,
})
"""Every pair that may occur, and where it leads.

`TRIPPED` is the last failure in a row that a closed breaker bears, `COOLED` the end of the time
that an open one rests. An answer closes it from anywhere: whoever asked, the service lives.
"""


def follow(state: State, event: Event) -> State:
    """Return the state after an event.

    Parameters
    ----------
    state, event
        A pair of `TRANSITIONS`.

    Returns
    -------
    State
        Where it leads.

    Raises
    ------
    IllegalTransition
        If the pair is not in the table.
    """
    found = TRANSITIONS.get((state, event))
    if found is None:
        msg = f"a breaker that is {state} must not meet {event}"
        raise IllegalTransition(msg)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """When a breaker opens and how long it rests.

    Parameters
    ----------
    failures
        So many in a row open it.
    rest_s
        How long it stays open before one trial [s].

    Raises
    ------
    ConfigError
        If it would open on no failure, or rest for a negative time.
    """

    failures: int = 5
    rest_s: float = 30.0

    def __post_init__(self) -> None:
        if self.failures < 1 or not self.rest_s >= 0.0:
            msg = f"a breaker must bear 1 failure or more and rest 0 s or more, was {self}"
            raise ConfigError(msg)


class Breaker:
    """One service's breaker, safe to share between threads.

    Parameters
    ----------
    service
        Its name, for the message.
    clock
        What the rest is measured on, by monotonic time.
    patience
        When it opens, and how long it rests.
    """

    __slots__ = (
        "_clock",
        "_lock",
        "_opened_s",
        "_patience",
        "_row",
        "_state",
        "_trying",
        "service",
    )

    def __init__(self, service: str, clock: ControlClock, patience: Patience) -> None:
        self.service = service
        self._clock = clock
        self._patience = patience
        self._lock = Lock()
        self._state = State.CLOSED
        self._row = 0
        self._opened_s = 0.0
        self._trying = False

    @property
    def state(self) -> State:
        """The state now; an open breaker that has rested is half open."""
        with self._lock:
            self._cool()
            return self._state

    def admit(self) -> None:
        """Let one call through; when half open, one at a time. Its outcome must be told.

        Raises
        ------
        NetworkError
            If the service is left alone now.
        """
        with self._lock:
            self._cool()
            if self._state is State.OPEN or (self._state is State.HALF_OPEN and self._trying):
                left_s = max(0.0, self._opened_s + self._patience.rest_s - self._clock.monotonic())
                msg = f"{self.service} failed {self._row} times in a row: left alone {left_s:.0f} s"
                raise NetworkError(msg)
            self._trying = self._state is State.HALF_OPEN

    def answered(self) -> None:
        """Take in an answer, a refusal too: the service lives."""
        with self._lock:
            self._row = 0
            self._trying = False
            self._state = follow(self._state, Event.ANSWERED)

    def failed(self) -> None:
        """Take in a failure: no answer came."""
        with self._lock:
            self._cool()
            self._row += 1
            self._trying = False
            before = self._state
            trips = before is State.CLOSED and self._row >= self._patience.failures
            self._state = follow(before, Event.TRIPPED if trips else Event.FAILED)
            if self._state is State.OPEN and before is not State.OPEN:
                self._opened_s = self._clock.monotonic()

    def _cool(self) -> None:
        if self._state is State.OPEN:
            rested_s = self._clock.monotonic() - self._opened_s
            if rested_s >= self._patience.rest_s:
                self._state = follow(self._state, Event.COOLED)
