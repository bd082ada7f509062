"""The users page: who may do what; changed in SYSTEM_USERS.db, checked at each press."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rigd.access.passwords import SHORTEST
from rigd.access.roles import GRANTS, Action, Role
from widgets.controls import Confirmed, button, choice, field
from widgets.desk import Block, Page, framed, refusal, row, stack
from widgets.markup import Html, tag
from widgets.parts import badge, heading, instant, message, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import ipywidgets

    from rigd.access.users import User
    from widgets.access import People

TONES = {Role.ADMIN: "bad", Role.OPERATOR: "warn", Role.AUDITOR: "info", Role.VIEWER: "muted"}


class Reading(NamedTuple):
    """Every user; none where the page may not see them."""

    users: Sequence[User]


class UsersPage(Page):
    """Add, change and remove users."""

    every_s = 2.0

    def build(self) -> ipywidgets.Widget:
        """Return the page."""
        roles = [role.value for role in Role]
        self.list = Block()
        self.told = Block()
        self.who = choice("", [("no user", "")])
        self.role = choice("", roles)
        self.name = field("", placeholder="name")
        self.password = field("", placeholder=f"first password, {SHORTEST} or more", secret=True)
        self.new_role = choice("", roles)
        clock = self.desk.clock
        self.remove = Confirmed("Remove", "Confirm removal", "danger", clock, self._remove)
        change = framed(
            Block(heading("Change a user")),
            row(
                self.who,
                self.role,
                button("Set role", "", self._set_role),
                button("Enable", "ghost", lambda: self._set_enabled(on=True)),
                button("Disable", "ghost", lambda: self._set_enabled(on=False)),
                button("Offer reset", "ghost", self._offer_reset),
                self.remove.view,
                kind="edit",
            ),
        )
        add = framed(
            Block(heading("Add a user")),
            row(
                self.name, self.password, self.new_role, button("Add", "go", self._add), kind="edit"
            ),
        )
        return stack(
            framed(self.list), change, add, self.told, framed(Block(matrix()), kind="matrix")
        )

    def read(self) -> Reading:
        """Return the users."""
        if not self.desk.session.may(Action.MANAGE_USERS):
            return Reading(())
        with self.desk.people() as people:
            return Reading(tuple(people))

    def draw(self, found: Reading) -> None:
        """Show them."""
        self.remove.tick()
        self.list.show(_list(found.users))
        options = [(user.name, user.name) for user in found.users] or [("no user", "")]
        if tuple(options) != tuple(self.who.options):
            self.who.options = options

    def _change(self, words: str, change: Callable[[People, str], str | None]) -> None:
        """Check at this moment, change, and tell what came of it."""

        def done() -> str:
            by = self.desk.session.require(Action.MANAGE_USERS).name
            with self.desk.people() as people:
                return change(people, by) or words

        self.desk.work.do(
            done,
            lambda told: self.told.show(message(told)),
            lambda error: self.told.show(refusal(error)),
        )

    def _set_role(self) -> None:
        name, role = str(self.who.value), Role(str(self.role.value))
        self._change(f"{name} is {role} now", lambda p, by: p.set_role(name, role, by=by))

    def _set_enabled(self, *, on: bool) -> None:
        name = str(self.who.value)
        words = f"{name} may log in" if on else f"{name} is kept out"
        self._change(words, lambda p, by: p.set_enabled(name, enabled=on, by=by))

    def _offer_reset(self) -> None:
        name = str(self.who.value)
        self._change("", lambda p, by: f"one-time token for {name}: {p.offer_reset(name, by=by)}")

    def _remove(self) -> None:
        name = str(self.who.value)
        self._change(f"{name} is removed", lambda p, by: p.remove(name, by=by))

    def _add(self) -> None:
        name, password = str(self.name.value).strip(), str(self.password.value)
        role = Role(str(self.new_role.value))
        self.password.value = ""

        def add(people: People, by: str) -> str:
            people.add(name, role, password, by=by)
            return f"{name} is added as {role}"

        self._change("", add)


def _list(users: Sequence[User]) -> Html:
    return tag(
        "div",
        heading("Users", len(users)),
        table(
            ("Name", "Role", "May log in", "Since", "Changed"),
            [
                (
                    tag("b", user.name),
                    badge(user.role.value, TONES[user.role]),
                    badge("yes", "ok") if user.enabled else badge("no", "bad"),
                    instant(user.created_at),
                    instant(user.changed_at),
                )
                for user in users
            ],
            empty="nobody, or nobody that you may see",
        ),
    )


def matrix() -> Html:
    """Return the table of roles and actions."""
    return tag(
        "div",
        heading("Roles", "whatever is not granted is refused"),
        table(
            ("May", *Role, "password again"),
            [
                (
                    grant.text,
                    *(badge("yes", "ok") if role in grant.roles else Html("") for role in Role),
                    badge("yes", "warn") if grant.again else Html(""),
                )
                for grant in GRANTS.values()
            ],
        ),
    )
