"""The forms of the secret files: known fields, each with its rule, and no value in a message."""

from __future__ import annotations

import pytest

from rigd.config.credentials import FORMS, checked
from rigd.core.errors import ConfigError


def test_blank_fields_stay_as_they_are() -> None:
    """Only what was typed is changed, without blanks around it."""
    fields = {"BROKER_API_KEY": " PKABCDEF12 ", "BROKER_SECRET_KEY": "", "BROKER_URL": "  "}
    assert checked("broker", fields) == {"BROKER_API_KEY": "PKABCDEF12"}


@pytest.mark.parametrize(
    ("secret", "fields", "key"),
    [
        ("broker", {"BROKER_API_KEY": "canary\ncanary"}, "BROKER_API_KEY"),
        ("broker", {"BROKER_URL": "file:///canary"}, "BROKER_URL"),
        ("broker", {"OTHER": "canary"}, "OTHER"),
        ("bot_identity", {"PROFILE": "canary"}, "PROFILE"),
        ("bot_identity", {"BROKER_CODE": "canary"}, "BROKER_CODE"),
        ("alerts", {"EMAIL_TO": "a@b.de, canary"}, "EMAIL_TO"),
        ("alerts", {"SMTP_PORT": "canary"}, "SMTP_PORT"),
        ("screener_api", {"FINNHUB_API_KEY": "canary canary"}, "FINNHUB_API_KEY"),
    ],
)
def test_a_wrong_field_is_named_and_its_text_is_not(secret, fields, key) -> None:
    """Refused as a whole."""
    with pytest.raises(ConfigError) as refused:
        checked(secret, fields)
    assert key in str(refused.value)
    assert "canary" not in str(refused.value)


def test_an_unknown_secret_is_refused() -> None:
    """With the names of those that there are."""
    with pytest.raises(ConfigError, match="bot_identity, broker"):
        checked("../env", {})


def test_several_recipients() -> None:
    """Comma separated."""
    fields = {"EMAIL_TO": "ada@example.org, bob@example.org"}
    assert checked("alerts", fields) == fields
    assert set(FORMS) == {
        "bot_identity",
        "broker",
        "screener_api",
        "acct_api_credentials",
        "alerts",
    }
