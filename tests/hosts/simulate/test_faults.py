"""The menu and the plan: what a seed draws depends on the seed and the fault alone."""

from __future__ import annotations

from rigd.hosts.simulate.faults import MENU, Fault, FaultPlan, Stream

CHANCES = 400


def hits(plan: FaultPlan, fault: Fault) -> list[int]:
    return [n for n in range(CHANCES) if plan.fires(fault)]


def test_the_menu_has_every_fault_once_with_a_rate() -> None:
    """A fault without a row could never happen, and no row is certain from the start."""
    assert tuple(MENU) == tuple(Fault)
    assert all(0.0 < spec.rate < 1.0 and spec.text and spec.door for spec in MENU.values())


def test_a_fault_happens_as_often_as_its_rate_says() -> None:
    """A rate of 0.25 in 400 chances: 100 give or take 35 (four standard deviations)."""
    assert abs(len(hits(FaultPlan(1, {Fault.REJECT: 0.25}), Fault.REJECT)) - 100) <= 35


def test_leaving_a_fault_out_moves_no_other() -> None:
    """Each fault draws from a stream of its own: that is what makes a seed shrink."""
    both = FaultPlan(7, {Fault.REJECT: 0.2, Fault.HALT: 0.2})
    mixed = []
    for n in range(CHANCES):
        both.fires(Fault.HALT)
        if both.fires(Fault.REJECT):
            mixed.append(n)
    assert mixed == hits(FaultPlan(7, {Fault.REJECT: 0.2}), Fault.REJECT)


def test_an_occurrence_that_is_dropped_does_not_happen_and_the_others_do() -> None:
    """Dropped by its number; what is left keeps its place."""
    rates = {Fault.REJECT: 0.2}
    whole = hits(FaultPlan(3, rates), Fault.REJECT)
    dropped = frozenset({(Fault.REJECT, whole[1] + 1)})
    plan = FaultPlan(3, rates, dropped)
    assert hits(plan, Fault.REJECT) == [whole[0], *whole[2:]]
    assert plan.schedule == [(Fault.REJECT, n + 1) for n in (whole[0], *whole[2:])]
    assert plan.fired[Fault.REJECT] == len(whole) - 1


def test_nothing_happens_once_the_plan_is_off_or_without_a_rate() -> None:
    """The liveness phase: no fault at all."""
    plan = FaultPlan(3, {Fault.REJECT: 1.0})
    assert plan.fires(Fault.REJECT)
    assert not plan.fires(Fault.HALT)
    assert (plan.has(Fault.REJECT), plan.has(Fault.HALT)) == (True, False)
    plan.on = False
    assert not plan.fires(Fault.REJECT)


def test_a_pick_lies_in_its_range_and_reaches_all_of_it() -> None:
    """0 to count - 1."""
    plan = FaultPlan(11, {})
    assert {plan.pick("x", 5) for _ in range(CHANCES)} == set(range(5))


def test_a_stream_is_named_by_seed_and_name() -> None:
    """The first number of seed 0, stream "a", as another process wrote it down; others differ."""
    assert round(Stream(0, "a").next(), 12) == 0.602670911087
    assert Stream(0, "a").next() != Stream(0, "b").next() != Stream(1, "b").next()
