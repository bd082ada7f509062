from __future__ import annotations

import shutil
import sys
from collections import namedtuple

import pytest

from rigd.hosts import health
from rigd.hosts.health import examine
from rigd.store.paths import Home
from tests.hosts.homes import demo, listing

Disk = namedtuple("Disk", "total used free")  # noqa: PYI024 - as shutil gives it


def named(home: Home) -> dict[str, health.Finding]:
    return {finding.name: finding for finding in examine(home)}


def test_a_sound_machine_and_an_empty_home(tmp_path) -> None:
    """All is well before the first run, and nothing is written by looking."""
    findings = named(Home(tmp_path / "new"))
    assert [f.name for f in findings.values() if not f.passed] == []
    assert set(findings) == {"python", "packages", "disk", "kernelspec", "service", "bot"}
    assert "demo" in findings["bot"].detail
    assert listing(tmp_path) == {}


def test_a_provisioned_home_is_examined(tmp_path) -> None:
    """Each rule of the launch, and whether the settings are valid."""
    home = demo(tmp_path)
    before = listing(tmp_path)
    findings = named(home)
    assert all(finding.passed for finding in findings.values())
    assert any(name.startswith("security: ") for name in findings)
    assert "RIGD_USA_SIM_01 [TEST]" in findings["settings"].detail
    assert listing(tmp_path) == before


def test_every_failure_has_a_fix(tmp_path, monkeypatch) -> None:
    """Old Python, missing packages, full disk, no kernelspec, a broken secret."""
    home = demo(tmp_path)
    (home.env / ".env_bot.enc").write_bytes(b"junk")
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    monkeypatch.setattr(health, "_version", lambda name: "" if name == "papermill" else "1")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(10**9, 10**9, 10**6))
    monkeypatch.setattr(health, "checkout", lambda: tmp_path)
    failed = {name: f for name, f in named(home).items() if not f.passed}
    assert {"python", "packages", "disk", "kernelspec", "settings"} <= set(failed)
    assert any(name.startswith("security: ") for name in failed)
    assert "papermill" in failed["packages"].detail
    for name, finding in failed.items():
        assert finding.fix or name == "settings", name


def test_optional_packages_are_told_but_not_needed(tmp_path, monkeypatch) -> None:
    """A session runs without them; doctor says that they are missing."""
    monkeypatch.setattr(health, "_version", lambda name: "" if name in health.OPTIONAL else "1")
    finding = named(Home(tmp_path))["packages"]
    assert finding.passed
    assert "vectorbt" in finding.detail


@pytest.mark.parametrize("name", ["no-such-package-anywhere", "numpy"])
def test_versions_are_those_installed(name) -> None:
    """A package that is not there has none."""
    assert bool(health._version(name)) is (name == "numpy")
