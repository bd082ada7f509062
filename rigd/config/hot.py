"""What a change of settings may do while a session runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rigd.config.digest import digest
from rigd.config.parse import from_items, override
from rigd.config.schema import Settings, marks
from rigd.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

_JOURNAL = "the journal"

Change = tuple[str, str, str]
"""A key with its value before and after, as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Settings that were found valid as a whole, and where they come from."""

    settings: Settings
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Settings that cannot be read or are not valid, and why."""

    source: str
    reason: str


def changed(old: Settings, new: Settings) -> tuple[str, ...]:
    """Return the keys whose values differ, in the order of the template."""
    return tuple(key for key, _, _ in changes(old, new))


def changes(old: Settings, new: Settings) -> tuple[Change, ...]:
    """Return the keys whose values differ with both values, in the order of the template."""
    before = dict(old.public_items())
    return tuple(
        (key, before[key], value) for key, value in new.public_items() if before[key] != value
    )


def needs_start(old: Settings, new: Settings) -> tuple[str, ...]:
    """Return the changed keys that take effect only at the next start."""
    return tuple(key for key in changed(old, new) if marks(key.lower())["boot_only"])


def as_recorded(items: Iterable[tuple[str, str]], config_digest: str) -> Settings:
    """Return the settings that a journal recorded.

    Parameters
    ----------
    items
        Every key and its value as text.
    config_digest
        The digest that was recorded with them.

    Returns
    -------
    Settings
        The same settings.

    Raises
    ------
    DataError
        If they have another digest: they were written by another version.
    ConfigError
        If they are not valid.
    """
    return _proven(from_items(items, source=_JOURNAL), config_digest)


def changed_by(old: Settings, recorded: Iterable[Change], config_digest: str) -> Settings:
    """Return settings after a change that a journal recorded.

    Parameters
    ----------
    old
        The settings before it.
    recorded
        The changed keys with both values.
    config_digest
        The digest of the settings after it.

    Returns
    -------
    Settings
        The settings that were in force.

    Raises
    ------
    DataError
        If they have another digest.
    """
    after = {key: value for key, _, value in recorded}
    return _proven(override(old, after, source=_JOURNAL), config_digest)


def _proven(settings: Settings, config_digest: str) -> Settings:
    found = digest(settings)
    if found != config_digest:
        msg = f"recorded settings must have the digest {config_digest[:16]}, found {found[:16]}"
        raise DataError(msg, fix="take the session up with the version that began it")
    return settings
