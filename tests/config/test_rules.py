"""Tests of the rules over several settings."""

from __future__ import annotations

from rigd.config.rules import RULES, broken
from rigd.config.schema import Settings
from tests.config.broken_files import RULES as BROKEN
from tests.config.settings import made


def test_the_default_settings_break_no_rule() -> None:
    """Defaults are valid together."""
    assert broken(dict(made())) == []


def test_rules_read_existing_settings() -> None:
    """Each rule names settings that exist, and only those are needed to check it."""
    values = dict(made())
    for rule in RULES:
        assert set(rule.keys) <= set(Settings.model_fields)
        assert not rule.check({key: values[key] for key in rule.keys})


def test_every_rule_is_broken_by_some_broken_file() -> None:
    """The table of broken files has a case for each key that a rule blames."""
    blamed = {key for case in BROKEN for _, key, _ in case.expected}
    families = {rule.keys[0].rsplit("_", 1)[0].upper() for rule in RULES}
    assert all(any(key.startswith(family) for key in blamed) for family in families)


def test_a_rule_waits_for_readable_values() -> None:
    """A rule that needs an unreadable value is left out, the others are checked."""
    values = dict(made()) | {"max_trades": 3, "enable_logging": False}
    assert [keys[0] for keys, _ in broken(values)] == ["enable_logging", "weights"]
    assert [keys[0] for keys, _ in broken(values, frozenset({"max_trades"}))] == ["enable_logging"]
