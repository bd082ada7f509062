"""One seed: processes come and go, and the session ends as it must."""

from __future__ import annotations

import pytest

from rigd.core.events import ErrorCaptured, RiskTripped, SessionResumed
from rigd.hosts.simulate.faults import MENU, Fault
from rigd.hosts.simulate.swarm import Personality
from tests.hosts.simulate.worlds import run

CRASHES = [fault for fault in MENU if fault.startswith("crash")]


def kinds(world) -> list[str]:
    return [type(entry.record).__name__ for entry in world.disk.entries]


def test_a_day_of_good_manners_is_one_process() -> None:
    """No fault, no second process, one session that closes."""
    world = run({})
    assert (world.violation, world.processes, world.crashes) == (None, 1, 0)
    assert kinds(world).count("SessionClosed") == 1


@pytest.mark.parametrize("fault", [f for f in CRASHES if f is not Fault.CRASH_AT_START])
@pytest.mark.parametrize("power", [0.0, 1.0])
def test_a_process_that_dies_anywhere_is_started_again(fault, power) -> None:
    """R01-R03: as often as it dies, with and without the machine; everything holds."""
    world = run({fault: 0.3, Fault.POWER_LOSS: power, Fault.CRASH_AT_START: 0.5}, crashes=8)
    assert world.violation is None, str(world.violation)
    assert world.crashes >= 1
    assert world.processes == world.epoch == world.crashes + 1
    assert kinds(world).count("SessionClosed") == 1


@pytest.mark.parametrize(
    ("fault", "rate"),
    [(Fault.DISK_FULL, 0.02), (Fault.SYNC_FAILS, 0.05), (Fault.BOOKS_FULL, 0.3)],
)
def test_a_disk_that_fails_ends_the_process_and_loses_nothing(fault, rate) -> None:
    """R04, R05: started again when the disk is well."""
    world = run({fault: rate})
    assert world.violation is None, str(world.violation)
    assert world.processes > 1
    assert any(isinstance(entry.record, SessionResumed) for entry in world.disk.entries)


@pytest.mark.parametrize("authoritative", [True, False])
@pytest.mark.parametrize(
    "fault",
    [
        Fault.REQUEST_LOST,
        Fault.REPLY_LOST,
        Fault.GATEWAY_TIMEOUT,
        Fault.GARBAGE,
        Fault.DELAYED,
        Fault.STREAM_DROP,
        Fault.FIND_LAG,
        Fault.LIST_LAG,
    ],
)
def test_a_bad_wire_leaves_nothing_unknown_nothing_twice(fault, authoritative) -> None:
    """O01, O07, O08: at half of all chances, on a broker that takes an id twice."""
    manners = Personality(idempotent=False, authoritative=authoritative)
    for seed in range(3):
        world = run({fault: 0.5}, seed=seed, personality=manners)
        assert world.violation is None, str(world.violation)


@pytest.mark.parametrize(
    "fault",
    [
        Fault.LATE_FILL,
        Fault.OVERFILL,
        Fault.BUST,
        Fault.CORRECTION,
        Fault.PARTIAL_FILL,
        Fault.EVENT_TWICE,
        Fault.EVENTS_REORDERED,
        Fault.FORCED_CANCEL,
    ],
)
@pytest.mark.parametrize("guards", [True, False])
def test_a_bad_broker_is_booked_as_it_is(fault, guards) -> None:
    """O03-O06, O09, O10: late, too much, taken back, corrected, in parts, twice, mixed up."""
    for seed in range(3):
        world = run({fault: 0.5}, seed=seed, personality=Personality(guards_positions=guards))
        assert world.violation is None, str(world.violation)


@pytest.mark.parametrize("fault", [Fault.USER_STOP, Fault.USER_KILL, Fault.USER_SHUTDOWN])
def test_a_command_ends_the_session_flat(fault) -> None:
    """V-3: at any minute."""
    for seed in range(4):
        world = run({fault: 0.05, Fault.USER_TWICE: 0.5}, seed=seed)
        assert world.violation is None, str(world.violation)
        closed = world.oracle.account.closed
        assert closed is not None
        assert closed.flat
        assert not world.venue.net_of_ours()


def test_bars_that_are_wrong_trade_nothing_and_end_nothing() -> None:
    """I-16: told as errors, and the session goes on to its end."""
    world = run(dict.fromkeys((Fault.BAR_NAN, Fault.BAR_ZERO, Fault.BAR_CROSSED), 0.05))
    assert world.violation is None, str(world.violation)
    told = [e.record for e in world.disk.entries if isinstance(e.record, ErrorCaptured)]
    assert any(error.context.startswith("bar of") for error in told)
    assert not any(error.fatal for error in told)


def test_a_latch_that_an_admin_resets_while_the_bot_closes_changes_nothing() -> None:
    """I-12: the session that tripped goes on to close."""
    for seed in range(6):
        world = run({Fault.USER_RESETS: 1.0, Fault.CRASH_IN_MINUTE: 0.01}, seed=seed)
        assert world.violation is None, str(world.violation)
        tripped = [e for e in world.disk.entries if isinstance(e.record, RiskTripped)]
        if tripped:
            return
    pytest.fail("no seed tripped the kill switch")
