from __future__ import annotations

import json

import pytest

from rigd.core.errors import ExitCode
from rigd.hosts.notifying import setup_of
from tests.config.test_migration import DOCUMENT, EXPORTED
from tests.hosts.homes import bot_of, demo, listing


@pytest.fixture
def home(tmp_path):
    """A home with the demo."""
    return demo(tmp_path / "home")


@pytest.fixture
def files(tmp_path):
    """The old bot's two files."""
    config, environment = tmp_path / "config.yaml", tmp_path / "environment.txt"
    config.write_text(DOCUMENT)
    environment.write_text(EXPORTED)
    return str(config), str(environment)


def test_an_import_is_told_before_anything_is_written(rigd, home, files) -> None:
    """MM16: where each old name goes and what would change; not one byte of the home differs."""
    before = listing(home.root)
    said = rigd(home, "config", "import", files[0], "--environment", files[1])
    assert said.code == 0, said.err
    assert "trading.equity_allocation: TOTAL_ALLOCATION" in said.out
    assert "TOTAL_ALLOCATION: 0.02 -> 0.6" in said.out
    assert "logging.file_path: left (logs lie under runs/)" in said.out
    assert "the old bot traded at IBKR, this one at SIM" in said.out
    assert "your-app-password" not in said.out
    assert said.out.splitlines()[-1].startswith("next: the same with --run")
    assert listing(home.root) == before


def test_an_import_changes_settings_and_channels(rigd, home, files) -> None:
    """MM16, Y42, Y48: sealed as every change is; the file's server, the environment's people."""
    arguments = ("config", "import", files[0], "--environment", files[1], "--run")
    said = rigd(home, *arguments, "--reason", "the old bot ends")
    assert said.code == 0, said.err
    settings = bot_of(home).settings
    assert str(settings.total_allocation) == "0.6"
    assert settings.routine_alert_channel == "email"
    found = setup_of(home)
    assert found["SMTP_HOST"] == "smtp.gmail.com"
    assert "your-app-password" in found.values()
    assert found["EMAIL_TO"] == "ada@example.com, bob@example.com"
    rows = [json.loads(row) for row in (home.logs / "operator_audit.log").read_text().splitlines()]
    assert {row["reason"] for row in rows} == {"the old bot ends"}
    assert "your-app-password" not in (home.logs / "operator_audit.log").read_text()
    again = rigd(home, *arguments)
    assert "0 setting(s) and 0 field(s) of alerts.json changed" in again.out


def test_a_wrong_old_file_changes_nothing(rigd, home, tmp_path) -> None:
    """Bad input: told with its key, and not one byte of the home differs."""
    path = tmp_path / "config.yaml"
    path.write_text("email: {smtp_port: x}\ntrading: {equity_allocation: 0.5}\n")
    before = listing(home.root)
    said = rigd(home, "config", "import", str(path), "--run")
    assert said.code == ExitCode.BAD_INPUT
    assert "config.yaml: email.smtp_port: must be a valid integer" in said.err
    assert listing(home.root) == before


def test_a_file_must_be_named_and_exist(rigd, home, tmp_path) -> None:
    """Both are bad input, not a crash."""
    assert rigd(home, "config", "import").code == ExitCode.BAD_INPUT
    said = rigd(home, "config", "import", str(tmp_path / "none.yaml"))
    assert (said.code, "found none at" in said.err) == (ExitCode.BAD_INPUT, True)
