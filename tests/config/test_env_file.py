"""Tests of the plain .env."""

from __future__ import annotations

import pytest

from rigd.config.env_file import EnvFile, parse_env_file
from rigd.core.errors import ConfigError


def test_defaults_stay_on_this_machine() -> None:
    """Without a file the panel listens on loopback, with a login, and the key lies in its place."""
    found = parse_env_file("")
    assert found == EnvFile()
    assert (found.ip, found.port, found.login_required) == ("127.0.0.1", 8866, True)
    assert found.env_bot_key == "env/keys/env.key"


def test_values_are_read() -> None:
    """Each kind of key is read."""
    found = parse_env_file(
        "IP=0.0.0.0\nPORT=9000\nLOGIN_REQUIRED=false\nSMTP_HOST=mail.example.org\n"
        "SMTP_PASSWORD=canary-4711\nENCRYPTION_KEY='canary-4711'\n"
    )
    assert (found.ip, found.port, found.login_required) == ("0.0.0.0", 9000, False)  # noqa: S104 - read, not bound
    assert found.smtp_password.get_secret_value() == "canary-4711"
    assert "canary" not in repr(found)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("ENV_BOT_KEY=/tmp/other.key", "ENV_BOT_KEY"),
        ("IP=192.0.2.1", "IP"),
        ("PORT=80", "PORT"),
        ("PORT=x", "PORT"),
        ("LOGIN_REQUIRED=maybe", "LOGIN_REQUIRED"),
        ("SMTP_HOST=a b", "SMTP_HOST"),
        ("SMTP_PASSWORD", "SMTP_PASSWORD"),
        ("PASSWORD=canary-4711", "PASSWORD"),
        ("SMTP_PORT=canary-4711", "SMTP_PORT"),
    ],
)
def test_wrong_lines_are_named_without_their_values(line: str, key: str) -> None:
    """Key and line are named; no value is shown."""
    with pytest.raises(ConfigError) as caught:
        parse_env_file(f"DEBUG=false\n{line}\n")
    assert [(problem.where, problem.key) for problem in caught.value.problems] == [(".env:2", key)]
    assert "canary" not in str(caught.value)
    assert caught.value.__context__ is None
