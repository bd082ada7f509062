"""One-way import of the old bot's config.yaml and environment."""

from __future__ import annotations

import pytest

from rigd.config.migration import read_old
from rigd.core.errors import ConfigError

DOCUMENT = """
email:
  enabled: true
  smtp_server: "smtp.gmail.com"
  smtp_port: 465
  recipients: ["recipient@example.com"]

brokers:
  - name: "IBKR"
    host: "127.0.0.1"
    port: 7497
    paper_trading: true
    enabled: true

trading:
  shares_per_trade: 10
  equity_allocation: 0.6
  bond_allocation: 0.3
  crypto_allocation: 0.1

logging:
  level: "INFO"
  format: "json"
  file_path: "logs/trading_bot.log"
"""
"""The file of document stability, as it stands there."""

EXPORTED = """\
export GMAIL_ADDRESS="your-email@gmail.com"
export GMAIL_APP_PASSWORD="your-app-password"
export RECIPIENT_EMAIL="ada@example.com, bob@example.com"
export ALPHA_VANTAGE_KEY="your-api-key"
export USE_PAPER=True
export SHARES_PER_TRADE=10
PATH=/usr/bin
"""
"""Its environment, as it stands there."""


def test_the_file_of_the_document_is_taken_over() -> None:
    """N15, Y48: each section's values under their new names."""
    found = read_old(DOCUMENT)
    assert found.settings == {
        "CRITICAL_ALERT_CHANNEL": "email",
        "ROUTINE_ALERT_CHANNEL": "email",
        "TOTAL_ALLOCATION": "0.6",
        "DEBUG_LOG_LEVEL": "info",
        "LOG_FORMAT": "json",
    }
    assert found.alerts == {
        "SMTP_HOST": "smtp.gmail.com",
        "SMTP_PORT": "465",
        "SMTP_SECURITY": "ssl",
        "EMAIL_TO": "recipient@example.com",
    }
    assert found.broker == "IBKR"


def test_every_old_name_is_told_where_it_went() -> None:
    """Y48: also those that have no place here, with the reason; no name is passed over."""
    moved = {each.old: each for each in read_old(DOCUMENT).moved}
    assert set(moved) == {
        *("email.enabled", "email.smtp_server", "email.smtp_port", "email.recipients"),
        *(f"brokers[IBKR].{field}" for field in ("name", "host", "port", "paper_trading")),
        *("trading.shares_per_trade", "trading.equity_allocation"),
        *("trading.bond_allocation", "trading.crypto_allocation"),
        *("logging.level", "logging.format", "logging.file_path"),
    }
    assert all(each.new or each.note for each in moved.values())
    assert moved["trading.equity_allocation"].new == "TOTAL_ALLOCATION"
    assert "stays cash" in moved["trading.crypto_allocation"].note


@pytest.mark.parametrize("printed", [False, True], ids=["lines", "os.environ"])
def test_the_variables_of_the_document_become_the_mail_server(printed) -> None:
    """Y42: GMAIL_* and RECIPIENT_EMAIL in both forms of the guide; other programs' are not ours."""
    text = EXPORTED
    if printed:
        pairs = [line.removeprefix("export ").split("=", 1) for line in EXPORTED.splitlines()]
        text = f"environ({ {name: value.strip(chr(34)) for name, value in pairs}!r})\n"
    found = read_old("", text)
    assert found.alerts == {
        "SMTP_HOST": "smtp.gmail.com",
        "SMTP_PORT": "465",
        "SMTP_SECURITY": "ssl",
        "SMTP_USER": "your-email@gmail.com",
        "EMAIL_FROM": "your-email@gmail.com",
        "SMTP_PASSWORD": "your-app-password",
        "EMAIL_TO": "ada@example.com, bob@example.com",
    }
    told = [each.old for each in found.moved]
    assert told[:3] == ["GMAIL_ADDRESS", "GMAIL_APP_PASSWORD", "RECIPIENT_EMAIL"]
    assert {"ALPHA_VANTAGE_KEY", "USE_PAPER", "SHARES_PER_TRADE"} == set(told[3:])
    assert "your-app-password" not in str(found.moved)


def test_the_environment_wins_over_the_file() -> None:
    """N15: as it did there; the file's own server stays."""
    config = "email: {smtp_server: mail.example.org, smtp_port: 587, recipients: [a@example.org]}"
    found = read_old(config, "GMAIL_ADDRESS=b@example.org\nRECIPIENT_EMAIL=c@example.org\n")
    assert found.alerts["SMTP_HOST"] == "mail.example.org"
    assert found.alerts["SMTP_SECURITY"] == "starttls"
    assert found.alerts["EMAIL_TO"] == "c@example.org"


@pytest.mark.parametrize(
    ("text", "level"), [("true", "debug"), ("1", "debug"), ("false", None), ("", None)]
)
def test_debug_means_every_row(text, level) -> None:
    """Y47: DEBUG=true of the old environment."""
    assert read_old("", f"DEBUG={text}\n").settings.get("DEBUG_LOG_LEVEL") == level


def test_what_was_switched_off_stays_off() -> None:
    """Y48: no mail where it was not enabled; a broker that was not enabled is none."""
    found = read_old("email: {enabled: false}\nbrokers: [{name: IBKR, enabled: false}]\n")
    assert found.settings == {"CRITICAL_ALERT_CHANNEL": "", "ROUTINE_ALERT_CHANNEL": ""}
    assert found.broker == ""


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("email: {smtp_port: canary-4711}", "email.smtp_port", "must be a valid integer"),
        ("email: {smtp_prot: 465}", "email.smtp_prot", "not permitted"),
        ("mail: {}", "mail", "not permitted"),
        ("email: {enabled: 'canary-4711'}", "email.enabled", "must be a valid boolean"),
        ("trading: {equity_allocation: 60}", "trading.equity_allocation", "less than or equal"),
        ("trading: {shares_per_trade: 0}", "trading.shares_per_trade", "greater than 0"),
        ("trading: {equity_allocation: 0.9, bond_allocation: 0.2}", "trading", "at most 1"),
        ("logging: {level: canary-4711}", "logging.level", "must be 'DEBUG'"),
        ("brokers: [{host: x}]", "brokers.0.name", "Field required"),
        ("brokers: [{name: IBKR}, {name: ALPACA}]", "", "found IBKR, ALPACA"),
    ],
)
def test_a_wrong_value_is_named_and_not_shown(text, key, words) -> None:
    """N15: schema and types; the key by its path, what was expected, and never a value."""
    with pytest.raises(ConfigError) as caught:
        read_old(text)
    (problem,) = caught.value.problems
    assert (problem.where, problem.key) == ("config.yaml", key)
    assert words in problem.message
    assert "canary" not in str(caught.value)


def test_every_problem_is_told_at_once() -> None:
    """N15: three wrong values, three problems."""
    text = "email: {smtp_port: x}\nlogging: {level: x}\ntrading: {shares_per_trade: x}\n"
    with pytest.raises(ConfigError) as caught:
        read_old(text)
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("email: [", "config.yaml:1"),
        ("email: {}\nemail: {}\n", "config.yaml:1"),
        ("- a list", "config.yaml"),
        ("email: !!python/object/apply:os.system ['true']", "config.yaml:1"),
        ("{[1]: 2}", "config.yaml"),
    ],
)
def test_what_is_no_settings_file_is_refused(text, where) -> None:
    """N15: where it breaks; a tag that would run code is none, a key never stands twice."""
    with pytest.raises(ConfigError) as caught:
        read_old(text)
    assert caught.value.problems[0].where.startswith(where)


@pytest.mark.parametrize("text", ["environ({'A': open('x')})", "environ({", "{'A'}"])
def test_an_environment_is_read_and_never_run(text) -> None:
    """N15: what is no plain dictionary is refused."""
    with pytest.raises(ConfigError, match="KEY=VALUE lines"):
        read_old("", text)


def test_a_file_beyond_all_measure_is_refused() -> None:
    """FAULTS C04: as every settings file, before it is parsed."""
    with pytest.raises(ConfigError, match="at most 65536 bytes"):
        read_old("#" * 70_000)


def test_a_field_that_the_channels_refuse_is_named() -> None:
    """Y42: an address that is none, without showing it."""
    with pytest.raises(ConfigError) as caught:
        read_old("", "RECIPIENT_EMAIL=canary 4711\n")
    assert caught.value.problems[0].key == "EMAIL_TO"
    assert "canary" not in str(caught.value)
