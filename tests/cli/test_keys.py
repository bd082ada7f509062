"""``rigd keys`` and ``rigd config encrypt|decrypt``."""

from __future__ import annotations

import json

import pytest
from cryptography.fernet import Fernet

from rigd.core.errors import ExitCode
from rigd.hosts.bot import keyring
from tests.hosts.homes import bot_of, demo


@pytest.fixture
def home(tmp_path):
    """A home with the demo."""
    return demo(tmp_path / "home")


def test_a_rotation_by_command(rigd, home) -> None:
    """K16: headless, the same routine, audited; the bot opens afterwards."""
    old = keyring(home).current().key_id
    said = rigd(home, "keys", "rotate", "--reason", "a test")
    new = keyring(home).current().key_id
    assert said.code == 0
    assert new in said.out
    assert new != old
    row = json.loads((home.logs / "operator_audit.log").read_text())
    assert (row["event"], row["reason"], row["key_id"]) == ("keys_rotated", "a test", new)
    assert bot_of(home).settings


def test_settings_go_out_and_in(rigd, home, tmp_path) -> None:
    """K17: what decrypt prints, encrypt seals, byte for byte."""
    text = rigd(home, "config", "decrypt").out + "# a comment\n"
    path = tmp_path / "text"
    path.write_bytes(text.encode())
    said = rigd(home, "config", "encrypt", str(path), "--reason", "a test")
    assert said.code == 0
    assert "delete the readable" in said.out
    assert rigd(home, "config", "decrypt").out == text


def test_a_fernet_token_is_imported(rigd, home, tmp_path) -> None:
    """K12: opened with ENCRYPTION_KEY of env/.env; with another key nothing is sealed."""
    text = rigd(home, "config", "decrypt").out + "# from an older version\n"
    key = Fernet.generate_key()
    path = tmp_path / "token"
    path.write_bytes(Fernet(key).encrypt(text.encode()))
    refused = rigd(home, "config", "encrypt", str(path), "--fernet")
    assert refused.code != 0
    assert "ENCRYPTION_KEY" in refused.err
    (home.env / ".env").write_text(f"ENCRYPTION_KEY={key.decode()}\n")
    assert rigd(home, "config", "encrypt", str(path), "--fernet").code == 0
    assert rigd(home, "config", "decrypt").out == text


def test_a_file_that_is_missing_is_bad_input(rigd, home, tmp_path) -> None:
    """The key stays."""
    old = keyring(home).current()
    said = rigd(home, "config", "encrypt", str(tmp_path / "none"))
    assert said.code == ExitCode.BAD_INPUT
    assert keyring(home).current() == old
