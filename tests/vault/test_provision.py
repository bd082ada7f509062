"""Tests of the first key and secrets."""

from __future__ import annotations

import json

import pytest

from rigd.core.errors import SecretError
from rigd.core.values import Profile
from rigd.vault.keys import KEY_FILE, KeyRing
from rigd.vault.provision import profile_of, provision
from rigd.vault.secrets import BROKER, ENV_BOT, HOLDINGS, IDENTITY, SecretStore
from tests.fakes.files import MemoryFiles

IDENTITY_TEXT = json.dumps({"BOT_ID": "01", "PROFILE": "TEST"})
ENV_TEXT = "VERSION_TAG=0.1.0\n"

# Document 090, phase 0, and INVENTORY K10.
EXPECTED = {
    ".env_bot.enc",
    "secrets/bot_identity.json.enc",
    "secrets/broker.json.enc",
    "secrets/screener_api.json.enc",
    "secrets/acct_api_credentials.json.enc",
    "secrets/holdings_config.json.enc",
}


def _provision(files: MemoryFiles) -> tuple[str, ...]:
    done = provision(files, KeyRing(files), identity_json=IDENTITY_TEXT, env_text=ENV_TEXT)
    return done.created


def test_every_secret_file_exists_and_opens_with_the_key() -> None:
    """The documents' files are made; what is not known is an empty object."""
    files = MemoryFiles()
    assert set(_provision(files)) == EXPECTED
    assert set(files.content) >= EXPECTED | {KEY_FILE}
    secrets = SecretStore(files, KeyRing(files))
    assert secrets.read(ENV_BOT).decode() == ENV_TEXT
    assert secrets.read(IDENTITY).decode() == IDENTITY_TEXT
    for name in EXPECTED - {ENV_BOT, IDENTITY}:
        assert json.loads(secrets.read(name)) == {}


def test_a_second_run_changes_nothing() -> None:
    """Provisioning is idempotent to the byte."""
    files = MemoryFiles()
    _provision(files)
    before = dict(files.content)
    assert _provision(files) == ()
    assert files.content == before


class _Stopping(MemoryFiles):
    """Files that fail at the n-th write, as a crash would."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self.left = writes

    def replace(self, name: str, content: bytes) -> None:
        if not self.left:
            raise InterruptedError
        self.left -= 1
        super().replace(name, content)


@pytest.mark.parametrize("writes", range(13))
def test_a_run_that_was_cut_short_is_finished_by_the_next(writes: int) -> None:
    """Stopping at any write leaves what the next run completes."""
    files = _Stopping(writes)
    with pytest.raises(InterruptedError):
        _provision(files)
    files.left = 100
    _provision(files)
    secrets = SecretStore(files, KeyRing(files))
    assert secrets.read(ENV_BOT).decode() == ENV_TEXT
    assert all(secrets.read(name) for name in EXPECTED)


def test_a_production_identity_is_not_provisioned() -> None:
    """Only a TEST profile is provisioned without the panel (R2)."""
    files = MemoryFiles()
    text = IDENTITY_TEXT.replace("TEST", "PRODUCTION")
    with pytest.raises(SecretError, match="PROFILE=TEST"):
        provision(files, KeyRing(files), identity_json=text, env_text=ENV_TEXT)
    assert files.content == {}


@pytest.mark.parametrize(
    ("name", "content"),
    [(IDENTITY, IDENTITY_TEXT.replace("TEST", "PRODUCTION")), (BROKER, '{"API_KEY":"x"}')],
)
def test_a_production_secret_stops_the_test_profile(name: str, content: str) -> None:
    """Beside a production identity or credentials nothing is made or changed (R2)."""
    files = MemoryFiles()
    KeyRing(files).create()
    SecretStore(files, KeyRing(files)).write(name, content.encode())
    before = dict(files.content)
    with pytest.raises(SecretError, match="production"):
        _provision(files)
    assert files.content == before


def test_holdings_are_no_credentials() -> None:
    """A TEST profile may have holdings settings."""
    files = MemoryFiles()
    _provision(files)
    SecretStore(files, KeyRing(files)).write(HOLDINGS, b'{"TAX_RESERVE_PCT":0.2}')
    assert _provision(files) == ()


def test_secrets_without_their_key_are_left_alone() -> None:
    """No new key is made beside files that it would not open."""
    files = MemoryFiles()
    _provision(files)
    del files.content[KEY_FILE]
    before = dict(files.content)
    with pytest.raises(SecretError, match=r"its key env/keys/env\.key does not"):
        _provision(files)
    assert files.content == before


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"PROFILE":"DEMO"}', '"TEST"', "\x00"])
def test_an_identity_without_a_profile_is_refused(text: str) -> None:
    """PROFILE must be TEST or PRODUCTION."""
    with pytest.raises(SecretError, match="PROFILE"):
        profile_of(text.encode())
    assert profile_of(b'{"PROFILE":"PRODUCTION"}') is Profile.PRODUCTION
