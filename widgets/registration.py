"""The view of the state `registration`: the first administrator registers on the log-in page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from widgets.desk import Block, Page, stack
from widgets.markup import tag
from widgets.parts import heading

if TYPE_CHECKING:
    import ipywidgets

REGISTER = "register"


class Registration(Page):
    """Where to go with the one-time token that the supervisor printed."""

    every_s = 2.0

    def build(self) -> ipywidgets.Widget:
        """Return the page."""
        link = tag(
            "a", "Register the first administrator", kind="link", href=f"{self.desk.base}{REGISTER}"
        )
        steps = (
            "The supervisor printed a one-time token on its console.",
            "Enter it with a name and a password; it ends after ten minutes.",
            "The first user is an administrator and adds the others on the users page.",
        )
        shown = tag(
            "section",
            heading("Registration"),
            tag("ol", *(tag("li", step) for step in steps)),
            tag("p", link),
            kind="pane narrow",
        )
        return stack(Block(shown))
