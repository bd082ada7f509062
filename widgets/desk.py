"""What every page is given, and what a page is: a view, a reader, and a way to draw a reading."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ipywidgets

from rigd.access.roles import GRANTS
from rigd.core.ports import ControlClock
from widgets.access import People, Requests, Session
from widgets.facts import Facts
from widgets.markup import Html, tag
from widgets.parts import message
from widgets.work import Work

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rigd.access.roles import Action
    from rigd.core.errors import RigdError
    from widgets.access import Answer

CONFIRM_LINK = "/confirm"
"""Where the server asks for the password again (FAULTS §4.7 S07)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Everything that a page may use.

    Parameters
    ----------
    session
        The log-in of the page.
    requests
        The door to the supervisor.
    facts
        The files of the home.
    people
        Opens the users' database for one piece of work.
    clock
        Wall time.
    work
        How blocking work is done.
    base
        The address that links begin with, such as ``/``.
    """

    session: Session
    requests: Requests
    facts: Facts
    people: Callable[[], AbstractContextManager[People]]
    clock: ControlClock
    work: Work
    base: str = "/"

    def send(
        self,
        told: Block,
        action: Action,
        *,
        why: str = "",
        payload: Mapping[str, str] | None = None,
        then: Callable[[], None] = lambda: None,
    ) -> None:
        """Send one request and tell beside the button what came of it.

        The role, the session and the freshness of the password are checked by the request itself,
        at this moment and not when the page was drawn.

        Parameters
        ----------
        told
            Where to tell.
        action, why, payload
            The request.
        then
            What to do once it was sent.
        """
        told.show(message("sending…", "muted"))

        def sent(number: str) -> None:
            told.show(message(f"{GRANTS[action].text}: requested", "info"))
            then()
            self.work.until(
                lambda: self.requests.answer(number),
                lambda answer: told.show(_answered(answer)),
                lambda: told.show(message("requested; no answer from the supervisor yet", "warn")),
            )

        self.work.do(
            lambda: self.requests.send(self.session, action, why=why, payload=payload),
            sent,
            lambda error: told.show(refusal(error)),
        )


class Block(ipywidgets.HTML):  # type: ignore[misc] # ipywidgets has no types
    """A part of a page that shows markup; it takes nothing that was not made by `markup`."""

    def __init__(self, shown: Html | None = None, kind: str = "") -> None:
        super().__init__()
        self._shown = ""
        self.add_class("rigd-block")
        for name in kind.split():
            self.add_class(name)
        self.show(Html() if shown is None else shown)

    def show(self, shown: object) -> None:
        """Show markup; the same again costs nothing.

        Parameters
        ----------
        shown
            `Html` of `widgets.markup`.

        Raises
        ------
        TypeError
            If it is plain text, which must be escaped first.
        """
        if not isinstance(shown, Html):
            msg = f"a page shows markup of widgets.markup alone, was {type(shown).__name__}"
            raise TypeError(msg)
        if self._shown != shown:
            self._shown = self.value = str(shown)
        self.layout.display = None if shown else "none"


class Page:
    """One page of the panel.

    Parameters
    ----------
    desk
        What it may use.
    """

    every_s: float = 0.5
    """How often it is read again [s]."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.view: ipywidgets.Widget = self.build()

    def build(self) -> ipywidgets.Widget:
        """Return the page's widget; called once."""
        raise NotImplementedError

    def read(self) -> Any:  # noqa: ANN401 - each page's own reading, handed to its own draw
        """Return what the page shows, read from files; runs in a worker thread."""

    def draw(self, found: Any) -> None:  # noqa: ANN401 - what `read` returned
        """Show what was read; runs in the kernel's loop."""


def stack(*held: ipywidgets.Widget, kind: str = "") -> ipywidgets.VBox:
    """Return widgets below each other."""
    box = ipywidgets.VBox(list(held))
    for name in ("rigd-stack", *kind.split()):
        box.add_class(name)
    return box


def row(*held: ipywidgets.Widget, kind: str = "") -> ipywidgets.HBox:
    """Return widgets beside each other; they wrap where it is narrow."""
    box = ipywidgets.HBox(list(held))
    for name in ("rigd-row", *kind.split()):
        box.add_class(name)
    return box


def framed(*held: ipywidgets.Widget, kind: str = "") -> ipywidgets.VBox:
    """Return widgets in the frame of a pane."""
    return stack(*held, kind=f"pane {kind}")


def visible(widget: ipywidgets.DOMWidget, *, on: bool) -> None:
    """Show or hide a widget; hiding protects nothing, the check is made at the press."""
    widget.layout.display = None if on else "none"


def refusal(error: RigdError) -> Html:
    """Return an error as a person needs it: what was wrong and what to do next."""
    problems = [tag("div", str(problem)) for problem in getattr(error, "problems", ())]
    fix = "" if problems else getattr(error, "fix", "")
    told = str(error).partition("\n")[0] if problems else str(error)
    link = tag("a", "confirm the password", href=CONFIRM_LINK) if "password" in str(error) else ""
    words = tag("span", told, *([" – ", fix] if fix else []), " ", link)
    return message(tag("span", words, *problems), "bad")


def _answered(answer: Answer) -> Html:
    return message(answer.text, "ok" if answer.done else "bad")
