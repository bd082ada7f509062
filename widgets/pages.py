"""Every page of the panel as one table: its name, the documents' script, who may see it (090, 070).

The documents' page modules and templates are aliases of a row: ``logs_web`` and ``logs.html`` are
both the page ``logs``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rigd.access.roles import Action
from widgets.account import AccountPage
from widgets.books import Books
from widgets.chart_of_accounts import ChartOfAccounts
from widgets.configuration import Configuration
from widgets.dashboard import Dashboard
from widgets.halted import Halted
from widgets.logs import Logs
from widgets.proposals import Proposals
from widgets.registration import Registration
from widgets.settings import SettingsPage
from widgets.status import Status
from widgets.testing import DryRuns
from widgets.universe import Universe
from widgets.users import UsersPage

if TYPE_CHECKING:
    from widgets.desk import Page


class Row(NamedTuple):
    """One page.

    `name` is its address, `action` what its reader must be granted, `aliases` the documents' names
    for it; `listed` tells whether the navigation has it.
    """

    name: str
    title: str
    page: type[Page]
    action: Action
    aliases: tuple[str, ...]
    listed: bool = True


PAGES: tuple[Row, ...] = (
    Row("dashboard", "Dashboard", Dashboard, Action.VIEW_STATUS, ("main", "main_web")),
    Row("status", "Status", Status, Action.VIEW_STATUS, ("status_web",)),
    Row("logs", "Logs", Logs, Action.VIEW_LOGS, ("logs_web",)),
    Row("books", "Books", Books, Action.VIEW_BOOKS, ("ledger_web", "ledger")),
    Row("coa", "Chart of accounts", ChartOfAccounts, Action.VIEW_BOOKS, ("coa_web",)),
    Row("proposals", "Proposals", Proposals, Action.VIEW_SETTINGS, ("tuning",)),
    Row("universe", "Universe", Universe, Action.VIEW_STATUS, ("screener",)),
    Row("settings", "Settings", SettingsPage, Action.VIEW_SETTINGS, ("settings_web",)),
    Row(
        "configuration",
        "Configuration",
        Configuration,
        Action.EDIT_CONFIGURATION,
        ("configuration_web",),
    ),
    Row("test", "Tests", DryRuns, Action.VIEW_LOGS, ("test_web",)),
    Row("users", "Users", UsersPage, Action.MANAGE_USERS, ("auth_web",)),
    Row("account", "Account", AccountPage, Action.VIEW_STATUS, ()),
    Row("registration", "Registration", Registration, Action.VIEW_STATUS, (), listed=False),
    Row("halted", "Halted", Halted, Action.VIEW_STATUS, ("error",), listed=False),
)
"""In the order of the navigation."""

_BY_NAME = {name: row for row in PAGES for name in (row.name, *row.aliases)}


def find(name: str) -> Row | None:
    """Return the page of a name, an alias or a template such as ``logs.html``; None for none."""
    return _BY_NAME.get(name.removesuffix(".html").removesuffix(".py"))
