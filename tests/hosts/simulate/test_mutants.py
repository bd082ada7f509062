"""Planted bugs: put in and taken out in memory; each is found."""

from __future__ import annotations

import pytest

from rigd.engine import sending
from rigd.engine.orders import OrderBook
from rigd.hosts.simulate.mutants import ELSEWHERE, MUTANTS, hunt

QUICK = (
    "journal after send",
    "intent not synced before send",
    "no execution is remembered",
    "fee posted twice",
    "money in floats",
    "close sent twice",
)


def test_each_mutant_changes_one_function_and_puts_it_back() -> None:
    """Nothing is left behind, also of a static one."""
    for mutant in MUTANTS:
        right = mutant.owner.__dict__[mutant.attribute]
        with mutant.planted():
            assert mutant.owner.__dict__[mutant.attribute] is not right
        assert mutant.owner.__dict__[mutant.attribute] is right


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_quick_ones_are_found_within_a_few_seeds(mutant) -> None:
    """The others take more seeds: rigd chaos --mutants."""
    if mutant.name in QUICK:
        caught = hunt(mutant, 10)
        assert caught.violation is not None
        assert caught.seeds <= 10


@pytest.mark.parametrize(
    ("name", "invariant"), [("start before reconcile", "I-14"), ("no loss is seen", "I-11")]
)
def test_some_bugs_are_found_by_the_invariant_that_speaks_of_them(name, invariant) -> None:
    """FAULTS §5.4: not by what follows from it much later."""
    (mutant,) = [each for each in MUTANTS if each.name == name]
    caught = hunt(mutant, 100)
    assert caught.violation is not None
    assert caught.violation.invariant == mutant.by == invariant


def test_a_bug_that_is_none_is_not_found() -> None:
    """The right function in its own place: no seed fails."""
    mutant = next(m for m in MUTANTS if m.owner is sending)
    same = type(mutant)(
        name="none", owner=OrderBook, attribute="get", bug=lambda function: function
    )
    caught = hunt(same, 4)
    assert (caught.violation, caught.seeds) == (None, 4)


def test_every_bug_has_a_name_of_its_own_and_those_elsewhere_a_reason() -> None:
    """FAULTS §5.5 in two lists: at least 25 that are hunted, and what shows the others."""
    names = [mutant.name for mutant in MUTANTS] + [name for name, _ in ELSEWHERE]
    assert len(names) == len(set(names))
    assert len(MUTANTS) >= 25
    assert all(why for _, why in ELSEWHERE)
