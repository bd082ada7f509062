"""Tests of what security demands of a launch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import SecretError
from rigd.core.values import Profile
from rigd.store.files import SECRET_MODE, LocalFiles
from rigd.vault.keys import KEY_FILE, KeyRing, lstat_modes
from rigd.vault.provision import provision
from rigd.vault.secrets import BROKER, ENV_BOT, IDENTITY, REQUIRED, SecretStore
from rigd.vault.security import check_launch, launch_checks
from tests.fakes.files import MemoryFiles

if TYPE_CHECKING:
    from pathlib import Path


def _provisioned(profile: Profile = Profile.TEST) -> MemoryFiles:
    files = MemoryFiles()
    text = json.dumps({"PROFILE": "TEST"})
    provision(files, KeyRing(files), identity_json=text, env_text="VERSION_TAG=0.1.0\n")
    if profile is Profile.PRODUCTION:
        content = json.dumps({"PROFILE": "PRODUCTION"}).encode()
        SecretStore(files, KeyRing(files)).write(IDENTITY, content)
    return files


@pytest.mark.parametrize("profile", list(Profile))
def test_a_complete_profile_may_be_launched(profile: Profile) -> None:
    """With every secret in place the profile is returned and every check passes."""
    files = _provisioned(profile)
    assert check_launch(files, KeyRing(files)) is profile
    assert all(check.passed for check in launch_checks(files, KeyRing(files)))


def test_plaintext_settings_beside_production_are_refused() -> None:
    """A plain .env_bot blocks the launch in PRODUCTION and not in TEST (S12, C08)."""
    production, test = _provisioned(Profile.PRODUCTION), _provisioned()
    for files in (production, test):
        files.content[".env_bot"] = b"VERSION_TAG=0.1.0\n"
    assert check_launch(test, KeyRing(test)) is Profile.TEST
    with pytest.raises(SecretError, match=r"env/\.env_bot must not lie unencrypted"):
        check_launch(production, KeyRing(production))


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_secret_blocks_the_launch(name: str) -> None:
    """Each required file is named when it is missing; .env_bot.enc is one of them (K11)."""
    files = _provisioned()
    del files.content[name]
    with pytest.raises(SecretError, match=f"launch refused: .*env/{name} must exist"):
        check_launch(files, KeyRing(files))


def test_a_wrong_key_blocks_the_launch() -> None:
    """With another key nothing decrypts (document 050, matrix 4)."""
    files = _provisioned()
    del files.content[KEY_FILE]
    KeyRing(files).create()
    with pytest.raises(SecretError, match=r"\.env_bot\.enc must be sealed with key"):
        check_launch(files, KeyRing(files))


def test_a_changed_file_blocks_the_launch() -> None:
    """A flipped byte in .env_bot.enc is seen at launch."""
    files = _provisioned()
    content = bytearray(files.content[ENV_BOT])
    content[-1] ^= 1
    files.content[ENV_BOT] = bytes(content)
    with pytest.raises(SecretError, match="does not decrypt"):
        check_launch(files, KeyRing(files))


@pytest.mark.parametrize("path", ["", "keys/env.key", "/tmp/env.key", "env/keys/../keys/env.key"])  # noqa: S108 - never opened
def test_another_key_path_is_refused(path: str) -> None:
    """The single valid key path is env/keys/env.key (K3)."""
    files = _provisioned()
    with pytest.raises(SecretError, match=r"ENV_BOT_KEY must be env/keys/env\.key"):
        check_launch(files, KeyRing(files), key_path=path)


def test_production_credentials_beside_a_test_profile_are_refused() -> None:
    """A TEST profile does not run beside credentials (R2)."""
    files = _provisioned()
    SecretStore(files, KeyRing(files)).write(BROKER, b'{"API_KEY":"canary"}')
    with pytest.raises(SecretError, match="production secrets") as caught:
        check_launch(files, KeyRing(files))
    assert "canary" not in str(caught.value)


def test_every_reason_is_given_at_once() -> None:
    """All failing checks are in the message."""
    files = _provisioned()
    del files.content[ENV_BOT]
    del files.content[BROKER]
    with pytest.raises(SecretError) as caught:
        check_launch(files, KeyRing(files), key_path="x")
    for words in ("ENV_BOT_KEY", ENV_BOT, BROKER):
        assert words in caught.value.message


def test_a_profile_on_disk_is_closed_to_others(tmp_path: Path) -> None:
    """Files come out 0600 in folders 0700; a folder opened afterwards blocks the launch (C05)."""
    (tmp_path / "env").mkdir()
    files = LocalFiles(tmp_path / "env", mode=SECRET_MODE)
    keyring = KeyRing(files, lstat_modes(tmp_path / "env"))
    provision(files, keyring, identity_json=json.dumps({"PROFILE": "TEST"}), env_text="")
    assert check_launch(files, keyring) is Profile.TEST
    made = sorted((tmp_path / "env").rglob("*"))
    assert {path.stat().st_mode & 0o7777 for path in made if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o7777 for path in made if path.is_dir()} == {0o700}
    (tmp_path / "env" / "keys").chmod(0o755)
    with pytest.raises(SecretError, match="chmod 0700 env/keys"):
        check_launch(files, keyring)
