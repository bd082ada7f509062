"""The sweep finds what it must in every way of writing, and no secret field is without a canary."""

from __future__ import annotations

import io
import json
import zipfile
import zlib

import pytest
from pydantic import SecretStr

from rigd.config.credentials import FORMS
from rigd.config.env_file import EnvFile
from rigd.config.schema import Settings
from rigd.vault.keys import new_key
from tests.canaries import ENV_FILE, FIELDS, OPEN, Canaries, written


def packed(content: bytes) -> bytes:
    """A zip archive that holds a content, compressed."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside", content)
    return held.getvalue()


@pytest.mark.parametrize("wrap", [bytes, packed, lambda raw: zlib.compress(raw, wbits=31)])
def test_each_canary_is_found_in_each_encoding(wrap) -> None:
    """I-22: an inventory of every field times every encoding, plain and in archives."""
    canaries = Canaries()
    for secret in FIELDS:
        for field, text in canaries.fields(secret).items():
            for encoding, content in written(text).items():
                hits = canaries.hits([("log", wrap(b"before " + content + b" after"))])
                assert {hit.secret for hit in hits} == {f"{secret}.{field}"}, encoding


def test_keys_and_tokens_are_found_in_each_encoding() -> None:
    """What the product drew: raw bytes of a key, the text of a token."""
    canaries, key, token = Canaries(), new_key(), "Zm9vYmFy-_Zm9vYmFy-_"
    canaries.know("key", key.material)
    canaries.know("token", token)
    for content in (key.material, key.text(), key.material.hex().encode()):
        assert [hit.secret for hit in canaries.hits([("x", b"\x01" + content)])] == ["key"]
    for encoding, content in written(token).items():
        assert {hit.secret for hit in canaries.hits([("x", content)])} == {"token"}, encoding


def test_nothing_is_found_where_nothing_is_and_what_may_stand_somewhere_is_no_hit() -> None:
    """A console may show the one token that is handed out there, and no other place."""
    canaries = Canaries()
    told = canaries.make("token")
    canaries.make("password")
    allowed = {"token": frozenset({"console"})}
    assert canaries.hits([("log", json.dumps({"a": 1}).encode())]) == []
    places = [("console", told.encode()), ("log", told.encode())]
    assert [hit.place for hit in canaries.hits(places, allowed)] == ["log"]


def test_every_secret_field_has_a_canary() -> None:
    """A field that is added to a form, `.env` or the settings is planted or said to be open."""
    forms = {name: set(form) for name, form in FORMS.items() if name != "bot_identity"}
    assert set().union(*forms.values()) == {key for form in FIELDS.values() for key in form} | OPEN
    assert {name: forms[name] - OPEN for name in forms} == {
        name: set(form) for name, form in FIELDS.items()
    }
    hidden = {
        name.upper()
        for name, field in EnvFile.model_fields.items()
        if field.annotation is SecretStr
    }
    assert hidden <= set(ENV_FILE)
    assert not [name for name, f in Settings.model_fields.items() if f.annotation is SecretStr]
