"""The circuit breaker: its table of transitions, its rest, its one trial at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest

from rigd.core.errors import ConfigError, IllegalTransition, NetworkError
from rigd.net.breaker import TRANSITIONS, Breaker, Event, Patience, State, follow
from tests.fakes.clock import FakeClock

TABLE = """
            answered  failed  tripped  cooled
closed      closed    closed  open     -
open        closed    open    -        half_open
half_open   closed    open    -        -
"""
"""INVENTORY N2 as a table, written apart from the code's."""


def expected() -> dict[tuple[str, str], str]:
    """The table above, by state and event."""
    head, *rows = (line.split() for line in TABLE.strip().splitlines())
    return {(row[0], event): to for row in rows for event, to in zip(head, row[1:], strict=True)}


def breaker(clock: FakeClock, failures: int = 3, rest_s: float = 10.0) -> Breaker:
    return Breaker("finnhub", clock, Patience(failures=failures, rest_s=rest_s))


def opened(clock: FakeClock) -> Breaker:
    """One that failed three times in a row."""
    found = breaker(clock)
    for _ in range(3):
        found.admit()
        found.failed()
    return found


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_each_pair_leads_where_the_table_says_or_nowhere(state: State, event: Event) -> None:
    """INVENTORY N2: all twelve pairs; one that is not in the table raises."""
    to = expected()[state, event]
    if to == "-":
        assert (state, event) not in TRANSITIONS
        with pytest.raises(IllegalTransition, match=event):
            follow(state, event)
    else:
        assert follow(state, event) == to


def test_it_opens_on_the_last_failure_in_a_row_that_it_bears() -> None:
    """INVENTORY N2: closed until the third failure in a row; an answer begins the row anew."""
    found = breaker(FakeClock())
    for outcome in ("failed", "failed", "answered", "failed", "failed"):
        found.admit()
        getattr(found, outcome)()
        assert found.state is State.CLOSED
    found.failed()
    assert found.state is State.OPEN


def test_while_open_nothing_is_asked_and_after_the_rest_once() -> None:
    """INVENTORY N2: open refuses with the time left; half open lets one trial through."""
    clock = FakeClock()
    found = opened(clock)
    clock.advance(9.5)
    with pytest.raises(NetworkError, match="3 times in a row: left alone 0 s"):
        found.admit()
    clock.advance(0.5)
    assert found.state is State.HALF_OPEN
    found.admit()
    with pytest.raises(NetworkError):
        found.admit()
    found.answered()
    assert found.state is State.CLOSED
    found.admit()
    found.admit()


def test_a_failed_trial_opens_it_for_another_rest() -> None:
    """INVENTORY N2: half open to open, and the rest is measured from there."""
    clock = FakeClock()
    found = opened(clock)
    clock.advance(10.0)
    found.admit()
    found.failed()
    assert found.state is State.OPEN
    clock.advance(9.9)
    assert found.state is State.OPEN
    clock.advance(0.1)
    assert found.state is State.HALF_OPEN


def test_failures_while_open_do_not_lengthen_the_rest() -> None:
    """Calls that were under way when it opened say nothing new."""
    clock = FakeClock()
    found = opened(clock)
    clock.advance(6.0)
    found.failed()
    clock.advance(4.0)
    assert found.state is State.HALF_OPEN


def test_the_wall_clock_does_not_end_the_rest() -> None:
    """A jump of the time of day is no time that passed (FAULTS T02)."""
    clock = FakeClock()
    found = opened(clock)
    clock.jump(3600.0)
    assert found.state is State.OPEN


def test_of_many_threads_one_has_the_trial() -> None:
    """A service that comes back is not met by everybody at once."""
    clock = FakeClock()
    found = opened(clock)
    clock.advance(10.0)

    def admitted(_: int) -> bool:
        try:
            found.admit()
        except NetworkError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(admitted, range(200))) == 1


@pytest.mark.parametrize("wrong", [{"failures": 0}, {"rest_s": -1.0}, {"rest_s": float("nan")}])
def test_patience_that_makes_no_sense_is_refused(wrong) -> None:
    """A breaker that opens on nothing would ask nobody."""
    with pytest.raises(ConfigError):
        Patience(**wrong)
