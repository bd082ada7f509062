"""Tests of bot_identity.json."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from rigd.config.identity import IdentityFile, read_identity
from rigd.core.errors import ConfigError
from rigd.core.values import Profile

GOOD = {
    "ENTITY_CODE": "RIGD",
    "JURISDICTION_CODE": "USA",
    "BOT_ID": "01",
    "PROFILE": "TEST",
    "RISK_FREE_RATES": {"USA": 0.045, "GBR": 0.05},
    "OFX_ACCOUNT_ID": "RIGD-USA-SIM-01",
}


def _read(**changes: object) -> IdentityFile:
    values = {key: value for key, value in (GOOD | changes).items() if value is not None}
    return read_identity(json.dumps(values).encode())


def test_identity_joins_the_four_codes() -> None:
    """The broker comes from outside; the form is that of document 050."""
    found = _read()
    assert str(found.identity("SIM")) == "RIGD_USA_SIM_01"
    assert found.profile is Profile.TEST
    assert found.risk_free_rate() == 0.045
    assert read_identity(found.text().encode()) == found


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ENTITY_CODE", "rigd"),
        ("ENTITY_CODE", "R_D"),
        ("ENTITY_CODE", "RIGD\n"),
        ("ENTITY_CODE", None),
        ("JURISDICTION_CODE", ""),
        ("BOT_ID", 1),
        ("BOT_ID", "../x"),
        ("PROFILE", "DEMO"),
        ("RISK_FREE_RATES", {"USA": "0.045"}),
        ("RISK_FREE_RATES", {"USA": 4.5}),
        ("OFX_ACCOUNT_ID", "x" * 23),
        ("OFX_ACCOUNT_ID", ""),
        ("NO_KEY", 1),
    ],
)
def test_a_wrong_part_is_named(key: str, value: object) -> None:
    """Codes have their form, the OFX account at most 22 characters, and no key is unknown."""
    with pytest.raises(ConfigError) as caught:
        _read(**{key: value})
    assert [problem.key for problem in caught.value.problems] == [key]


def test_an_unknown_jurisdiction_is_an_error() -> None:
    """The table must have a rate for the bot's jurisdiction (SPEC §6)."""
    with pytest.raises(ConfigError, match="jurisdiction DEU"):
        _read(JURISDICTION_CODE="DEU")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"\xff", b"{", b'{"BOT_ID":"01","BOT_ID":"02"}', b"[" * 100_000, b"NaN"]
)
def test_other_content_is_refused(content: bytes) -> None:
    """Anything but one JSON object with each key once is refused."""
    with pytest.raises(ConfigError):
        read_identity(content)


def test_values_are_not_shown() -> None:
    """The file is a secret: no value of it reaches a message."""
    with pytest.raises(ConfigError) as caught:
        _read(BOT_ID="canary 4711")
    assert "canary" not in str(caught.value)


@profile(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_give_an_identity_or_a_config_error(content: bytes) -> None:
    """The reader is total."""
    with pytest.raises(ConfigError):
        read_identity(content)
