"""One's own log-in: name, role, rights and the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rigd.access.roles import Role
from rigd.core.errors import AccessError
from tests.widgets.world import elements, empty_world, words
from widgets.account import AccountPage

if TYPE_CHECKING:
    from pathlib import Path


def test_it_shows_who_is_logged_in_and_what_they_may(tmp_path: Path) -> None:
    """An auditor may read the audit trail and not start the bot."""
    made = empty_world(tmp_path)
    made.session.role = Role.AUDITOR
    shown = words(made.page(AccountPage).view)
    assert "name ada role auditor" in shown
    assert "read the audit trail yes" in shown
    assert "start the bot on a simulated broker no" in shown


def test_it_leads_out(tmp_path: Path) -> None:
    """Password again, new password, sign out."""
    page = empty_world(tmp_path).page(AccountPage)
    links = [held["href"] for name, held in elements(page.shown.value) if name == "a"]
    assert links == ["/confirm", "/reset", "/logout"]


def test_a_log_in_that_ended_shows_nothing(tmp_path: Path) -> None:
    """The page cannot be read any more."""
    made = empty_world(tmp_path)
    page = AccountPage(made.desk)
    made.session.role = None
    with pytest.raises(AccessError):
        page.read()
