"""`rigd up` and `rigd health` as they are typed."""

from __future__ import annotations

import json

import pytest

from rigd.cli import up
from rigd.core.errors import ConfigError
from rigd.hosts.up import service
from rigd.hosts.up.server import HealthPort
from tests.certificates import self_signed
from tests.hosts.homes import demo


@pytest.mark.parametrize(("port", "health_port"), [(80, 8080), (8866, 70_000), (0, 8080)])
def test_a_port_is_one_for_a_users_service(port: int, health_port: int) -> None:
    """Below 1024 only root may listen, and rigd asks nobody for root."""
    with pytest.raises(ConfigError, match="a port must be 1024 to 65535"):
        up.run(port=port, health_port=health_port, with_panel=True, on_schedule=False, speed=0.0)


def test_the_options_reach_the_supervisor(rigd, tmp_path, monkeypatch) -> None:
    """Panel and health port, schedule and speed."""
    given = {}
    monkeypatch.setattr(service, "serve", lambda *_, **options: given.update(options))
    said = rigd(
        tmp_path, "up", "--port", "9000", "--health-port", "0", "--no-panel", "--speed", "0"
    )
    assert said.code == 0
    assert (given["panel_port"], given["health_port"], given["with_panel"]) == (9000, 0, False)
    assert (given["on_schedule"], given["speed"]) == (False, 0.0)


def test_the_panels_port_is_that_of_the_home(rigd, tmp_path, monkeypatch) -> None:
    """Y40: PORT of env/.env where no option is given; 8866 without either."""
    given = []
    monkeypatch.setattr(service, "serve", lambda *_, **options: given.append(options["panel_port"]))
    assert rigd(tmp_path, "up").code == 0
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / ".env").write_text("PORT=9001\n")
    assert rigd(tmp_path, "up").code == 0
    assert rigd(tmp_path, "up", "--port", "9002").code == 0
    assert given == [8866, 9001, 9002]


def test_health_is_told_from_the_files(rigd, tmp_path) -> None:
    """Q12: 1 without a supervisor, and what to do; every part with --detailed."""
    demo(tmp_path)
    said = rigd(tmp_path, "health")
    assert said.code == 1
    assert "ILL  supervisor: none runs; next: rigd up" in said.out
    detailed = rigd(tmp_path, "health", "--detailed")
    assert "ok   disk" in detailed.out
    told = json.loads(rigd(tmp_path, "health", "--json").out)
    assert told["services"]["supervisor"]["status"] == "unhealthy"


def test_health_serves_until_it_is_interrupted(rigd, tmp_path, monkeypatch) -> None:
    """Q12: --server --port, on loopback."""

    def interrupted(_: HealthPort) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(HealthPort, "wait", interrupted)
    said = rigd(tmp_path, "health", "--server", "--port", "0")
    assert said.code == 0
    assert "http://127.0.0.1:" in said.out


def test_a_panel_beyond_this_machine_needs_a_certificate(rigd, tmp_path, monkeypatch) -> None:
    """S16: refused before anything is started; its files reach the supervisor."""
    given = {}
    monkeypatch.setattr(service, "serve", lambda *_, **options: given.update(options))
    refused = rigd(tmp_path, "up", "--panel-address", "192.0.2.7")
    assert refused.code == 2
    assert "must have a certificate" in refused.err
    assert given == {}
    certificate, key = self_signed(tmp_path, "localhost")
    files = ("--certificate", str(certificate), "--certificate-key", str(key))
    assert rigd(tmp_path, "up", *files).code == 0
    assert given["listening"].certificate == certificate
    assert given["listening"].key == key


def test_panel_and_health_have_a_port_of_their_own() -> None:
    """The second would never be had."""
    with pytest.raises(ConfigError, match="a port of their own, both were to have 9000"):
        up.run(port=9000, health_port=9000, with_panel=True, on_schedule=False, speed=0.0)


def test_a_closed_console_ends_no_supervisor(rigd, tmp_path, monkeypatch) -> None:
    """`rigd up | head -1`: what is told from then on is lost, and nothing else."""

    def serve(*_: object, tell, **__: object) -> None:
        monkeypatch.setattr(up, "say", broken)
        tell("the panel ended")

    def broken(_: str) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(service, "serve", serve)
    assert rigd(tmp_path, "up", "--no-panel").code == 0
