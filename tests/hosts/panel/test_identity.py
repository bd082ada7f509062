"""Who a browser is."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from rigd.access.roles import Role
from rigd.access.users import digest_of
from rigd.hosts.panel.identity import Desk, OwnKernels, RigdIdentity, cookie_name
from rigd.store.paths import Home
from tests.access.homes import WORDS
from tests.fakes.clock import FakeClock


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.setattr("rigd.access.passwords.COST", 4)
    made = Desk(Home(tmp_path), FakeClock())
    made.users.register(made.users.offer_registration(), "ada", WORDS)
    yield made
    made.close()


def asking(key: str | None, protocol: str = "http"):
    """A handler with a cookie."""
    return SimpleNamespace(
        request=SimpleNamespace(protocol=protocol), get_cookie=lambda _: key, path_kwargs={}
    )


def test_a_log_in_s_cookie_and_nothing_else_says_who_it_is(desk) -> None:
    """S07: no token, nobody anonymous; a log-in that ended is nobody."""
    identity = RigdIdentity()
    identity.desk = desk
    key = desk.users.log_in("ada", WORDS)
    user = identity.get_user(asking(key))
    assert (user.username, user.role, user.digest) == ("ada", Role.ADMIN, digest_of(key))
    for wrong in (None, "", "guess", digest_of(key)):
        assert identity.get_user(asking(wrong)) is None
    desk.users.log_out(key)
    assert identity.get_user(asking(key)) is None
    assert identity.auth_enabled
    assert not identity.is_token_authenticated(asking(key))


def test_an_encrypted_connection_binds_the_cookie_to_its_host() -> None:
    """S07: ``__Host-``."""
    assert cookie_name(asking("", "https")) == "__Host-rigd_session"
    assert cookie_name(asking("", "http")) == "rigd_session"


def test_a_kernel_is_its_owners_alone(monkeypatch) -> None:
    """S02: and the authorizer grants nothing but kernels."""
    monkeypatch.setattr(OwnKernels, "owner_of", staticmethod({"k": "mine"}.get), raising=False)
    authorizer = OwnKernels(identity_provider=RigdIdentity())
    handler = SimpleNamespace(path_kwargs={"kernel_id": "k"}, path_args=[])
    mine, other = SimpleNamespace(digest="mine"), SimpleNamespace(digest="other")
    assert authorizer.is_authorized(handler, mine, "execute", "kernels")
    assert not authorizer.is_authorized(handler, other, "execute", "kernels")
    assert not authorizer.is_authorized(handler, mine, "read", "contents")
    handler.path_kwargs = {"kernel_id": "unknown"}
    assert not authorizer.is_authorized(handler, SimpleNamespace(digest=None), "read", "kernels")


def test_what_takes_long_is_done_in_a_thread(desk) -> None:
    """JUPYTER §1: bcrypt does not block the loop; the database is another connection."""
    name = asyncio.run(desk.work(lambda users: users.who(users.log_in("ada", WORDS)).name))
    assert name == "ada"
