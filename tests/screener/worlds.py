"""A home whose universe is built by fakes, and what lies in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.screener.build import UniverseBuild
from rigd.screener.criteria import Criteria
from rigd.store.paths import Home
from tests.factories import settings
from tests.fakes.clock import FakeClock
from tests.fakes.providers import DAY, FakeProvider, source, whole

if TYPE_CHECKING:
    from pathlib import Path

    from rigd.screener.build import Outcome

SYMBOLS = {f"S{number:02d}": whole(str(number + 1)) for number in range(20)}
"""Prices 1 to 20; with MIN_PRICE 2 the first is kept out."""


class Workshop:
    """Builds on one home with one clock; `notes` are the rows of the log."""

    def __init__(self, root: Path, clock: FakeClock | None = None) -> None:
        self.home = Home(root)
        self.clock = clock or FakeClock()
        self.notes: list[tuple[str, str, str]] = []
        self.builder = UniverseBuild(
            self.home,
            self.clock,
            lambda level, event, text, _: self.notes.append((level, event, text)),
        )

    def build(self, *providers: FakeProvider, **options: object) -> Outcome:
        given = {"day": DAY, "keep": 30, "batch": 5} | options
        changes = given.pop("settings", {})
        return self.builder.build(
            [source(each, self.clock) for each in providers],
            Criteria.of(settings(**changes)),
            **given,
        )

    def refilter(self, keep: int = 30, **changes: object) -> Outcome:
        return self.builder.refilter(Criteria.of(settings(**changes)), keep=keep)

    def events(self) -> list[str]:
        return [event for _, event, _ in self.notes]


def market(**options: object) -> FakeProvider:
    """The twenty symbols."""
    return FakeProvider("one", SYMBOLS, **options)


def screeners(home: Home) -> dict[str, bytes]:
    """Every file of runs/screeners but the lock."""
    return {
        str(path.relative_to(home.screeners)): path.read_bytes()
        for path in sorted(home.screeners.rglob("*"))
        if path.is_file() and path.name != "universe.lock"
    }
