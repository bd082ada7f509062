"""Tokens of older versions."""

from __future__ import annotations

import base64

import pytest

from rigd.core.errors import SecretError
from rigd.vault.fernet import open_fernet

# The specification's own example (generate.json of the Fernet spec).
KEY = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="
TOKEN = (
    b"gAAA"
    b"AAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64j"
    b"VmpU4IwqDA=="
)


def test_the_specification_s_token_opens() -> None:
    """With a line end after it, as files have."""
    assert open_fernet(TOKEN + b"\n", KEY) == b"hello"


@pytest.mark.parametrize(
    ("token", "key", "told"),
    [
        (TOKEN[:-4] + b"AAA=", KEY, "must open with the key"),
        (TOKEN, base64.urlsafe_b64encode(b"\1" * 32).decode(), "must open with the key"),
        (b"no token", KEY, "must open with the key"),
        (TOKEN, "", "base64 of 32 bytes"),
        (TOKEN, "short", "base64 of 32 bytes"),
    ],
)
def test_others_are_refused(token, key, told) -> None:
    """The reason, and neither token nor key."""
    with pytest.raises(SecretError, match=told) as refused:
        open_fernet(token, key)
    assert KEY not in str(refused.value)
