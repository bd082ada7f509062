"""A failing seed becomes small."""

from __future__ import annotations

from rigd.hosts.simulate.faults import Fault
from rigd.hosts.simulate.mutants import MUTANTS
from rigd.hosts.simulate.shrink import shrink
from tests.hosts.simulate.worlds import chosen

LATE = next(mutant for mutant in MUTANTS if mutant.name == "overfill dropped")
NOISE = {
    Fault.OVERFILL: 0.5,
    Fault.READ_FAILS: 0.05,
    Fault.EVENT_TWICE: 0.2,
    Fault.BAR_MISSING: 0.02,
    Fault.LIST_LAG: 0.2,
}


def test_what_the_failure_does_not_need_is_left_out() -> None:
    """An overfill that is dropped: one occurrence of one fault is all that is left."""
    with LATE.planted():
        small = shrink(chosen(NOISE, seed=1))
    assert small is not None
    assert [fault for fault, _ in small.schedule] == [Fault.OVERFILL]
    assert set(small.options.rates) == {Fault.OVERFILL}
    assert small.violation.invariant in {"I-03", "I-07", "V-3", "V-4"}


def test_a_seed_that_holds_has_nothing_to_shrink() -> None:
    """None."""
    assert shrink(chosen({})) is None
