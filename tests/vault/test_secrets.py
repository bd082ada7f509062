"""Tests of the encrypted files."""

from __future__ import annotations

import pytest

from rigd.core.errors import SecretError
from rigd.vault.envelope import generation_of
from rigd.vault.keys import KEY_FILE, KeyRing
from rigd.vault.secrets import BROKER, ENV_BOT, GENERATIONS, SCREENER, SecretStore
from tests.fakes.files import MemoryFiles


def _store() -> tuple[MemoryFiles, SecretStore]:
    files = MemoryFiles()
    KeyRing(files).create()
    return files, SecretStore(files, KeyRing(files))


def test_a_secret_is_read_back_byte_for_byte() -> None:
    """What is written is read, and lies encrypted."""
    files, secrets = _store()
    secrets.write(ENV_BOT, b"CANARY=1\r\n\x00\xff")
    assert secrets.read(ENV_BOT) == b"CANARY=1\r\n\x00\xff"
    assert all(b"CANARY" not in content for content in files.content.values())
    assert set(files.content) == {KEY_FILE, ENV_BOT, GENERATIONS}


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".env_bot",
        "broker.json.enc",
        "secrets/../x.json.enc",
        "secrets/X.json.enc",
        "/etc/passwd",
    ],
)
def test_other_names_are_refused(name: str) -> None:
    """Only .env_bot.enc and secrets/NAME.json.enc are secrets."""
    _, secrets = _store()
    for act in (secrets.exists, secrets.read, lambda name: secrets.write(name, b"")):
        with pytest.raises(SecretError, match="a secret must be"):
            act(name)


def test_the_table_of_generations_is_no_secret_of_its_own() -> None:
    """Nobody writes the generations by hand."""
    _, secrets = _store()
    with pytest.raises(SecretError):
        secrets.write(GENERATIONS, b"{}")


def test_a_missing_secret_is_named() -> None:
    """The message says which file is missing."""
    _, secrets = _store()
    with pytest.raises(SecretError, match=r"env/secrets/broker\.json\.enc must exist"):
        secrets.read(BROKER)


def test_two_files_swapped_are_refused() -> None:
    """The files of two secrets cannot stand for each other."""
    files, secrets = _store()
    secrets.write(BROKER, b"1")
    secrets.write(SCREENER, b"2")
    files.content[BROKER], files.content[SCREENER] = files.content[SCREENER], files.content[BROKER]
    for name in (BROKER, SCREENER):
        with pytest.raises(SecretError):
            secrets.read(name)


def test_an_old_copy_put_back_is_refused() -> None:
    """A file rolled back to an earlier content does not open (C03)."""
    files, secrets = _store()
    secrets.write(BROKER, b"old")
    old = files.content[BROKER]
    secrets.write(BROKER, b"new")
    assert secrets.read(BROKER) == b"new"
    files.content[BROKER] = old
    with pytest.raises(SecretError, match="generation 2 or newer, found 1"):
        secrets.read(BROKER)


def test_generations_grow_by_file() -> None:
    """Each file counts its own writes."""
    files, secrets = _store()
    for _ in range(3):
        secrets.write(BROKER, b"x")
    secrets.write(SCREENER, b"x")
    assert generation_of(files.content[BROKER], name=BROKER) == 3
    assert generation_of(files.content[SCREENER], name=SCREENER) == 1


def test_a_write_cut_short_leaves_a_readable_file() -> None:
    """A crash between the file and the table of generations loses nothing."""
    files, secrets = _store()
    secrets.write(BROKER, b"old")
    table = files.content[GENERATIONS]
    secrets.write(BROKER, b"new")
    files.content[GENERATIONS] = table
    assert secrets.read(BROKER) == b"new"
    secrets.write(BROKER, b"newer")
    assert generation_of(files.content[BROKER], name=BROKER) == 3
    assert secrets.read(BROKER) == b"newer"


def test_secrets_open_with_their_own_key_only() -> None:
    """After the key was exchanged nothing opens, and the message says why."""
    files, secrets = _store()
    secrets.write(BROKER, b"x")
    del files.content[KEY_FILE]
    KeyRing(files).create()
    with pytest.raises(SecretError, match="must be sealed with key"):
        secrets.read(BROKER)


def test_a_sealed_file_and_its_generation_can_be_kept() -> None:
    """For a backup: the envelope as it lies there, and how often it was written."""
    _, store = _store()
    store.write(ENV_BOT, b"A=1\n")
    first = store.sealed(ENV_BOT)
    assert store.generation(ENV_BOT) == 1
    store.write(ENV_BOT, b"A=2\n")
    assert store.generation(ENV_BOT) == 2
    assert store.sealed(ENV_BOT) != first
    assert b"A=1" not in first
