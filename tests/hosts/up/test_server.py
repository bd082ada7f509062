"""The health port, over a real socket on loopback."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rigd.core.errors import ConfigError
from rigd.hosts.bot_state import BotStateFile
from rigd.hosts.up.server import HealthPort, application
from tests.hosts.up.test_facts import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUTES = ("/health", "/health/detailed", "/metrics")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def port(desk: Desk) -> Iterator[int]:
    with HealthPort(desk.home, desk.clock, 0) as served:
        yield served.port


def ask(port: int, method: str, route: str, **headers: str) -> tuple[int, str, str]:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        line.request(method, route, headers=headers)
        answer = line.getresponse()
        return answer.status, answer.getheader("Content-Type", ""), answer.read().decode()
    finally:
        line.close()


def test_it_tells_whether_the_bot_is_well(desk: Desk, port: int) -> None:
    """Q2, Q3: 200 and 503, in short and with each part."""
    assert ask(port, "GET", "/health")[0] == 200
    BotStateFile(desk.home).write("error")
    code, _, text = ask(port, "GET", "/health")
    assert (code, json.loads(text)) == (503, {"status": "unhealthy", "state": "error"})
    code, _, text = ask(port, "GET", "/health/detailed")
    assert json.loads(text)["services"]["bot"] == {"status": "unhealthy", "detail": "error"}
    BotStateFile(desk.home).write("idle")
    assert ask(port, "GET", "/health/detailed")[0] == 200


def test_metrics_are_what_prometheus_reads(port: int) -> None:
    """Q4: parsed by the official parser."""
    code, kind, text = ask(port, "GET", "/metrics")
    assert (code, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    states = {sample.labels["state"]: sample.value for sample in families["rigd_bot_state"].samples}
    assert len(states) == 16
    assert [state for state, value in states.items() if value] == ["idle"]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_no_route_changes_anything(port: int, method: str, route: str) -> None:
    """C10: reading is all that it does."""
    assert ask(port, method, route)[0] in {403, 405}


def test_it_has_no_other_route(desk: Desk, port: int) -> None:
    """Each is known here; everything else is not found."""
    rules = application(desk.home, desk.clock).wildcard_router.rules
    assert [rule.matcher.regex.pattern.rstrip("$") for rule in rules] == list(ROUTES)
    assert ask(port, "GET", "/")[0] == 404


def test_another_name_of_the_machine_is_refused(port: int) -> None:
    """A page whose name was made to lead here reads nothing."""
    for route in ROUTES:
        assert ask(port, "GET", route, Host="evil.example")[0] == 403


def test_a_port_in_use_is_told(desk: Desk, port: int) -> None:
    """With what to do."""
    with pytest.raises(ConfigError, match="must be free") as caught:
        HealthPort(desk.home, desk.clock, port)
    assert "--health-port" in caught.value.fix
