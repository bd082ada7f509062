"""The oracle: it must speak when an invariant is broken under its eyes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from rigd.core.events import Reconciled, SettingsChanged, StateChanged
from rigd.core.lifecycle import BotState
from rigd.hosts.simulate.oracle import Violated
from rigd.hosts.simulate.world import SimWorld
from tests.hosts.simulate.worlds import chosen

WORLD = SimWorld(chosen({}, seed=0)).run()


def stopped_at_first_order(change=lambda _: None) -> SimWorld:
    """A world whose oracle is asked once more about its first order, after a change."""
    world = SimWorld(chosen({}, seed=0))
    right = world.oracle.sending

    def sending(request) -> None:
        right(request)
        world.oracle.posted_here.clear()
        change(world)
        right(change_request(world, request))

    world.oracle.sending = sending
    return world


def change_request(world: SimWorld, request):
    return getattr(world, "other", None) or request


def violation(change) -> str:
    world = stopped_at_first_order(change).run()
    assert world.violation is not None
    return world.violation.invariant


def durable_only(world: SimWorld) -> None:
    world.disk.synced = 0


def other_quantity(world: SimWorld) -> None:
    last = list(world.oracle.account.orders.values())[-1]
    world.other = replace(_request(last.intent), qty=Decimal(1_000_000))


def _request(intent):
    from rigd.core.orders import OrderRequest  # noqa: PLC0415 - one use

    return OrderRequest(
        cl_ord_id=intent.cl_ord_id,
        symbol=intent.symbol,
        side=intent.side,
        qty=intent.qty,
        ord_type=intent.ord_type,
        limit_price=intent.limit_price,
        stop_price=intent.stop_price,
    )


def unknown(world: SimWorld) -> None:
    world.oracle.account.orders.clear()


def sent_before(world: SimWorld) -> None:
    world.oracle.posted_here.add(next(iter(world.oracle.account.orders)))


def new_owner(world: SimWorld) -> None:
    world.epoch = 7


def not_reconciled(world: SimWorld) -> None:
    world.oracle._reconciled = False


def killed(world: SimWorld) -> None:
    world.oracle.killed_at = world.clock.monotonic() - 2.0


def latched(world: SimWorld) -> None:
    world.disk.latch = replace(world.disk.latch, tripped=True)


def outside(world: SimWorld) -> None:
    world.venue.now = world.day.close


@pytest.mark.parametrize(
    ("change", "invariant"),
    [
        (unknown, "I-01"),
        (durable_only, "I-01"),
        (other_quantity, "I-01"),
        (sent_before, "I-02"),
        (not_reconciled, "I-14"),
        (new_owner, "I-15"),
        (killed, "I-12"),
        (latched, "I-12"),
        (outside, "I-16"),
    ],
)
def test_a_broken_rule_of_sending_is_named(change, invariant) -> None:
    """Each rule about what leaves, broken at the first order."""
    assert violation(change) == invariant


def test_a_day_without_faults_holds_and_trades() -> None:
    """The oracle is silent where nothing is wrong, and there was something to see."""
    assert WORLD.violation is None
    assert WORLD.venue.fills
    closed = WORLD.oracle.account.closed
    assert closed is not None
    assert (closed.status, closed.flat) == ("CLOSED", True)


def entry_of(world: SimWorld, record):
    return world.disk.entries[-1]._replace(record=record)


def agreed() -> Reconciled:
    return Reconciled(
        reason="test",
        missing_fills=0,
        foreign_orders=(),
        ghost_orders=(),
        position_differences=(),
        cash_difference=Decimal(0),
        agreed=True,
    )


@pytest.mark.parametrize(
    ("spoil", "invariant"),
    [
        (lambda account: account.fills.popitem(), "I-03"),
        (lambda account: account.positions.update(AAA=Decimal(1)), "I-07"),
        (lambda account: setattr(account, "cash", account.cash + 1), "I-09"),
    ],
)
def test_an_agreement_that_is_none_is_named(spoil, invariant) -> None:
    """After a reconcile that agreed: executions, positions and cash are the broker's."""
    world = SimWorld(chosen({}, seed=0)).run()
    world.oracle._check_agreement(agreed())
    spoil(world.oracle.account)
    with pytest.raises(Violated) as found:
        world.oracle.appended(entry_of(world, agreed()))
    assert found.value.violation.invariant == invariant


def test_a_step_that_is_not_in_the_table_is_named() -> None:
    """I-17: from stopped to trading."""
    world = SimWorld(chosen({}, seed=0)).run()
    step = StateChanged(
        previous=world.oracle.account.state, state=BotState.INITIALIZE, reason="test"
    )
    with pytest.raises(Violated) as found:
        world.oracle.appended(entry_of(world, step))
    assert found.value.violation.invariant == "I-17"
    assert str(found.value).startswith("invariant=I-17 at t=")


@pytest.mark.parametrize(
    "changes", [{"realised_pnl": Decimal("0.01")}, {"closing_cash": Decimal(1)}]
)
def test_a_result_that_the_brokers_cash_does_not_bear_out_is_named(changes) -> None:
    """V-4: flat and alone in the account, the cash grew by what was gained."""
    closed = WORLD.oracle.account.closed
    assert closed is not None
    WORLD.oracle._check_result(closed)
    with pytest.raises(Violated) as found:
        WORLD.oracle._check_result(replace(closed, **changes))
    assert found.value.violation.invariant == "V-4"


def test_what_is_unknown_too_long_after_the_last_fault_is_named() -> None:
    """V-1 and V-2: reconciled within two quiet minutes, every outcome known within five."""
    world = SimWorld(chosen({}, seed=0)).run()
    world.oracle.account.closed = None
    next(iter(world.oracle.account.orders.values())).in_doubt = True
    for invariant, minutes in (("V-2", 5), ("V-1", 2)):
        late = world.quiet_from + minutes
        world.oracle._check_settled(late - 1)
        with pytest.raises(Violated) as found:
            world.oracle._check_settled(late)
        assert found.value.violation.invariant == invariant
        world.oracle._reconciled = False


def test_settings_that_nobody_wrote_are_named() -> None:
    """I-17: what is in force is one whole content of the file."""
    world = SimWorld(chosen({}, seed=0)).run()
    change = SettingsChanged(
        minute=1,
        source="env/.env_bot.enc",
        changes=(("MAX_OPEN_POSITIONS", "1", "9"),),
        config_digest="0" * 64,
        session_cap=Decimal(1),
        limits=(),
    )
    with pytest.raises(Violated) as found:
        world.oracle.appended(entry_of(world, change))
    assert found.value.violation.invariant == "I-17"
