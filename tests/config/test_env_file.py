"""Tests of the plain .env."""

from __future__ import annotations

import pytest

from rigd.config.env_file import EnvFile, parse_env_file, template
from rigd.core.errors import ConfigError


def test_defaults_stay_on_this_machine() -> None:
    """Without a file the panel listens on loopback, with a login, and the key lies in its place."""
    found = parse_env_file("")
    assert found == EnvFile()
    assert (found.ip, found.port, found.login_required) == ("127.0.0.1", 8866, True)
    assert found.env_bot_key == "env/keys/env.key"


def test_values_are_read() -> None:
    """Y39, Y40, Y47: each kind of key is read, and what is secret never shows."""
    found = parse_env_file(
        "IP=localhost\nPORT=9000\nDEBUG=true\nSMTP_HOST=mail.example.org\n"
        "SMTP_PASSWORD=canary-4711\nENCRYPTION_KEY='canary-4711'\n"
    )
    assert (found.ip, found.port, found.debug) == ("localhost", 9000, True)
    assert found.smtp_password.get_secret_value() == "canary-4711"
    assert found.encryption_key.get_secret_value() == "canary-4711"
    for text in (repr(found), str(found), found.model_dump_json()):
        assert "canary" not in text


@pytest.mark.parametrize(("port", "security"), [(465, "ssl"), (587, "starttls")])
def test_the_mail_server_is_named_as_the_channels_name_it(port: int, security: str) -> None:
    """Y40: the fields of alerts.json; port 465 speaks TLS at once (RFC 8314); blank ones go."""
    found = parse_env_file(f"SMTP_HOST=mail.example.org\nSMTP_PORT={port}\nSMTP_USER=ada\n")
    assert found.smtp() == {
        "SMTP_HOST": "mail.example.org",
        "SMTP_PORT": str(port),
        "SMTP_SECURITY": security,
        "SMTP_USER": "ada",
    }
    assert parse_env_file("SMTP_USER=ada\n").smtp() == {}


def test_the_template_says_every_key_and_reads_back() -> None:
    """Y39, Y40, Y47: each under its comment; a copy of it means the defaults."""
    assert parse_env_file(template()) == EnvFile()
    lines = template().splitlines()
    for name in EnvFile.model_fields:
        (at,) = (n for n, line in enumerate(lines) if line.startswith(f"{name.upper()}="))
        assert lines[at - 1].startswith("# ")


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("ENV_BOT_KEY=/tmp/other.key", "ENV_BOT_KEY"),
        ("ENCRYPTION_KEY", "ENCRYPTION_KEY"),
        ("IP=192.0.2.1", "IP"),
        ("IP=0.0.0.0", "IP"),
        ("PORT=80", "PORT"),
        ("PORT=x", "PORT"),
        ("LOGIN_REQUIRED=maybe", "LOGIN_REQUIRED"),
        ("LOGIN_REQUIRED=false", "LOGIN_REQUIRED"),
        ("TRACE=maybe", "TRACE"),
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


def test_a_debug_that_is_no_flag_is_named() -> None:
    """Y47: true or false, nothing else."""
    with pytest.raises(ConfigError, match=r"\.env:1: DEBUG: must be true or false"):
        parse_env_file("DEBUG=verbose\n")
