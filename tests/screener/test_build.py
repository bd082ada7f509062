"""Tests of building the universe: stages, waiting, taking up, filtering again, archive."""

from __future__ import annotations

import json
import os
import shutil
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rigd.core.errors import AlreadyRunning, DataError
from rigd.screener import blocklist, versions
from rigd.screener.blocklist import OPERATOR, Blocked
from rigd.screener.build import ADVICE, UNUSABLE, owned, read_state
from rigd.screener.plan import Phase
from rigd.store.registry import Registry
from tests.fakes.clock import FakeClock
from tests.fakes.providers import FakeProvider, listing, whole
from tests.screener.worlds import SYMBOLS, Workshop, market, screeners

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def block(workshop: Workshop, symbol: str) -> None:
    line = Blocked(symbol=symbol, reason="by hand", at=workshop.clock.now(), provider=OPERATOR)
    blocklist.add(Registry(workshop.home), [line])


def test_a_build_goes_through_every_stage_and_publishes(workshop) -> None:
    """raw → blocklist → enriched → filtered → published, each a file (SPEC §3)."""
    block(workshop, "S05")
    provider = market(refused={"T1": "ambiguous_ticker"})
    outcome = workshop.build(provider)
    assert outcome.state.phase is Phase.PUBLISHED
    found = outcome.published
    assert list(found.members) == [name for name in SYMBOLS if name not in {"S00", "S05"}]
    assert found.rejected == {
        "S00": "price_below_min",
        "S05": "blocklisted",
        "T1": "blocklisted",
    }
    stamp = found.stamp
    assert sorted(screeners(workshop.home)) == [
        f"archive/symbol_universe_{stamp}.json",
        "blocklist.txt",
        f"builds/{stamp}/allowed.json",
        f"builds/{stamp}/enriched.json",
        f"builds/{stamp}/filtered.json",
        f"builds/{stamp}/raw.json",
        "symbol_universe.json",
        "universe_state.json",
    ]
    assert (workshop.home.screeners / "symbol_universe.json").is_file()
    assert "S05" not in {name for batch in provider.asked for name in batch}
    assert [len(batch) for batch in provider.asked] == [5, 5, 5, 5]
    assert workshop.events() == [
        "universe_build_started",
        "universe_blocklisted",
        "universe_published",
    ]


def test_a_refused_symbol_goes_to_the_blocklist_with_its_provider(workshop) -> None:
    """SYMBOL|reason|UTC|provider, stamped with the build's start; the next build skips it."""
    provider = market(refused={"T1": "ambiguous_ticker"})
    workshop.build(provider)
    assert Registry(workshop.home).read("blocklist.txt") == (
        b"T1|ambiguous_ticker|2024-03-04T14:00:00Z|one\n"
    )
    provider.asked.clear()
    workshop.build(provider)
    assert "T1" not in {name for batch in provider.asked for name in batch}


def test_a_listed_name_of_another_form_is_rejected(workshop) -> None:
    """It is counted, never asked for."""
    provider = FakeProvider("one", {"A": whole(), "BRK/B": whole()})
    found = workshop.build(provider).published
    assert found.rejected == {"BRK/B": UNUSABLE}
    assert provider.asked == [("A",)]


def test_without_a_provider_it_waits_and_says_what_to_do(workshop) -> None:
    """The state is recorded; a universe that was published stays in force."""
    outcome = workshop.build()
    assert (outcome.state.phase, outcome.published) == (Phase.WAITING, None)
    state = read_state(workshop.home)
    assert state == outcome.state
    assert (state.cause, state.next_step) == ("there is no provider", ADVICE)
    assert list(screeners(workshop.home)) == ["universe_state.json"]
    first = workshop.build(market()).published
    outcome = workshop.build()
    assert (outcome.state.phase, outcome.published) == (Phase.WAITING, first)
    assert workshop.notes[-1][1] == "universe_waiting"


def test_an_outage_waits_and_the_build_is_taken_up_where_it_stopped(workshop) -> None:
    """Batches that were answered are not asked for again; who failed is asked again."""
    provider = market(down_from="S10")
    outcome = workshop.build(provider)
    assert outcome.state.phase is Phase.WAITING
    assert "one: down" in outcome.state.cause
    assert versions.published_or_none(workshop.home) is None
    provider.down_from = ""
    workshop.clock.advance(3600)
    outcome = workshop.build(provider, day=None)
    assert (outcome.state.phase, outcome.resumed) == (Phase.PUBLISHED, True)
    assert len(provider.asked) == 4
    assert len({name for batch in provider.asked for name in batch}) == 20
    assert provider.listed == 1


def test_waiting_again_without_a_provider_loses_nothing(workshop) -> None:
    """The plan of the unfinished build is kept in the waiting state."""
    provider = market(down_from="S10")
    workshop.build(provider)
    workshop.build()
    provider.down_from = ""
    outcome = workshop.build(provider)
    assert (outcome.resumed, len(provider.asked)) == (True, 4)


def test_a_failing_provider_is_stood_in_for_in_the_middle(workshop) -> None:
    """Fail-over: the batches after the failure come from the next provider, and it says so."""
    first = market(down_from="S10")
    second = FakeProvider("two", SYMBOLS)
    found = workshop.build(first, second).published
    assert [found.members[name].provider for name in ("S01", "S09", "S10", "S19")] == [
        "one",
        "one",
        "two",
        "two",
    ]
    enriched = json.loads(screeners(workshop.home)[f"builds/{found.stamp}/enriched.json"])
    assert enriched["calls"] == {"one": [2 + 3, 3], "two": [2, 0]}
    assert enriched["lost"] == [[2, "one"]]


def test_another_day_or_fresh_begins_anew(workshop) -> None:
    """An unfinished build of another day is left; its folder goes when the new one is published."""
    stuck = market(down_from="S05")
    workshop.build(stuck)
    workshop.clock.advance(60)
    outcome = workshop.build(market(), day=date(2014, 3, 27))
    assert not outcome.resumed
    stuck.asked.clear()
    workshop.build(stuck)
    workshop.clock.advance(60)
    outcome = workshop.build(market(), fresh=True)
    assert not outcome.resumed
    assert len(list((workshop.home.screeners / "builds").iterdir())) == 1


def test_a_build_that_is_taken_up_keeps_its_thresholds(workshop) -> None:
    """They were fixed at its start; new ones take a new filtering."""
    provider = market(down_from="S10")
    workshop.build(provider)
    provider.down_from = ""
    found = workshop.build(provider, settings={"MIN_PRICE": "10"}).published
    assert found.criteria["min_price"] == "2"
    assert "S01" in found.members


def test_new_thresholds_filter_again_without_asking(workshop) -> None:
    """No provider is asked; the archive keeps the universe before."""
    provider = market()
    first = workshop.build(provider).published
    provider.asked.clear()
    workshop.clock.advance(60)
    second = workshop.refilter(MIN_PRICE="10").published
    assert (provider.asked, provider.listed) == ([], 1)
    assert list(second.members) == [f"S{number:02d}" for number in range(9, 20)]
    assert (second.origin, second.dated) == (first.stamp, first.dated)
    assert versions.find(workshop.home, "previous") == first
    third = workshop.refilter(MIN_PRICE="10").published
    assert dict(third.members) == dict(second.members)


def test_a_new_filtering_obeys_the_blocklist_of_now(workshop) -> None:
    """A symbol that was blocked since is out."""
    workshop.build(market())
    block(workshop, "S10")
    assert workshop.refilter().published.rejected["S10"] == "blocklisted"


def test_filtering_again_needs_a_finished_build(workshop) -> None:
    """Without one, or beside an unfinished one, it is refused with the fix."""
    with pytest.raises(DataError, match="found none"):
        workshop.refilter()
    workshop.build(market())
    workshop.build(market(down_from="S05"))
    with pytest.raises(DataError, match="no build is unfinished") as caught:
        workshop.refilter()
    assert caught.value.fix == "rigd universe build takes it up"


def test_the_archive_keeps_the_newest(workshop) -> None:
    """Retention: after five publications with keep 3, three versions remain."""
    workshop.build(market(), keep=3)
    stamps = []
    for price in ("3", "4", "5", "6"):
        workshop.clock.advance(60)
        stamps.append(workshop.refilter(3, MIN_PRICE=price).published.stamp)
    kept = [versions.stamp_of(path) for path in versions.archived(workshop.home)]
    assert kept == stamps[:0:-1]


def test_one_process_at_a_time(workshop) -> None:
    """A second build is refused while the first holds the universe."""
    with (
        owned(workshop.home, "rigd universe build", workshop.clock),
        pytest.raises(AlreadyRunning, match="rigd universe build"),
    ):
        workshop.build(market())


def test_a_new_filtering_that_was_cut_off_is_ended_first(workshop) -> None:
    """Any command ends it; the same one is then done, others go on from there."""
    workshop.build(market())
    workshop.clock.advance(60)
    with pytest.MonkeyPatch.context() as patch:
        Killer(12, after=False).install(patch)
        with pytest.raises(Killed):
            workshop.refilter(MIN_PRICE="10")
    plan = read_state(workshop.home).unfinished
    assert plan is not None
    other = Workshop(workshop.home.root, FakeClock(workshop.clock.now()))
    other.clock.advance(60)
    outcome = other.refilter(MIN_PRICE="5")
    assert not outcome.resumed
    previous = versions.find(workshop.home, "previous")
    assert (previous.stamp, previous.criteria["min_price"]) == (plan.stamp, "10")
    assert outcome.published.criteria["min_price"] == "5"


def test_a_damaged_stage_is_an_error_with_a_fix(workshop) -> None:
    """It is never taken for an empty one."""
    found = workshop.build(market()).published
    (workshop.home.screeners / "builds" / found.stamp / "enriched.json").write_bytes(b"{")
    with pytest.raises(DataError, match="stage enriched") as caught:
        workshop.refilter()
    assert "--fresh" in caught.value.fix


# Killed at every write


class Killed(BaseException):
    """Stands for kill -9: nothing in the product catches it."""


CHANGES = ("pwrite", "write", "fsync", "replace", "rename", "unlink", "rmdir", "mkdir", "open")


class Killer:
    """Ends the run at the n-th change of the file system, before or after it happens.

    The lock is left out: it belongs to the process, which here goes on living. Syncs are counted
    and not done: no power is lost here.
    """

    def __init__(self, nth: int, *, after: bool) -> None:
        self.nth = nth
        self.after = after
        self.seen = 0

    def install(self, patch: pytest.MonkeyPatch) -> None:
        for name in CHANGES:
            call = (lambda _: None) if name == "fsync" else getattr(os, name)
            patch.setattr(os, name, self._watched(call))

    def _watched(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any, **named: Any) -> Any:
            if _target(arguments[0]).endswith("universe.lock"):
                return call(*arguments, **named)
            self.seen += 1
            due = self.seen == self.nth
            if due and not self.after:
                raise Killed
            answer = call(*arguments, **named)
            if due:
                raise Killed
            return answer

        return watched


def _target(place: Any) -> str:
    """The path of what a call of ``os`` changes, which it names by path or by descriptor."""
    return str(Path(f"/proc/self/fd/{place}").readlink() if isinstance(place, int) else place)


def two_providers() -> tuple[FakeProvider, FakeProvider]:
    """The first fails for good in the third batch, and refuses a symbol; the second stands in."""
    first = market(refused={"R1": "ambiguous_ticker"}, down_from="S09")
    second = FakeProvider("two", SYMBOLS | {"S03": listing("7", None)})
    return first, second


def prepared(root: Path) -> Workshop:
    """A home with an older universe and its build, so that there is something to remove."""
    workshop = Workshop(root)
    workshop.build(market(), keep=1, day=date(2014, 3, 27))
    workshop.clock.advance(86_400)
    return workshop


def command(workshop: Workshop, what: str, providers: tuple[FakeProvider, ...]) -> None:
    if what == "build":
        workshop.build(*providers, keep=1)
    else:
        workshop.refilter(1, MIN_PRICE="9")


def stored_batches(workshop: Workshop) -> int:
    """How many of the five batches a crash left behind; all when the build had come to its end."""
    plan = read_state(workshop.home).unfinished
    if plan is None:
        return 5
    path = Registry(workshop.home, stamp=plan.stamp).path("universe_enriched.json")
    return int(json.loads(path.read_bytes())["batches"]) if path.exists() else 0


@pytest.fixture
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Syncs are not done: hundreds of builds, and no power is lost."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.mark.usefixtures("unsynced")
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("what", ["build", "refilter"])
def test_a_crash_at_any_write_ends_as_if_there_was_none(tmp_path, what, after) -> None:
    """Killed at each change of the disk and taken up an hour later: the same bytes, no call twice.

    A call is made again only when the crash came before its answer was stored.
    """
    first = prepared(tmp_path / "first")
    calm = twin(first, tmp_path / "calm")
    command(calm, what, two_providers())
    expected = screeners(calm.home)
    nth, killed = 0, True
    while killed:
        nth += 1
        workshop = twin(first, tmp_path / str(nth))
        providers = two_providers()
        killed = is_killed(workshop, what, providers, Killer(nth, after=after))
        listed, asked = providers[0].listed, sum(len(each.asked) for each in providers)
        stored = stored_batches(workshop)
        take_up(workshop, what, providers, expected)
        assert screeners(workshop.home) == expected, nth
        again = sum(len(each.asked) for each in providers) - asked
        if what == "build" and killed and asked:
            assert again == REQUESTS_AFTER[stored], nth
            assert providers[0].listed == listed, nth
        shutil.rmtree(workshop.home.root)
    assert nth > (60 if what == "build" else 20)


REQUESTS_AFTER = {0: 5, 1: 4, 2: 3, 3: 2, 4: 1, 5: 0}
"""Requests of details that are left when so many of the five batches of 21 symbols are stored."""


def twin(first: Workshop, root: Path) -> Workshop:
    """The same home at the same instant, elsewhere."""
    shutil.copytree(first.home.root, root)
    return Workshop(root, FakeClock(first.clock.now()))


def is_killed(
    workshop: Workshop, what: str, providers: tuple[FakeProvider, ...], killer: Killer
) -> bool:
    """Run a command and tell whether it was killed."""
    with pytest.MonkeyPatch.context() as patch:
        killer.install(patch)
        try:
            command(workshop, what, providers)
        except Killed:
            return True
    return False


def take_up(
    workshop: Workshop,
    what: str,
    providers: tuple[FakeProvider, ...],
    expected: dict[str, bytes],
) -> None:
    """Give the command again, an hour later when it had begun, unless it had come to its end."""
    state = read_state(workshop.home)
    if state.unfinished is None and screeners(workshop.home) == expected:
        return
    if state.unfinished is not None:
        workshop.clock.advance(3600)
    command(workshop, what, providers)


def test_the_kill_points_are_those_of_the_disk(tmp_path) -> None:
    """The killer above sees the writes: an installed one that never strikes counts many."""
    workshop = Workshop(tmp_path)
    killer = Killer(0, after=False)
    with pytest.MonkeyPatch.context() as patch:
        killer.install(patch)
        workshop.build(market())
    assert killer.seen > 60
