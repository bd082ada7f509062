"""Installing as a service of the user: links, steps and what doctor says of them."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rigd.config.sources import checkout
from rigd.core.errors import ConfigError
from rigd.hosts import deploy, supervisor

if TYPE_CHECKING:
    from collections.abc import Sequence


class Desk:
    """A user's folders, and the commands that were run."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.variables = {"HOME": str(root), "XDG_RUNTIME_DIR": str(root)}
        self.units = root / ".config" / "systemd" / "user"
        self.ran: list[list[str]] = []
        self.fails = ""
        self.told: list[str] = []
        monkeypatch.setattr(supervisor, "run_step", self.run)

    def run(self, step: Sequence[str]) -> int:
        self.ran.append(list(step))
        return 3 if self.fails and self.fails in step else 0

    def install(self, *options: str, really: bool) -> int:
        return deploy.install(self.variables, self.told.append, really=really, options=options)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(deploy, "LINGER", tmp_path / "linger")
    return Desk(tmp_path, monkeypatch)


def test_the_steps_are_printed_before_they_are_taken(desk: Desk, tmp_path: Path) -> None:
    """Z4: without --run nothing is changed."""
    assert desk.install(really=False) == 0
    assert desk.told[-4:] == [
        "systemctl --user daemon-reexec",
        "systemctl --user daemon-reload",
        "systemctl --user enable rigd.service",
        "loginctl enable-linger",
    ]
    assert desk.ran == []
    assert list(tmp_path.iterdir()) == []


def test_the_units_are_linked_where_the_users_manager_looks(desk: Desk) -> None:
    """Z2, Z4: ~/.config/systemd/user, or below XDG_CONFIG_HOME; then the manager reads them."""
    assert desk.install(really=True) == 0
    link = desk.units / "rigd.service"
    assert link.resolve() == checkout() / "env" / "systemd" / "rigd.service"
    assert len(desk.ran) == 4
    assert desk.install(really=True) == 0
    assert deploy.place_of({"HOME": "/h", "XDG_CONFIG_HOME": "/x"}).units == Path("/x/systemd/user")


def test_the_first_step_that_fails_ends_it(desk: Desk) -> None:
    """Its exit code is told."""
    desk.fails = "daemon-reload"
    assert desk.install(really=True) == 3
    assert len(desk.ran) == 2


def test_what_is_no_link_is_not_written_over(desk: Desk) -> None:
    """A unit that somebody wrote by hand stays."""
    desk.units.mkdir(parents=True)
    (desk.units / "rigd.service").write_text("[Unit]\n")
    with pytest.raises(ConfigError, match="must be free for a link"):
        desk.install(really=True)


def test_the_service_starts_with_the_options_of_its_installation(desk: Desk) -> None:
    """Told first; a later installation has its own, and one without any has none."""
    path = desk.units / "rigd.service.d" / "rigd-options.conf"
    assert desk.install("--port", "9000", really=False) == 0
    start = 'ExecStart=%E/rigd/checkout/env/systemd/run.sh up "--port" "9000"'
    assert f"{start} > {path}" in desk.told
    assert not path.exists()
    assert desk.install("--port", "9000", really=True) == 0
    assert path.read_text().splitlines()[1:] == ["[Service]", "ExecStart=", start]
    assert desk.install("--port", "9001", really=True) == 0
    assert '"--port" "9001"' in path.read_text()
    assert "9000" not in path.read_text()
    assert desk.install(really=True) == 0
    assert f"rm {path}" in desk.told
    assert not path.exists()


def test_an_addition_that_somebody_wrote_by_hand_stays(desk: Desk) -> None:
    """It is not ours to replace; others in the same folder are nobody's business."""
    path = desk.units / "rigd.service.d" / "rigd-options.conf"
    path.parent.mkdir(parents=True)
    path.with_name("mine.conf").write_text("[Service]\n")
    assert desk.install("--port", "9000", really=True) == 0
    path.write_text("[Service]\n")
    with pytest.raises(ConfigError, match="must be free for the service's options"):
        desk.install("--port", "9000", really=True)
    assert path.read_text() == "[Service]\n"
    assert path.with_name("mine.conf").exists()


def test_an_option_that_no_line_can_hold_is_refused(desk: Desk) -> None:
    """A line break in a path would be a setting of the unit of its own."""
    with pytest.raises(ConfigError, match="must be printable"):
        desk.install("--certificate", "/x\nExecStartPre=/y", really=True)
    assert not desk.units.exists()


def test_each_option_is_quoted_for_systemd() -> None:
    """Worked by hand: quotes and backslashes escaped, % and $ twice (systemd.service(5))."""
    addition = deploy.addition(["--certificate", "/a b/100%h/$HOME/'c'/\"d\"/e\\x41;é.pem"])
    start = addition.splitlines()[-1]
    expected = r'''"--certificate" "/a b/100%%h/$$HOME/'c'/\"d\"/e\\x41;é.pem"'''
    assert start.partition("run.sh up ")[2] == expected


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here: not run")
def test_the_users_manager_accepts_the_addition(desk: Desk, tmp_path: Path) -> None:
    """Z2: the installed unit with its options, as systemd itself reads it."""
    assert desk.install("--certificate", "/a b/100%h/$HOME/'c'.pem", really=True) == 0
    shown = subprocess.run(  # noqa: S603 - a tool of the machine
        ["systemd-analyze", "verify", "--user", str(desk.units / "rigd.service")],  # noqa: S607 - as above
        env={"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(tmp_path)}
        | {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / ".config")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (shown.returncode, shown.stderr) == (0, "")


def test_doctor_names_what_an_installed_service_lacks(desk: Desk, tmp_path: Path) -> None:
    """Z3: linger and XDG_RUNTIME_DIR, each with its fix; nothing where none is installed."""
    (only,) = deploy.problems(desk.variables)
    assert only[:2] == ("service", True)
    desk.install(really=True)
    found = deploy.problems(desk.variables | {"XDG_RUNTIME_DIR": ""})
    assert [(name, passed) for name, passed, _, _ in found] == [
        ("service", True),
        ("XDG_RUNTIME_DIR", False),
        ("linger", False),
    ]
    assert found[2][3] == "loginctl enable-linger"
    (tmp_path / "linger").mkdir()
    (tmp_path / "linger" / getpass.getuser()).touch()
    assert all(passed for _, passed, _, _ in deploy.problems(desk.variables))
    link = tmp_path / ".config" / "rigd" / "checkout"
    link.unlink()
    link.symlink_to(tmp_path)
    assert deploy.problems(desk.variables)[0][1] is False


def test_a_command_that_is_missing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """127, as a shell says."""
    assert supervisor.run_step(["rigd-no-such-command"]) == 127
    assert "is not on this machine" in capsys.readouterr().err
