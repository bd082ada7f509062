from __future__ import annotations

import pytest

from rigd.core.redaction import HIDDEN, redact

SECRET = "s3cr3tV4lue9"  # noqa: S105 - the canary that must vanish
LONG = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    "text",
    [
        f"key={SECRET}",
        f"API_KEY: {SECRET}",
        f"api-key = {SECRET}, retry",
        f'{{"password": "{SECRET}"}}',
        f"password='{SECRET} with {SECRET}'",
        f"secret_key={SECRET}&x=1",
        f"APCA-API-SECRET-KEY: {SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"GET https://bob:{SECRET}@host/path",
        f"https://host/?token={SECRET}&symbol=IBM",
        f"access_token={SECRET}",
        f"passphrase : {SECRET}",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----",
        f"Cookie: {SECRET}",
        f"basic {SECRET}==",
        f"account_number={SECRET}",
        f"refused the token '{SECRET}': token='{SECRET}'".replace(f"token '{SECRET}': ", ""),
    ],
)
def test_a_value_after_a_secret_word_is_hidden(text: str) -> None:
    """Whatever follows a word for a secret goes, in every form in which it is written."""
    cleaned = redact(text)
    assert SECRET not in cleaned
    assert HIDDEN in cleaned


@pytest.mark.parametrize("value", [LONG, "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="])
def test_a_long_run_after_a_secret_word_is_hidden(value: str) -> None:
    """32 or more hexadecimal or base64 characters soon after such a word are a secret."""
    assert value not in redact(f"the secret was {value} in the request")


@pytest.mark.parametrize(
    "text",
    [
        "order is REJECTED: insufficient buying power",
        f"chain head {LONG}",
        "price must be positive, was -1.2",
        "ADX 26.31 > 25",
        "session 2013-10-07_1 of RIGD_USA_SIM_01",
    ],
)
def test_text_without_secret_words_is_unchanged(text: str) -> None:
    """Digests, prices and reasons are what the record is for: they stay."""
    assert redact(text) == text


def test_redacting_twice_changes_nothing_more() -> None:
    """What is hidden already stays as it is."""
    once = redact(f"key={SECRET} and token: {SECRET}")
    assert redact(once) == once


def test_the_rest_of_the_message_survives() -> None:
    """Only the value goes; the words around it tell what happened."""
    assert redact(f"login failed, password={SECRET}; retry") == (
        f"login failed, password={HIDDEN}; retry"
    )


@pytest.mark.parametrize("text", ["a" * 300_000, "a." * 150_000, "key" * 100_000, "://" * 100_000])
def test_long_texts_take_no_more_than_their_length(text: str) -> None:
    """A huge payload in an exception cannot hold the session up: no pattern goes back and forth."""
    assert len(redact(text)) <= len(text)
