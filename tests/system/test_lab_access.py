"""JupyterLab on the users of a home: five kinds of people at its doors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
import requests

from rigd.access.directory import users_of
from rigd.access.roles import Role
from rigd.config.sources import checkout
from rigd.store.paths import Home
from tests.system.panel import CLOCK, WORDS, Browser
from tests.system.processes import free_port, wait_until

pytestmark = pytest.mark.system

PATHS = ("/api/contents", "/api/kernels", "/api/sessions", "/api/kernelspecs", "/api/me")


def answers(url: str) -> bool:
    """Whether the server listens."""
    try:
        return requests.get(f"{url}/login", timeout=2).status_code == 200
    except requests.ConnectionError:
        return False


def test_operators_and_admins_alone_come_in(tmp_path) -> None:
    """S01, S22: others are refused at the log-in, on every route, and when a role is lowered."""
    home = Home(tmp_path)
    with users_of(home, CLOCK) as users:
        users._cost = 4
        users.register(users.offer_registration(), "admin", WORDS)
        for role in (Role.VIEWER, Role.AUDITOR, Role.OPERATOR):
            users.add(role.value, role, WORDS, by="admin")
    port = free_port()
    served = SimpleNamespace(url=f"http://127.0.0.1:{port}", port=port, opened=[])
    variables = os.environ | {"RIGD_HOME": str(tmp_path)}
    with (tmp_path / "lab.out").open("w") as out:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", "rigd", "lab", "--port", str(port)],
            cwd=checkout(),
            env=variables,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until("JupyterLab", lambda: answers(served.url))
        assert "token=" not in (tmp_path / "lab.out").read_text()
        nobody = Browser(served)
        for path in PATHS:
            assert nobody.get(path).status_code == 403
            assert nobody.get(f"{path}?token=").status_code == 403
        assert nobody.get("/lab").status_code == 302
        for name in ("viewer", "auditor"):
            nobody.get("/login")
            assert nobody.post("/login", username=name, password=WORDS).status_code == 401
            assert nobody.get("/api/contents").status_code == 403
        people = {}
        for name in ("operator", "admin"):
            people[name] = Browser(served)
            people[name].get("/login")
            answer = people[name].post("/login", username=name, password=WORDS)
            assert answer.status_code == 303
            assert {people[name].get(path).status_code for path in PATHS} == {200}
        assert people["admin"].send("POST", "/api/terminals").status_code in {403, 404}
        with users_of(home, CLOCK) as users:
            users.set_role("operator", Role.VIEWER, by="admin")
        assert {people["operator"].get(path).status_code for path in PATHS} == {403}
    finally:
        for each in served.opened:
            each.close()
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
