"""Roles and actions: the table of the documents, as an answer that was copied by hand."""

from __future__ import annotations

import pytest

from rigd.access.roles import GRANTS, Action, Role, asks_again, may, table

ANSWER = {
    "viewer": "view_status view_logs",
    "auditor": ("view_status view_logs view_books export_books view_audit view_settings"),
    "operator": (
        "view_status view_logs view_books export_books view_settings acknowledge_alert start"
        " start_live stop kill defense edit_settings confirm_trade research propose"
        " approve_proposal"
    ),
    "admin": " ".join(action.value for action in Action),
}
AGAIN = "start_live approve_proposal edit_configuration reset_kill manage_users rotate_keys"


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("action", Action)
def test_each_role_may_what_the_documents_grant(role, action) -> None:
    """W1, W2: four roles times every action."""
    assert may(role, action) == (action.value in ANSWER[role].split())


@pytest.mark.parametrize("action", Action)
def test_nobody_may_anything(action) -> None:
    """Deny by default (FAULTS §4.7 S01)."""
    assert not may(None, action)


def test_what_cannot_be_taken_back_asks_for_the_password() -> None:
    """FAULTS §4.7 S07: release of the kill, keys, users, a live start."""
    assert {action for action in Action if asks_again(action)} == set(AGAIN.split())


def test_a_test_flag_is_an_admins() -> None:
    """W9, M18: the operator is refused."""
    assert GRANTS[Action.RUN_TESTS].roles == {Role.ADMIN}


def test_the_table_is_shown_whole() -> None:
    """One line an action, one column a role."""
    lines = table().splitlines()
    assert lines[0] == "| action | viewer | auditor | operator | admin | password again |"
    assert len(lines) == len(Action) + 2
    assert "| kill: close everything at once |  |  | yes | yes |  |" in lines
