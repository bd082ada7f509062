"""Roles and actions as one table; whatever is not granted there is refused.

Source: documents 090 (four roles; config edit, start and stop, reporting, read-only) and 070 (test
flags belong to admins). The table's rows are what the panel, the command line and the tests ask.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Role(StrEnum):
    """What a user is, from the least to the most."""

    VIEWER = "viewer"
    AUDITOR = "auditor"
    OPERATOR = "operator"
    ADMIN = "admin"


class Action(StrEnum):
    """Everything that a person may be allowed to do or refused."""

    VIEW_STATUS = "view_status"
    VIEW_LOGS = "view_logs"
    VIEW_BOOKS = "view_books"
    EXPORT_BOOKS = "export_books"
    VIEW_AUDIT = "view_audit"
    VIEW_SETTINGS = "view_settings"
    ACKNOWLEDGE_ALERT = "acknowledge_alert"
    START = "start"
    START_LIVE = "start_live"
    STOP = "stop"
    KILL = "kill"
    DEFENSE = "defense"
    EDIT_SETTINGS = "edit_settings"
    CONFIRM_TRADE = "confirm_trade"
    RESEARCH = "research"
    PROPOSE = "propose"
    APPROVE_PROPOSAL = "approve_proposal"
    EDIT_CONFIGURATION = "edit_configuration"
    EDIT_CHART = "edit_chart"
    RUN_TESTS = "run_tests"
    RESET_KILL = "reset_kill"
    MANAGE_USERS = "manage_users"
    ROTATE_KEYS = "rotate_keys"


class Grant(NamedTuple):
    """One row: who may, whether a fresh password is asked for, and what it is."""

    roles: frozenset[Role]
    again: bool
    text: str


_ALL = frozenset(Role)
_READERS = frozenset({Role.AUDITOR, Role.OPERATOR, Role.ADMIN})
_OPERATORS = frozenset({Role.OPERATOR, Role.ADMIN})
_ADMINS = frozenset({Role.ADMIN})

GRANTS: Mapping[Action, Grant] = MappingProxyType({
    Action.VIEW_STATUS: Grant(_ALL, again=False, text="see the dashboard and the status"),
    Action.VIEW_LOGS: Grant(_ALL, again=False, text="read the logs that are shown"),
    Action.VIEW_BOOKS: Grant(_READERS, again=False, text="read the ledger and the reports"),
    Action.EXPORT_BOOKS: Grant(_READERS, again=False, text="download books and reports"),
    Action.VIEW_AUDIT: Grant(
        frozenset({Role.AUDITOR, Role.ADMIN}), again=False, text="read the audit trail"
    ),
    Action.VIEW_SETTINGS: Grant(_READERS, again=False, text="see the settings in force"),
    Action.ACKNOWLEDGE_ALERT: Grant(_OPERATORS, again=False, text="acknowledge an alert"),
    Action.START: Grant(_OPERATORS, again=False, text="start the bot on a simulated broker"),
    Action.START_LIVE: Grant(_OPERATORS, again=True, text="start the bot at a real broker"),
    Action.STOP: Grant(_OPERATORS, again=False, text="stop the bot"),
    Action.KILL: Grant(_OPERATORS, again=False, text="kill: close everything at once"),
    Action.DEFENSE: Grant(_OPERATORS, again=False, text="switch defense mode"),
    Action.EDIT_SETTINGS: Grant(_OPERATORS, again=False, text="change the running settings"),
    Action.CONFIRM_TRADE: Grant(_OPERATORS, again=False, text="confirm an entry that waits"),
    Action.RESEARCH: Grant(_OPERATORS, again=False, text="log in to the research notebooks"),
    Action.PROPOSE: Grant(_OPERATORS, again=False, text="propose a configuration"),
    Action.APPROVE_PROPOSAL: Grant(_OPERATORS, again=True, text="approve another's proposal"),
    Action.EDIT_CONFIGURATION: Grant(_ADMINS, again=True, text="change credentials and identity"),
    Action.EDIT_CHART: Grant(_ADMINS, again=False, text="change the chart of accounts"),
    Action.RUN_TESTS: Grant(_ADMINS, again=False, text="raise the flags of tests"),
    Action.RESET_KILL: Grant(_ADMINS, again=True, text="release the kill switch"),
    Action.MANAGE_USERS: Grant(_ADMINS, again=True, text="add, change and remove users"),
    Action.ROTATE_KEYS: Grant(_ADMINS, again=True, text="rotate keys"),
})
"""Every action; the order is that of the documentation."""


def may(role: Role | None, action: Action) -> bool:
    """Tell whether a role is granted an action.

    Parameters
    ----------
    role
        None for somebody who is not logged in.
    action
        What is asked for.

    Returns
    -------
    bool
        False for whatever the table does not grant.
    """
    return role is not None and role in GRANTS[action].roles


def asks_again(action: Action) -> bool:
    """Tell whether the password must have been given just now (FAULTS §4.7 S07)."""
    return GRANTS[action].again


def table() -> str:
    """Return the table as Markdown, for the documentation."""
    head = "| action | " + " | ".join(Role) + " | password again |"
    rule = "|---" * (len(Role) + 2) + "|"
    rows = [
        f"| {grant.text} | "
        + " | ".join("yes" if role in grant.roles else "" for role in Role)
        + f" | {'yes' if grant.again else ''} |"
        for grant in GRANTS.values()
    ]
    return "\n".join((head, rule, *rows))
