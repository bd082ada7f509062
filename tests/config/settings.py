"""Settings for the tests of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.config.parse import parse_env
from tests.config.broken_files import BASE

if TYPE_CHECKING:
    from rigd.config.schema import Settings


def made(**changes: str) -> Settings:
    """Return the default settings with some keys changed; keys in small letters."""
    return parse_env(
        BASE + "".join(f"{name.upper()}={value}\n" for name, value in changes.items()),
        source="test",
    )
