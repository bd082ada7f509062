"""Tests of the key file."""

from __future__ import annotations

import base64
import pickle
import stat
from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import SecretError
from rigd.vault.keys import KEY_FILE, Key, KeyRing, lstat_modes
from tests.fakes.files import MemoryFiles

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = stat.S_IFDIR | 0o700
FILE = stat.S_IFREG | 0o600


def test_a_key_never_shows_its_bytes() -> None:
    """repr and str have the fingerprint alone."""
    key = Key(b"canary-canary-canary-canary-1234")
    assert repr(key) == str(key) == f"Key({key.key_id})"
    assert "canary" not in f"{key!r}{key}"
    assert len(key.key_id) == 16


def test_keys_are_told_apart() -> None:
    """Different keys have different fingerprints; a copy has the same one."""
    assert Key(b"a" * 32).key_id != Key(b"b" * 32).key_id
    assert pickle.loads(pickle.dumps(Key(b"a" * 32))) == Key(b"a" * 32)  # noqa: S301 - our own bytes


@pytest.mark.parametrize("length", [0, 16, 24, 31, 33])
def test_a_key_has_32_bytes(length: int) -> None:
    """AES-256 and nothing weaker."""
    with pytest.raises(SecretError, match="32 bytes"):
        Key(b"x" * length)


def test_a_created_key_is_read_back() -> None:
    """The key lies as base64 at the one path."""
    files = MemoryFiles()
    key = KeyRing(files).create()
    assert list(files.content) == [KEY_FILE] == ["keys/env.key"]
    assert base64.urlsafe_b64decode(files.content[KEY_FILE]) == key.material
    assert KeyRing(files).current() == key


def test_a_key_is_never_overwritten() -> None:
    """Creating a key beside another is refused."""
    files = MemoryFiles()
    key = KeyRing(files).create()
    with pytest.raises(SecretError, match="must not exist"):
        KeyRing(files).create()
    assert KeyRing(files).current() == key


def test_two_keys_differ() -> None:
    """Keys come from the machine's randomness."""
    assert KeyRing(MemoryFiles()).create() != KeyRing(MemoryFiles()).create()


def test_a_missing_key_is_named() -> None:
    """The message says which file is missing."""
    with pytest.raises(SecretError, match=r"env/keys/env\.key"):
        KeyRing(MemoryFiles()).current()


@pytest.mark.parametrize(
    "content", [b"", b"x", b"\xff" * 44, b"A" * 40, b"!" * 44, b"A" * 44 + b"="]
)
def test_a_malformed_key_is_refused(content: bytes) -> None:
    """Anything but base64 of 32 bytes is refused, and not shown."""
    files = MemoryFiles()
    files.content[KEY_FILE] = content
    with pytest.raises(SecretError):
        KeyRing(files).current()


@pytest.mark.parametrize(
    ("folder", "file", "words"),
    [
        (stat.S_IFDIR | 0o755, FILE, "env/keys must have mode 0700"),
        (stat.S_IFDIR | 0o710, FILE, "has 0710"),
        (stat.S_IFDIR | 0o702, FILE, "has 0702"),
        (stat.S_IFDIR | stat.S_ISVTX | 0o700, FILE, "has 1700"),
        (stat.S_IFLNK | 0o700, FILE, "must be a folder"),
        (stat.S_IFREG | 0o700, FILE, "must be a folder"),
        (FOLDER, stat.S_IFREG | 0o644, "env/keys/env.key must have mode 0600"),
        (FOLDER, stat.S_IFREG | 0o640, "has 0640"),
        (FOLDER, stat.S_IFREG | 0o602, "has 0602"),
        (FOLDER, stat.S_IFREG | 0o700, "has 0700"),
        (FOLDER, stat.S_IFLNK | 0o600, "must be a file"),
        (FOLDER, stat.S_IFIFO | 0o600, "must be a file"),
    ],
)
def test_loose_layouts_are_refused(folder: int, file: int, words: str) -> None:
    """Twelve layouts that are open to others, or links, are refused (C05)."""
    files = MemoryFiles()
    KeyRing(files).create()
    modes = {"keys": folder, KEY_FILE: file}
    with pytest.raises(SecretError, match=words):
        KeyRing(files, modes.__getitem__).current()


@pytest.mark.parametrize(("folder", "file"), [(0o700, 0o600), (0o500, 0o400)])
def test_strict_layouts_are_accepted(folder: int, file: int) -> None:
    """0600 in 0700, or stricter, is accepted."""
    files = MemoryFiles()
    key = KeyRing(files).create()
    modes = {"keys": stat.S_IFDIR | folder, KEY_FILE: stat.S_IFREG | file}
    assert KeyRing(files, modes.__getitem__).current() == key


def test_modes_of_a_real_folder_do_not_follow_links(tmp_path: Path) -> None:
    """A link to a strict file is seen as a link."""
    (tmp_path / "keys").mkdir(mode=0o700)
    real = tmp_path / "real.key"
    real.touch(mode=0o600)
    (tmp_path / KEY_FILE).symlink_to(real)
    mode_of = lstat_modes(tmp_path)
    assert stat.S_ISLNK(mode_of(KEY_FILE))
    assert mode_of("keys") == FOLDER
    assert mode_of("real.key") == FILE
