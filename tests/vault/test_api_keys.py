"""Keys of data services: where they come from, and what never shows them."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from rigd.core.errors import SecretError
from rigd.vault.api_keys import FINNHUB, ApiKey, finnhub_key
from rigd.vault.keys import KeyRing
from rigd.vault.secrets import SCREENER, SecretStore
from tests.fakes.files import MemoryFiles

VALUE = "canary-0123456789abcdef"


def secrets_with(content: bytes | None) -> SecretStore:
    """Secret files of which the screener's holds some content."""
    files = MemoryFiles()
    ring = KeyRing(files)
    ring.create()
    secrets = SecretStore(files, ring)
    if content is not None:
        secrets.write(SCREENER, content)
    return secrets


def test_the_key_is_in_the_sealed_file_of_the_screener() -> None:
    """INVENTORY E19: FINNHUB_API_KEY of screener_api.json.enc."""
    found = finnhub_key(secrets_with(json.dumps({FINNHUB: VALUE, "OTHER": "x"}).encode()))
    assert found is not None
    assert (found.name, found.value) == ("FINNHUB_API_KEY", VALUE)


def test_only_who_can_decrypt_the_file_can_read_it() -> None:
    """INVENTORY E19: another key does not open it, and the sealed bytes do not hold it."""
    secrets = secrets_with(json.dumps({FINNHUB: VALUE}).encode())
    sealed = secrets.sealed(SCREENER)
    assert VALUE.encode() not in sealed
    files = MemoryFiles()
    ring = KeyRing(files)
    ring.create()
    files.content[SCREENER] = sealed
    with pytest.raises(SecretError):
        finnhub_key(SecretStore(files, ring))


@pytest.mark.parametrize("content", [None, b"{}\n", b'{"OTHER": "x"}'])
def test_there_may_be_none(content: bytes | None) -> None:
    """A demo has no key, and nobody is asked then."""
    assert finnhub_key(secrets_with(content)) is None


@pytest.mark.parametrize(
    "content",
    [
        b"canary-0123",
        b'["canary-0123"]',
        b'{"FINNHUB_API_KEY": "short"}',
        b'{"FINNHUB_API_KEY": "canary-0123 4567"}',
        b'{"FINNHUB_API_KEY": "canary-0123\\n"}',
        b'{"FINNHUB_API_KEY": 12345678}',
    ],
)
def test_a_malformed_key_is_refused_without_being_shown(content: bytes) -> None:
    """The message says what was expected and nothing of what was found, nor does its cause."""
    with pytest.raises(SecretError) as caught:
        finnhub_key(secrets_with(content))
    text = str(caught.value) + repr(caught.value.__cause__) + repr(caught.value.__context__)
    assert not any(word in text for word in ("canary", "short", "12345678"))


def test_no_text_shows_a_key() -> None:
    """STYLE §4: neither its repr, its str, a format nor the container that holds it."""
    key = ApiKey(FINNHUB, VALUE)
    for text in (repr(key), str(key), f"{key} {key!r}", repr([key]), repr({"key": key})):
        assert VALUE not in text
        assert FINNHUB in text


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_key_stays_in_its_process(take) -> None:
    """It cannot be written down by accident, with a task or a cache."""
    with pytest.raises(SecretError, match="must stay"):
        take(ApiKey(FINNHUB, VALUE))
