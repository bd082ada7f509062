"""Who may ask for what: every route and method of the panel as one table; the rest is refused.

A route that the server registers without a row here fails its start and a test (FAULTS §4.7 S01).
"""

from __future__ import annotations

from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from rigd.access.roles import Action, Role, may

if TYPE_CHECKING:
    from collections.abc import Mapping


class Who(Enum):
    """Who may, where it is no action of the table of roles."""

    ANYONE = "anyone"
    LOGGED_IN = "logged in"
    OWNER = "whose kernel it is"


class Row(NamedTuple):
    """One route and method."""

    route: str
    method: str
    who: Who | Action


PAGES: Mapping[str, Action] = MappingProxyType({
    "": Action.VIEW_STATUS,
    "dashboard": Action.VIEW_STATUS,
    "status": Action.VIEW_STATUS,
    "logs": Action.VIEW_LOGS,
    "books": Action.VIEW_BOOKS,
    "coa": Action.VIEW_BOOKS,
    "proposals": Action.VIEW_SETTINGS,
    "universe": Action.VIEW_STATUS,
    "settings": Action.VIEW_SETTINGS,
    "configuration": Action.EDIT_CONFIGURATION,
    "test": Action.VIEW_LOGS,
    "users": Action.MANAGE_USERS,
    "account": Action.VIEW_STATUS,
})
"""The pages of the router notebook by the first part of their address (INVENTORY U13)."""


def page_route(page: str) -> str:
    """Return the route of a page."""
    return f"/{page}"


ROWS: tuple[Row, ...] = (
    Row("/health", "GET", Who.ANYONE),
    Row("/login", "GET", Who.ANYONE),
    Row("/login", "POST", Who.ANYONE),
    Row("/register", "GET", Who.ANYONE),
    Row("/register", "POST", Who.ANYONE),
    Row("/reset", "GET", Who.ANYONE),
    Row("/reset", "POST", Who.ANYONE),
    Row("/confirm", "GET", Who.LOGGED_IN),
    Row("/confirm", "POST", Who.LOGGED_IN),
    Row("/logout", "GET", Who.LOGGED_IN),
    Row("/logout", "POST", Who.LOGGED_IN),
    *(Row(page_route(page), "GET", action) for page, action in PAGES.items()),
    Row("/coa/api", "GET", Action.VIEW_BOOKS),
    Row("/coa/export", "GET", Action.EXPORT_BOOKS),
    Row("/download/log/<name>", "GET", Action.VIEW_LOGS),
    Row("/download/books/<form>", "GET", Action.EXPORT_BOOKS),
    Row("/voila/templates/rigd/static/<name>", "GET", Who.LOGGED_IN),
    Row("/voila/templates/<path>", "GET", Who.LOGGED_IN),
    Row("/voila/static/<path>", "GET", Who.LOGGED_IN),
    Row("/voila/labextensions/<path>", "GET", Who.LOGGED_IN),
    Row("/voila/api/themes/<path>", "GET", Who.LOGGED_IN),
    Row("/voila/api/shutdown/<kernel>", "POST", Who.OWNER),
    Row("/api/kernels/<kernel>", "GET", Who.OWNER),
    Row("/api/kernels/<kernel>", "DELETE", Who.OWNER),
    Row("/api/kernels/<kernel>/channels", "GET", Who.OWNER),
)
"""Every route × method × who."""

POLICY: Mapping[tuple[str, str], Who | Action] = MappingProxyType({
    (row.route, row.method): row.who for row in ROWS
})


def permits(who: Who | Action, role: Role | None, *, owns: bool) -> bool:
    """Tell whether somebody may.

    Parameters
    ----------
    who
        Of the table.
    role
        Theirs; None for somebody who is not logged in.
    owns
        Whether the kernel of the address is theirs.

    Returns
    -------
    bool
        False for whatever the table does not grant.
    """
    if who is Who.ANYONE:
        return True
    if role is None:
        return False
    if isinstance(who, Action):
        return may(role, who)
    return owns if who is Who.OWNER else True
