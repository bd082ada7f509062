"""U2: the state registration has its view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.widgets.world import elements, empty_world, markup, words
from widgets.registration import Registration

if TYPE_CHECKING:
    from pathlib import Path


def test_it_says_where_the_token_is_and_leads_to_the_form(tmp_path: Path) -> None:
    """The token is on the supervisor's console, the form on the server's page."""
    view = empty_world(tmp_path).page(Registration).view
    assert "one-time token on its console" in words(view)
    assert ("a", {"class": "link", "href": "/register"}) in elements(markup(view))
