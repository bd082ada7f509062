"""The account page: who is logged in, what they may do, and the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rigd.access.roles import GRANTS, Action, may
from widgets.desk import CONFIRM_LINK, Block, Page, stack
from widgets.markup import Html, tag
from widgets.parts import badge, facts, heading, instant, table

if TYPE_CHECKING:
    import ipywidgets

    from rigd.access.users import User

LOGOUT, RESET = "logout", "reset"


class Reading(NamedTuple):
    """Who is logged in."""

    user: User


class AccountPage(Page):
    """One's own log-in."""

    every_s = 2.0

    def build(self) -> ipywidgets.Widget:
        """Return the page."""
        self.shown = Block()
        return stack(self.shown)

    def read(self) -> Reading:
        """Return the user as the database has them."""
        return Reading(self.desk.session.user())

    def draw(self, found: Reading) -> None:
        """Show them."""
        user, base = found.user, self.desk.base
        self.shown.show(
            tag(
                "div",
                tag(
                    "section",
                    heading("Account", badge(user.role.value, "info")),
                    facts((
                        ("name", user.name),
                        ("role", user.role.value),
                        ("since", instant(user.created_at)),
                        ("changed", instant(user.changed_at)),
                    )),
                    tag(
                        "p",
                        tag("a", "Confirm password", href=CONFIRM_LINK, kind="link"),
                        " ",
                        tag("a", "New password", href=f"{base}{RESET}", kind="link"),
                        " ",
                        tag("a", "Sign out", href=f"{base}{LOGOUT}", kind="link"),
                    ),
                    kind="pane",
                ),
                tag("section", heading("What you may do"), _may(user), kind="pane"),
                kind="cols two",
            )
        )


def _may(user: User) -> Html:
    return table(
        ("Action", "", "Password again"),
        [
            (
                GRANTS[action].text,
                badge("yes", "ok") if may(user.role, action) else badge("no", "muted"),
                badge("yes", "warn") if GRANTS[action].again else Html(""),
            )
            for action in Action
        ],
    )
