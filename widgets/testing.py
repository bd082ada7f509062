"""The test page: run all or one, follow the log, read the results (document 070, test_web)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from rigd.access.roles import Action
from rigd.config.sources import checkout
from rigd.store.control import flag_of_test
from widgets.controls import Confirmed, button
from widgets.desk import Block, Page, framed, row, stack, visible
from widgets.markup import Html, tag
from widgets.parts import badge, banner, heading, instant, lasting, log_rows, table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import ipywidgets

    from rigd.reporting.shown_logs import Line

ROWS = 400
SHOWN = 200
STARTED, ENDED = "test_started", "test_ended"


class Reading(NamedTuple):
    """What runs, the rows of the log, who may run."""

    testing: str
    rows: Sequence[Line]
    may_run: bool
    first_s: float | None


class Result(NamedTuple):
    """The newest run of a test."""

    test: str
    began: str
    ended: str
    events: int
    verdict: str


class DryRuns(Page):
    """Flags for all tests or one; each is used up by its run."""

    every_s = 0.5

    def build(self) -> ipywidgets.Widget:
        """Return the page."""
        self.banner = Block()
        self.told = Block()
        clock = self.desk.clock
        self.everything = Confirmed(
            "Run all tests", "Confirm: full dry run", "warn", clock, lambda: self._run("")
        )
        self.single = {
            name: button(name.replace("_", " "), "test", partial(self._run, name))
            for name in named_tests()
        }
        self.results = Block()
        self.stream = Block(kind="log-rows")
        self.control = framed(
            row(
                Block(heading("Tests", "one run for each flag"), kind="grow"),
                self.everything.view,
                kind="control",
            ),
            row(*self.single.values(), kind="tests"),
            self.told,
        )
        return stack(
            self.banner,
            self.control,
            row(
                framed(Block(heading("Results")), self.results, kind="side"),
                framed(Block(heading("Log of tests", "live")), self.stream, kind="log-pane"),
                kind="wide reversed",
            ),
        )

    def read(self) -> Reading:
        """Return what the log of tests says."""
        facts = self.desk.facts
        rows = facts.test_rows(ROWS)
        began = next((line.at for line in reversed(rows) if line.event == STARTED), None)
        return Reading(
            facts.testing(), rows, self.desk.session.may(Action.RUN_TESTS), facts.age_s(began)
        )

    def draw(self, found: Reading) -> None:
        """Show it."""
        self.everything.tick()
        visible(self.control, on=found.may_run)
        busy = bool(found.testing)
        self.everything.enable(on=not busy)
        for made in self.single.values():
            made.disabled = busy
        words = (
            f"{found.testing} for {lasting(found.first_s)}: trading actions are disabled meanwhile"
        )
        self.banner.show(banner(words, "info") if busy else Html())
        self.results.show(_results(results(found.rows)))
        self.stream.show(log_rows(found.rows[-SHOWN:]))

    def _run(self, name: str) -> None:
        """Ask for one test, or for all with a blank; the name is one of the list."""
        if name and name not in self.single:
            return
        self.desk.send(
            self.told, Action.RUN_TESTS, why="asked on the test page", payload={"test": name}
        )


def named_tests(folder: Path | None = None) -> list[str]:
    """Return the tests that the documents call by name: modules at the top of the test folder."""
    where = checkout() / "tests" if folder is None else folder
    names = sorted(path.stem.removeprefix("test_") for path in where.glob("test_*.py"))
    return [name for name in names if flag_of_test(name)]


def results(rows: Sequence[Line]) -> list[Result]:
    """Return the newest run of each test, newest first."""
    found: dict[str, Result] = {}
    running: list[str] = []
    for line in rows:
        if line.event == STARTED:
            name = line.text.partition(" begins")[0]
            running.append(name)
            found.pop(name, None)
            found[name] = Result(name, line.at, "", 0, "running")
        elif running:
            name = running[-1]
            held = found[name]
            if line.event == ENDED:
                found[name] = held._replace(ended=line.at, verdict=line.text)
                running.pop()
            else:
                found[name] = held._replace(events=held.events + 1)
    return list(reversed(found.values()))


def _results(held: Sequence[Result]) -> Html:
    return table(
        ("Test", "Verdict", "Events", "Began", "Ended", "Detail"),
        [
            (
                tag("b", each.test),
                _verdict(each.verdict),
                each.events,
                instant(each.began),
                instant(each.ended),
                each.verdict.partition(": ")[2],
            )
            for each in held
        ],
        numeric=(2,),
        empty="no test ran yet",
    )


def _verdict(words: str) -> Html:
    if words.startswith("passed"):
        return badge("passed", "ok")
    return badge("FAILED", "bad") if words.startswith("FAILED") else badge("running", "info")
