"""Tests of the strict reader of .env_bot."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from rigd.config.parse import KNOWN, STAND_INS, from_items, override, parse_env
from rigd.config.schema import Settings
from rigd.core.errors import ConfigError
from tests.config.broken_files import ALL, BASE, Broken
from tests.config.settings import made

PIECES = st.one_of(
    st.sampled_from([
        *KNOWN,
        "=",
        "\n",
        "\r\n",
        " ",
        "\t",
        "#",
        "'",
        '"',
        "\\",
        "`",
        "${",
        "}",
        "true",
        "0.1",
        "1e999",
        "-",
        "nan",
        "export ",
        "\x00",
        "\ufeff",
        "\u2028",
        "\uff11",
        "open+5m",
        ",",
        BASE,
    ]),
    st.text(max_size=8),
)


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_each_kind_of_broken_file_names_its_line_and_key(case: Broken) -> None:
    """A broken file is refused with the line, the key and what was expected."""
    with pytest.raises(ConfigError) as caught:
        parse_env(case.text, source=".env_bot")
    found = [(problem.where, problem.key, problem.message) for problem in caught.value.problems]
    for line, key, words in case.expected:
        where = f".env_bot:{line}" if line else ".env_bot"
        assert any(
            (where, key) == (at, name) and words in message for at, name, message in found
        ), found


def test_the_table_of_broken_files_has_forty_kinds() -> None:
    """At least 40 different kinds of broken files are tried."""
    assert len({case.name for case in ALL}) == len(ALL) >= 40


@pytest.mark.parametrize(
    "case", [case for case in ALL if len(case.expected) == 1], ids=lambda case: case.name
)
def test_one_mistake_is_one_problem(case: Broken) -> None:
    """A single mistake does not make other, false problems."""
    with pytest.raises(ConfigError) as caught:
        parse_env(case.text, source=".env_bot")
    extra = {"JSON": 3, "carriage return inside": 0}.get(case.name, 0)
    assert len(caught.value.problems) == 1 + extra


def test_all_problems_come_at_once_in_order_of_lines() -> None:
    """Line mistakes, wrong values, broken rules and missing keys are shown together."""
    text = (
        "VERSION_TAG=0.1.0\n"
        "MAX_ORDER_NOTIONAL\n"
        "WEIGHTS=0.5,0.6,0.1,0.2\n"
        "TOTAL_ALOCATION=4\n"
        "LOG_FORMAT=xml\n"
        "API_RETRY_LIMIT=-1\n"
    )
    with pytest.raises(ConfigError) as caught:
        parse_env(text, source="f")
    assert [(problem.where, problem.key) for problem in caught.value.problems] == [
        ("f:2", "MAX_ORDER_NOTIONAL"),
        ("f:3", "WEIGHTS"),
        ("f:4", "TOTAL_ALOCATION"),
        ("f:5", "LOG_FORMAT"),
        ("f:6", "API_RETRY_LIMIT"),
        ("f", "MAX_ORDER_QUANTITY"),
    ]
    assert "6 problems" in str(caught.value)
    assert caught.value.exit_code == 2


def test_values_are_read_exactly() -> None:
    """Quotes, comments, blanks and exponents are read as documented."""
    found = parse_env(
        BASE + "# heading\n\n"
        'LOG_FORMAT="csv" # quoted\n'
        "  MAX_PE_RATIO = 4e1\n"
        "FRACTIONAL=FALSE\n"
        "MAX_RISK_PER_TRADE=.05\n"
        "TRADING_DAYS=mon..wed\n"
        "STRATEGY_SEQUENCE=close, open\n"
        "TRAIL_PCT_MID=\n"
        "CRITICAL_ALERT_CHANNEL=\n"
        "WEIGHTS=0.25,0.25,0.25,0.25\n",
        source="f",
    )
    assert found.log_format == "csv"
    assert found.max_pe_ratio == 40.0
    assert found.fractional is False
    assert found.max_risk_per_trade == Decimal("0.05")
    assert found.trading_days == ("mon", "tue", "wed")
    assert found.strategy_sequence == ("close", "open")
    assert found.trail_pct_mid is None
    assert found.critical_alert_channel is None
    assert found.weights == (Decimal("0.25"),) * 4


def test_the_value_of_an_unknown_key_is_never_shown() -> None:
    """A secret under a wrong name does not reach the message."""
    with pytest.raises(ConfigError) as caught:
        parse_env(f"{BASE}ALPACA_SECRET=canary-4711\nX='canary-4711\n", source="f")
    assert "canary" not in str(caught.value)


def test_a_long_value_is_shown_shortened() -> None:
    """At most 24 characters of a wrong value are shown."""
    with pytest.raises(ConfigError) as caught:
        parse_env(f"{BASE}LOG_FORMAT={'x' * 100}\n", source="f")
    assert "x" * 24 in str(caught.value)
    assert "x" * 25 not in str(caught.value)


@pytest.mark.parametrize("key", sorted(KNOWN))
def test_every_key_refuses_garbage_by_name(key: str) -> None:
    """Garbage in any key is fatal and names the key."""
    text = "".join(line + "\n" for line in BASE.splitlines() if not line.startswith(f"{key}="))
    with pytest.raises(ConfigError) as caught:
        parse_env(f"{text}{key}=~garbage~\n", source="f")
    assert key in {problem.key for problem in caught.value.problems}


@pytest.mark.parametrize("key", ["VERSION_TAG", "MAX_ORDER_NOTIONAL", "MAX_ORDER_QUANTITY"])
def test_a_removed_required_key_is_fatal_by_name(key: str) -> None:
    """Without a required key nothing runs, and the message names it."""
    text = "".join(line + "\n" for line in BASE.splitlines() if not line.startswith(f"{key}="))
    with pytest.raises(ConfigError) as caught:
        parse_env(text, source="f")
    assert [problem.key for problem in caught.value.problems] == [key]


def test_stand_ins_cover_the_required_keys() -> None:
    """Rules can be checked whichever required key is broken."""
    required = {name for name, field in Settings.model_fields.items() if field.is_required()}
    assert set(STAND_INS) == required


def _outcome(text: str) -> Settings | ConfigError:
    try:
        return parse_env(text, source="f")
    except ConfigError as error:
        return error


@profile(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join))
def test_any_text_gives_settings_or_a_config_error(text: str) -> None:
    """The reader is total: no other exception, whatever the text (FAULTS C04)."""
    found = _outcome(text)
    assert isinstance(found, Settings) or found.problems


@profile(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(KNOWN)), st.text(max_size=20))
def test_any_value_of_any_key_gives_settings_or_a_config_error(key: str, value: str) -> None:
    """The readers of values are total, and what they accept reads back equal."""
    base = "".join(line + "\n" for line in BASE.splitlines() if not line.startswith(f"{key}="))
    found = _outcome(f"{base}{key}={value}\n")
    if isinstance(found, ConfigError):
        assert found.problems
    else:
        again = "".join(f"{name}={text}\n" for name, text in found.public_items())
        assert _outcome(again) == found


def test_override_changes_several_keys_as_a_whole() -> None:
    """MAX_TRADES and WEIGHTS change together, and only together."""
    base = parse_env(BASE, source="f")
    changed = override(base, {"MAX_TRADES": "1", "WEIGHTS": "1"})
    assert (changed.max_trades, changed.weights) == (1, (Decimal(1),))
    assert base.max_trades == 4
    with pytest.raises(ConfigError) as caught:
        override(base, {"MAX_TRADES": "1", "NO_KEY": "1"})
    assert {(problem.where, problem.key) for problem in caught.value.problems} == {
        ("--set", "WEIGHTS"),
        ("--set", "NO_KEY"),
    }


def test_items_read_back_as_the_same_settings() -> None:
    """What `public_items` took apart comes back equal; an unknown key is refused."""
    settings = made(max_price="250")
    assert from_items(settings.public_items(), source="x") == settings
    with pytest.raises(ConfigError, match="is not a known key"):
        from_items((*settings.public_items(), ("NO_SUCH", "1")), source="x")
