"""Units, launcher script and container as files: what they must and must not say."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess

import pytest

from rigd.hosts.up.resident import SIGNAL_S, STOP_S
from tests.house.tree import ROOT, text

UNITS = ("env/systemd/rigd.service", "env/systemd/rigd-lab.service")


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text(name))
    return parser


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_the_users_own(name: str) -> None:
    """Z2, MM13, MM15: no User=, no absolute path of a machine, wanted by the default target."""
    found = unit(name)
    assert "User" not in found["Service"]
    assert found["Install"]["WantedBy"] == "default.target"
    assert found["Service"]["ExecStart"].startswith("%E/rigd/checkout/env/systemd/run.sh ")
    assert not re.search(r"=/(home|root|opt|work)\b", text(name))


def test_the_service_leaves_the_supervisor_time_to_close() -> None:
    """KillMode=mixed, and a time-out above stop, signal and kill together (JUPYTER §7)."""
    service = unit(UNITS[0])["Service"]
    assert service["KillMode"] == "mixed"
    assert int(service["TimeoutStopSec"]) >= STOP_S + SIGNAL_S + 60
    assert service["Restart"] == "on-failure"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here: not run")
@pytest.mark.parametrize("name", UNITS)
def test_the_users_manager_accepts_a_unit(name: str, tmp_path) -> None:
    """Z2: systemd-analyze verify --user finds nothing wrong."""
    links = {tmp_path / "rigd" / "checkout": ROOT, tmp_path / "systemd" / "user" / "x": ROOT / name}
    for link, target in links.items():
        link.parent.mkdir(parents=True)
        link.symlink_to(target)
    variables = {"XDG_CONFIG_HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    path = tmp_path / "systemd" / "user" / name.rpartition("/")[2]
    (tmp_path / "systemd" / "user" / "x").rename(path)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", str(path)],
        env=dict(os.environ) | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_launcher_starts_the_checkout_that_it_lies_in() -> None:
    """MM13: also through the link of an installation."""
    path = ROOT / "env" / "systemd" / "run.sh"
    assert os.access(path, os.X_OK)
    assert "readlink -f" in path.read_text()
    assert path.read_text().rstrip().endswith('exec .venv/bin/rigd "$@"')


def test_the_image_is_not_root_and_checks_its_health() -> None:
    """Z5: a user of its own, a health check, the lock file's hashes; no secret is copied."""
    lines = text("env/docker/Dockerfile").splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users == ["rigd"]
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    assert 'CMD ["rigd", "health"]' in text("env/docker/Dockerfile")
    assert "--require-hashes" in text("env/docker/Dockerfile")
    ignored = text("env/docker/Dockerfile.dockerignore").split()
    assert {"runs", "env/keys", "env/secrets", "env/.env*", "env/databases"} <= set(ignored)


def test_the_container_can_write_nowhere_but_where_it_must() -> None:
    """Z5: read-only root, no capability, bounded memory and processes, time to close."""
    compose = text("env/docker/compose.yaml")
    for line in (
        "read_only: true",
        'user: "10001:10001"',
        "- ALL",
        "- no-new-privileges:true",
        "mem_limit: 3g",
        "pids_limit: 512",
        "stop_grace_period: 3m",
    ):
        assert line in compose, line
    assert "privileged: true" not in compose
    assert "ports:" not in compose
