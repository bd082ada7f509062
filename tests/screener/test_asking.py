"""Tests of asking several providers: order, completion, fail-over, counts."""

from __future__ import annotations

from datetime import date

import pytest

from rigd.core.errors import DataError, NetworkError
from rigd.screener.asking import Desk, NobodyAnswered, no_progress
from tests.fakes.clock import FakeClock
from tests.fakes.providers import DAY, FakeProvider, listing, source, whole


def desk(*providers: FakeProvider, notes: list | None = None) -> Desk:
    clock = FakeClock()
    told = notes if notes is not None else []
    return Desk([source(each, clock) for each in providers], DAY, lambda *row: told.append(row))


def down(times: int = 99) -> list[Exception]:
    return [NetworkError("down") for _ in range(times)]


def test_the_first_provider_that_answers_lists_the_symbols() -> None:
    """One list, in order and without doubles; the others are not asked for theirs."""
    first = FakeProvider("one", {"B": whole(), "A": whole()}, refused={"C": "x"})
    second = FakeProvider("two", {"Z": whole()})
    raw = desk(first, second).list_symbols()
    assert (raw["provider"], raw["symbols"], raw["lost"]) == ("one", ["A", "B", "C"], [])
    assert raw["calls"] == {"one": [1, 0], "two": [0, 0]}
    assert second.listed == 0


def test_a_listed_name_that_is_no_exchange_symbol_is_set_aside() -> None:
    """Vendors list warrants and preferred shares in forms of their own."""
    raw = desk(FakeProvider("one", {"A": whole(), "BRK/B": whole(), "abc": whole()})).list_symbols()
    assert (raw["symbols"], raw["unusable"]) == (["A"], ["BRK/B", "abc"])


@pytest.mark.parametrize("errors", [down(), [DataError("malformed")]], ids=["network", "data"])
def test_a_provider_that_fails_for_good_is_asked_no_more(errors) -> None:
    """After every repetition the next one is asked; the failure is noted and kept."""
    notes: list = []
    first = FakeProvider("one", {"A": whole()}, errors=errors)
    second = FakeProvider("two", {"A": whole()})
    at = desk(first, second, notes=notes)
    raw = at.list_symbols()
    assert (raw["provider"], raw["lost"]) == ("two", ["one"])
    progress = no_progress()
    at.add_batch(["A"], progress)
    assert first.asked == []
    assert [row[:2] for row in notes] == [("WARNING", "universe_provider_failed")]
    assert raw["calls"]["one"][1] == sum(isinstance(e, NetworkError) for e in errors[:3])


def test_a_failure_that_passes_is_counted_and_forgotten() -> None:
    """Two failures within the repetitions lose nobody."""
    at = desk(FakeProvider("one", {"A": whole()}, errors=down(2)))
    raw = at.list_symbols()
    assert (raw["lost"], raw["calls"]) == ([], {"one": [3, 2]})


def test_the_next_provider_is_asked_what_is_missing() -> None:
    """Unknown symbols and incomplete ones; what was known first stays."""
    first = FakeProvider("one", {"A": whole("10"), "B": listing("20"), "D": whole()})
    second = FakeProvider("two", {"B": whole("99"), "C": whole("30")}, dated=date(2014, 3, 27))
    progress = no_progress()
    desk(first, second).add_batch(["A", "B", "C"], progress)
    assert second.asked == [("B", "C")]
    known = progress["known"]
    assert {name: (row["price"], row["provider"]) for name, row in known.items()} == {
        "A": ("10", "one"),
        "B": ("20", "one+two"),
        "C": ("30", "two"),
    }
    assert known["B"]["market_cap"] == 5e9
    assert progress["dated"] == "2014-03-27"
    assert progress["calls"] == {"one": [1, 0], "two": [1, 0]}


def test_a_refused_symbol_is_not_asked_for_elsewhere() -> None:
    """A ticker of two companies is none at another provider either."""
    first = FakeProvider("one", {}, refused={"A": "ambiguous_ticker"})
    second = FakeProvider("two", {"A": whole()})
    progress = no_progress()
    desk(first, second).add_batch(["A"], progress)
    assert second.asked == []
    assert progress["refused"] == {"A": ["ambiguous_ticker", "one"]}


def test_when_nobody_answers_the_stage_is_untouched() -> None:
    """Every cause is named; the batch can be asked again later."""
    progress = no_progress()
    at = desk(
        FakeProvider("one", {"A": whole()}, errors=down()),
        FakeProvider("two", {"A": whole()}, errors=[DataError("malformed")]),
    )
    with pytest.raises(NobodyAnswered, match=r"one: down; two: malformed"):
        at.add_batch(["A"], progress)
    assert progress == no_progress()
    with pytest.raises(NobodyAnswered, match="one, two failed before"):
        at.add_batch(["A"], progress)


def test_a_market_without_symbols_is_no_answer() -> None:
    """An empty list is an outage, not an empty market."""
    with pytest.raises(NobodyAnswered, match="lists no symbol"):
        desk(FakeProvider("one", {})).list_symbols()
