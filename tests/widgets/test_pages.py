"""MM9, MM10: each page module and template of the documents is one page."""

from __future__ import annotations

import pytest

from rigd.access.roles import Action
from widgets.pages import PAGES, find

MODULES = {
    "main_web.py": "dashboard",
    "status_web.py": "status",
    "logs_web.py": "logs",
    "settings_web.py": "settings",
    "configuration_web.py": "configuration",
    "ledger_web.py": "books",
    "test_web.py": "test",
    "auth_web.py": "users",
    "main.html": "dashboard",
    "status.html": "status",
    "logs.html": "logs",
    "settings.html": "settings",
    "configuration.html": "configuration",
    "test.html": "test",
    "registration.html": "registration",
    "coa.html": "coa",
    "tuning.html": "proposals",
}
"""Documents 070: module or template, and the page that has its duty."""


@pytest.mark.parametrize(("name", "page"), MODULES.items())
def test_each_name_of_the_documents_is_a_page(name: str, page: str) -> None:
    """An alias leads to its page."""
    row = find(name)
    assert row is not None
    assert row.name == page


def test_names_are_used_once() -> None:
    """No alias is ambiguous."""
    names = [name for row in PAGES for name in (row.name, *row.aliases)]
    assert len(names) == len(set(names))


def test_each_page_has_a_module_of_its_own() -> None:
    """One module per page."""
    assert len({row.page.__module__ for row in PAGES}) == len(PAGES)


def test_an_unknown_page_is_none() -> None:
    """A forged name leads nowhere."""
    assert find("../secrets") is None
    assert find("") is None


def test_settings_and_credentials_are_separate() -> None:
    """U12: two pages; the users' page is for who manages users."""
    assert find("settings").page is not find("configuration").page
    assert find("users").action is Action.MANAGE_USERS
