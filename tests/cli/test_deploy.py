"""`rigd deploy` as it is typed."""

from __future__ import annotations

import shlex

import pytest

from rigd.cli import deploy
from rigd.hosts import supervisor
from tests.certificates import self_signed


@pytest.fixture(autouse=True)
def ran(monkeypatch, tmp_path) -> list[list[str]]:
    steps: list[list[str]] = []
    monkeypatch.setattr(supervisor, "run_step", lambda step: steps.append(step) or 0)
    monkeypatch.setattr(deploy, "environment", lambda: {"HOME": str(tmp_path)})
    return steps


@pytest.mark.parametrize(
    ("target", "first"),
    [
        ("install", "systemctl --user daemon-reexec"),
        ("start", "systemctl --user restart rigd.service"),
        ("docker", "docker compose --file"),
    ],
)
def test_each_target_prints_its_steps_and_takes_them_with_run(
    rigd, tmp_path, ran, target, first
) -> None:
    """Z6: docker, install, start."""
    said = rigd(tmp_path, "deploy", target)
    assert (said.code, ran) == (0, [])
    assert first in said.out
    assert rigd(tmp_path, "deploy", target, "--run").code == 0
    assert " ".join(ran[0]).startswith(first)


def test_status_says_whether_it_is_installed(rigd, tmp_path) -> None:
    """Z6: the health checks of the service; 1 while something is wrong."""
    assert "not installed" in rigd(tmp_path, "deploy", "status").out
    rigd(tmp_path, "deploy", "install", "--run")
    said = rigd(tmp_path, "deploy", "status")
    assert said.code == 1
    assert "FAIL XDG_RUNTIME_DIR" in said.out


def test_the_service_gets_the_panels_options(rigd, tmp_path) -> None:
    """S16: what `rigd up` would be started with by hand; files by their whole path."""
    certificate, key = self_signed(tmp_path, "localhost")
    files = ("--certificate", str(certificate), "--certificate-key", str(key))
    options = ("--port", "9000", "--health-port", "9001", "--panel-address", "127.0.0.2", *files)
    assert rigd(tmp_path, "deploy", "install", "--run", *options).code == 0
    addition = tmp_path / ".config/systemd/user/rigd.service.d/rigd-options.conf"
    words = addition.read_text().splitlines()[-1].partition("run.sh up ")[2]
    assert shlex.split(words) == [
        *("--port", "9000", "--health-port", "9001", "--panel-address", "127.0.0.2"),
        *("--certificate", str(certificate.absolute()), "--certificate-key", str(key.absolute())),
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--panel-address", "192.0.2.7"), "must have a certificate"),
        (("--panel-address", "somewhere"), "must be one such as 192.0.2.7"),
        (("--certificate", "panel.pem"), "must come with its key"),
        (("--port", "80"), "a port must be 1024 to 65535"),
        (("--port", "9000", "--health-port", "9000"), "a port of their own"),
    ],
)
def test_what_up_would_refuse_is_not_installed(rigd, tmp_path, ran, options, said) -> None:
    """S16: a service that cannot start would be started again and again."""
    for words in (("deploy", "install", "--run"), ("up",)):
        refused = rigd(tmp_path, *words, *options)
        assert refused.code == 2
        assert said in refused.err
    assert ran == []
    assert not (tmp_path / ".config").exists()


def test_beyond_this_machine_a_user_must_have_registered(rigd, tmp_path, ran) -> None:
    """S24: the certificate alone is not enough."""
    certificate, key = self_signed(tmp_path, "localhost")
    files = ("--certificate", str(certificate), "--certificate-key", str(key))
    refused = rigd(tmp_path, "deploy", "install", "--run", "--panel-address", "192.0.2.7", *files)
    assert refused.code == 2
    assert "must have a user" in refused.err
    assert ran == []
