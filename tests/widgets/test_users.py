"""Users are changed in their database, by who may at that moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rigd.access.roles import Action, Role
from tests.widgets.world import ATTACK, elements, empty_world, markup, press, user, words
from widgets.users import UsersPage, matrix

if TYPE_CHECKING:
    from pathlib import Path


def button(page: UsersPage, label: str) -> object:
    """The button of a label."""
    from tests.widgets.world import widgets_of  # noqa: PLC0415 - only here

    found = [w for w in widgets_of(page.view) if getattr(w, "description", "") == label]
    return found[0]


def test_every_user_is_listed(tmp_path: Path) -> None:
    """Name, role, whether they may log in."""
    shown = words(empty_world(tmp_path).page(UsersPage).list)
    assert "ada admin yes" in shown
    assert "vera viewer yes" in shown


def test_changes_reach_the_database_with_their_author(tmp_path: Path) -> None:
    """Role, enabling, reset and removal, each asked for at the press."""
    made = empty_world(tmp_path)
    page = made.page(UsersPage)
    page.who.value, page.role.value = "vera", "operator"
    for label in ("Set role", "Disable", "Enable", "Offer reset"):
        press(button(page, label))
    assert "one-time token for vera: token-1" in words(page.told)
    press(page.remove.first)
    press(page.remove.second)
    assert made.people.done == [
        ("set_role", "vera", Role.OPERATOR, ("by", "ada")),
        ("set_enabled", "vera", ("enabled", False), ("by", "ada")),
        ("set_enabled", "vera", ("enabled", True), ("by", "ada")),
        ("offer_reset", "vera", ("by", "ada")),
        ("remove", "vera", ("by", "ada")),
    ]
    assert made.session.required == [(Action.MANAGE_USERS, True)] * 5


def test_a_user_is_added_and_the_password_forgotten(tmp_path: Path) -> None:
    """The first password stays in no widget."""
    made = empty_world(tmp_path)
    page = made.page(UsersPage)
    page.name.value, page.password.value = "olga", "four unlikely words"
    page.new_role.value = "auditor"
    press(button(page, "Add"))
    assert made.people.done == [("add", "olga", Role.AUDITOR, "four unlikely words", ("by", "ada"))]
    assert page.password.value == ""
    assert "olga is added" in words(page.told)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR, Role.OPERATOR])
def test_who_may_not_changes_nothing_and_sees_nobody(tmp_path: Path, role: Role) -> None:
    """Forged presses are refused and noted."""
    made = empty_world(tmp_path)
    page = made.page(UsersPage)
    made.session.role = role
    press(button(page, "Set role"))
    press(button(page, "Add"))
    page.draw(page.read())
    assert made.people.done == []
    assert made.session.required == [(Action.MANAGE_USERS, False)] * 2
    assert "nobody that you may see" in words(page.list)


def test_a_hostile_name_stays_text(tmp_path: Path) -> None:
    """S09: a user's name with tags."""
    made = empty_world(tmp_path)
    made.people.users.append(user(ATTACK, Role.VIEWER))
    page = made.page(UsersPage)
    assert ATTACK in words(page.list)
    assert not {"script", "img"} & {name for name, _ in elements(markup(page.view))}


def test_the_matrix_is_that_of_the_roles() -> None:
    """Kill is granted to operator and admin, without a password again."""
    assert "kill: close everything at once yes yes" in words(matrix())
