"""The strict reader of ``.env_bot``: a text gives Settings, or every problem in it at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from rigd.config.lines import Reading, read_lines
from rigd.config.schema import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

KNOWN = {name.upper(): name for name in Settings.model_fields}
"""Attribute names by key."""

STAND_INS = {"version_tag": "0.0.0", "max_order_notional": "1", "max_order_quantity": "1"}
"""Valid values of the required keys, for checking the others when one of these is broken."""

_SHOWN = 24


def parse_env(text: str, *, source: str) -> Settings:
    """Return the settings that a ``.env_bot`` text holds. Nothing in it is ever evaluated.

    Parameters
    ----------
    text
        The whole file.
    source
        Its name, for messages.

    Returns
    -------
    Settings
        The validated settings.

    Raises
    ------
    ConfigError
        If anything is wrong; `problems` has every problem, by line.

    References
    ----------
    SPEC §6; FAULTS C04.
    """
    return _validated(read_lines(text, source=source, known=KNOWN), {})


def override(settings: Settings, changes: Mapping[str, str], *, source: str = "--set") -> Settings:
    """Return settings with some keys changed, validated as a whole.

    Parameters
    ----------
    settings
        The settings to begin with; they stay as they are.
    changes
        New values by key, as text.
    source
        Where they come from, for messages.

    Returns
    -------
    Settings
        The changed settings.

    Raises
    ------
    ConfigError
        If a key is unknown, a value is wrong, or the whole breaks a rule.
    """
    return _validated(_reading_of(changes, source), dict(settings))


def from_items(items: Iterable[tuple[str, str]], *, source: str) -> Settings:
    """Return the settings that `Settings.public_items` took apart.

    Parameters
    ----------
    items
        Keys and their values as text.
    source
        Where they come from, for messages.

    Returns
    -------
    Settings
        Equal settings.

    Raises
    ------
    ConfigError
        If a key is unknown or missing, a value is wrong, or the whole breaks a rule.
    """
    return _validated(_reading_of(dict(items), source), {})


def _reading_of(values: Mapping[str, str], source: str) -> Reading:
    reading = Reading(source, KNOWN)
    for key, value in values.items():
        if key in KNOWN:
            reading.values[KNOWN[key]] = value
        else:
            reading.refuse_unknown(0, key)
    return reading


def _validated(reading: Reading, base: Mapping[str, object]) -> Settings:
    """Return the settings of a reading laid over a base, or raise with every problem."""
    values: dict[str, object] = {**base, **reading.values}
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        wrong = _add_field_problems(reading, error)
        sound = {name: value for name, value in values.items() if name not in wrong}
        _add_rule_problems(reading, {**STAND_INS, **sound})
    else:
        if not reading.problems:
            return settings
    raise reading.refusal()


def _add_field_problems(reading: Reading, error: ValidationError) -> set[str]:
    """Add the problems of single values; return the attributes concerned."""
    wrong: set[str] = set()
    for detail in error.errors(include_input=False, include_url=False):
        name = str(detail["loc"][0]) if detail["loc"] else ""
        if not name or name in wrong:
            continue
        wrong.add(name)
        key = name.upper()
        if detail["type"] != "missing":
            expected = detail["msg"].replace("Input should be", "must be")
            found = _shortened(reading.values.get(name, ""))
            reading.refuse(reading.lines.get(key, 0), key, f"{expected}, found {found}")
        elif name not in reading.unread:
            reading.refuse(0, key, "must be set: it is required and has no default")
    return wrong


def _add_rule_problems(reading: Reading, values: Mapping[str, object]) -> None:
    """Add the rules that the readable values break."""
    try:
        Settings.model_validate(values, context={"unread": frozenset(reading.unread)})
    except ValidationError as error:
        for names, message in _broken(error):
            lines = (reading.lines.get(name.upper(), 0) for name in names)
            line = next((line for line in lines if line), 0)
            reading.refuse(line, names[0].upper(), message)


def _broken(error: ValidationError) -> Iterable[tuple[tuple[str, ...], str]]:
    """Yield the broken rules that the schema's validator reports in its error."""
    for detail in error.errors(include_input=False, include_url=False):
        yield from detail.get("ctx", {}).get("broken", ())


def _shortened(value: str) -> str:
    return repr(value) if len(value) <= _SHOWN else f"{value[:_SHOWN]!r}..."
