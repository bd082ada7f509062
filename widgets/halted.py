"""The page of error and shutdown: further operations are halted (document 070, INVENTORY U6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rigd.access.roles import Action
from rigd.core.lifecycle import BotState
from widgets.controls import Confirmed, TypedKill
from widgets.desk import Block, Page, framed, row, stack, visible
from widgets.markup import Html, tag
from widgets.parts import badge, banner, checks, facts, heading, instant, log_rows
from widgets.states import view_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import ipywidgets

    from rigd.reporting.shown_logs import Line

ROWS = 40


class Reading(NamedTuple):
    """Why the bot is halted."""

    state: BotState | None
    supervisor: Mapping[str, Any]
    status: Mapping[str, Any]
    end: Mapping[str, Any]
    troubles: Sequence[Line]
    may: frozenset[Action]


class Halted(Page):
    """Start, Stop and settings rest; what is left is to read, to close, and to acknowledge."""

    every_s = 1.0

    def build(self) -> ipywidgets.Widget:
        """Return the page."""
        self.banner = Block()
        self.told = Block()
        clock = self.desk.clock
        self.start = Confirmed("Start bot", "Confirm start", "go", clock, lambda: None)
        self.stop = Confirmed("Stop (graceful)", "Confirm stop", "warn", clock, lambda: None)
        self.again = Confirmed(
            "Acknowledge and start", "Confirm: I know the cause", "warn", clock, self._acknowledge
        )
        self.kill = TypedKill(self.told, self._kill)
        self.cause = Block()
        self.troubles = Block()
        control = row(
            Block(heading("Control", "halted"), kind="grow"),
            self.start.view,
            self.stop.view,
            self.again.view,
            self.kill.view,
            kind="control",
        )
        return stack(self.banner, framed(control, self.told), self.cause, framed(self.troubles))

    def read(self) -> Reading:
        """Return the cause as far as files tell it."""
        held, session = self.desk.facts, self.desk.session
        wanted = (Action.START, Action.KILL)
        return Reading(
            state=held.state(),
            supervisor=held.document("resident.json"),
            status=held.status(),
            end=held.document("termination.json"),
            troubles=held.troubles(ROWS),
            may=frozenset(action for action in wanted if session.may(action)),
        )

    def draw(self, found: Reading) -> None:
        """Show it."""
        view = view_of(found.state, testing=False)
        self.banner.show(banner(view.banner, view.tone) if view.banner else Html())
        for control in (self.start, self.stop):
            control.enable(on=False)
            visible(control.view, on=Action.START in found.may)
        error = found.state is BotState.ERROR
        self.again.tick()
        visible(self.again.view, on=error and Action.START in found.may)
        self.kill.enable(on=view.kill)
        visible(self.kill.view, on=view.kill and Action.KILL in found.may)
        self.cause.show(_cause(found))
        self.troubles.show(tag("div", heading("Last errors"), log_rows(found.troubles)))

    def _acknowledge(self) -> None:
        self.desk.send(self.told, Action.START, why="the error was acknowledged")

    def _kill(self) -> None:
        self.desk.send(self.told, Action.KILL, why="typed KILL on the halted page")


def _cause(found: Reading) -> Html:
    steps = [
        (str(step.get("name")), bool(step.get("passed")), str(step.get("detail") or ""))
        for step in found.end.get("steps") or ()
        if isinstance(step, dict)
    ]
    return tag(
        "div",
        tag(
            "section",
            heading("Last sign"),
            facts((
                ("state", badge(found.state.value if found.state else "unknown", "bad")),
                ("reason", found.supervisor.get("reason") or found.status.get("reason")),
                ("session", found.status.get("session")),
                ("exit code", found.status.get("exit_code")),
                ("updated", instant(found.status.get("updated_at"))),
            )),
            kind="pane",
        ),
        tag("section", heading("Last closing"), checks(steps), kind="pane"),
        kind="cols two",
    )
