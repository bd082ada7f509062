"""What a change of settings may do while a session runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.config.schema import marks

if TYPE_CHECKING:
    from rigd.config.schema import Settings


def changed(old: Settings, new: Settings) -> tuple[str, ...]:
    """Return the keys whose values differ, in the order of the template."""
    before = dict(old.public_items())
    return tuple(key for key, value in new.public_items() if before[key] != value)


def needs_start(old: Settings, new: Settings) -> tuple[str, ...]:
    """Return the changed keys that take effect only at the next start."""
    return tuple(key for key in changed(old, new) if marks(key.lower())["boot_only"])
