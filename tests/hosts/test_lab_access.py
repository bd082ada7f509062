"""Who may use JupyterLab."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from rigd.access.roles import Role
from rigd.access.trail import Log
from rigd.core.errors import AccessError
from rigd.hosts.lab_access import LabAuthorizer, LabIdentity, LabLogIn
from rigd.store.paths import Home
from tests.access.homes import WORDS


@pytest.fixture
def identity(tmp_path, monkeypatch):
    monkeypatch.setenv("RIGD_HOME", str(tmp_path))
    monkeypatch.setattr("rigd.access.passwords.COST", 4)
    made = LabIdentity()
    users = made.desk.users
    users.register(users.offer_registration(), "ada", WORDS)
    for role in (Role.VIEWER, Role.AUDITOR, Role.OPERATOR):
        users.add(role.value, role, WORDS, by="ada")
    yield made
    made.desk.close()


def asking(key: str):
    """A request with a log-in's cookie."""
    request = SimpleNamespace(protocol="http", path="/api/kernels", remote_ip="127.0.0.1")
    handler = SimpleNamespace(request=request, get_cookie=lambda _: key, key=lambda: "")
    handler.device_of = lambda *_: ""
    return handler


@pytest.mark.parametrize("name", ["viewer", "auditor"])
def test_who_may_not_do_research_is_refused_at_the_log_in(identity, name) -> None:
    """JUPYTER §1: and leaves no session behind, however right the password is."""
    with pytest.raises(AccessError, match="may not use the research"):
        LabLogIn.enter(_as_log_in(asking("")), identity.desk.users, name, WORDS)
    count = identity.desk.database.execute("SELECT count(*) FROM sessions").fetchone()
    assert count == (0,)


def test_who_may_is_known_until_the_role_is_lowered(identity) -> None:
    """S01: asked with each request; the refusal leaves its row."""
    users = identity.desk.users
    key = LabLogIn.enter(_as_log_in(asking("")), users, "operator", WORDS)
    user = identity.get_user(asking(key))
    assert user is not None
    authorizer = LabAuthorizer(identity_provider=identity)
    assert authorizer.is_authorized(asking(key), user, "execute", "kernels")
    users.set_role("operator", Role.VIEWER, by="ada")
    assert identity.get_user(asking(key)) is None
    user.role = Role.VIEWER
    assert not authorizer.is_authorized(asking(key), user, "execute", "kernels")
    path = Home(identity.desk.home.root).logs / Log.ACTIVITY.value
    row = json.loads(path.read_text().splitlines()[-1])
    assert (row["event"], row["by"], row["action"]) == ("refused", "operator", "research")


def _as_log_in(handler) -> LabLogIn:
    made = LabLogIn.__new__(LabLogIn)
    made.__dict__.update(vars(handler))
    return made
