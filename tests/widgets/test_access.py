"""The seams as the pages use them: the real door and the fakes have the same form."""

from __future__ import annotations

import inspect

import pytest

from rigd.access.requests import Requests
from rigd.access.users import Users
from tests.widgets.world import FakeRequests, FakeSession
from widgets import access


@pytest.mark.parametrize("name", ["send", "answer"])
def test_requests_are_called_as_the_door_wants_it(name: str) -> None:
    """The supervisor's side takes what the pages' protocol and fake take."""
    wanted = list(inspect.signature(getattr(access.Requests, name)).parameters)[1:]
    assert len(list(inspect.signature(getattr(Requests, name)).parameters)[1:]) == len(wanted)
    assert len(list(inspect.signature(getattr(FakeRequests, name)).parameters)[1:]) == len(wanted)


@pytest.mark.parametrize("name", ["add", "remove", "set_role", "set_enabled", "offer_reset"])
def test_users_offer_what_the_page_needs(name: str) -> None:
    """Each change takes the same arguments."""
    wanted = inspect.signature(getattr(access.People, name)).parameters
    assert list(inspect.signature(getattr(Users, name)).parameters) == list(wanted)


def test_the_fake_session_refuses_by_the_table() -> None:
    """What is asked of it is noted, so that tests see who asked for what."""
    made = FakeSession()
    assert {"user", "may", "require", "digest"} <= set(dir(made))
