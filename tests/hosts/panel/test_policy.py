"""The table of the panel's routes."""

from __future__ import annotations

import pytest

from rigd.access.roles import Action, Role
from rigd.hosts.panel.policy import PAGES, POLICY, ROWS, Who, permits


def test_every_route_and_method_stands_once() -> None:
    """S01: no row hides another."""
    assert len(POLICY) == len(ROWS)
    assert {row.method for row in ROWS} <= {"GET", "POST", "DELETE"}


def test_only_forms_and_health_are_open_to_anyone() -> None:
    """S03: everything else asks for a log-in."""
    open_to_all = {row.route for row in ROWS if row.who is Who.ANYONE}
    assert open_to_all == {"/health", "/login", "/register", "/reset"}


@pytest.mark.parametrize(
    ("who", "role", "owns", "may"),
    [
        (Who.ANYONE, None, False, True),
        (Who.LOGGED_IN, None, True, False),
        (Who.LOGGED_IN, Role.VIEWER, False, True),
        (Who.OWNER, Role.ADMIN, False, False),
        (Who.OWNER, Role.VIEWER, True, True),
        (Who.OWNER, None, True, False),
        (Action.VIEW_BOOKS, Role.VIEWER, True, False),
        (Action.VIEW_BOOKS, Role.AUDITOR, False, True),
        (Action.MANAGE_USERS, Role.OPERATOR, True, False),
    ],
)
def test_who_may(who, role, owns, may) -> None:
    """S01, W2: an admin owns nobody else's kernel."""
    assert permits(who, role, owns=owns) is may


def test_configuration_and_users_are_the_admins_pages() -> None:
    """U13, W2."""
    assert PAGES["users"] is Action.MANAGE_USERS
    assert PAGES["configuration"] is Action.EDIT_CONFIGURATION
