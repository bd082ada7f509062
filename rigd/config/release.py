"""VERSION_TAG against VERSION.md: a bot runs only with settings written for its version."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rigd.core.errors import ConfigError, Problem

if TYPE_CHECKING:
    from rigd.config.schema import Settings

_HEADING = re.compile(r"^#{1,3} +\[?v?([0-9]+\.[0-9]+\.[0-9]+[a-z0-9.+-]*)\]?", re.MULTILINE)


def newest_version(version_md: str) -> str:
    """Return the newest version that VERSION.md names: the first heading with a number.

    Parameters
    ----------
    version_md
        The text of VERSION.md, newest version first.

    Returns
    -------
    str
        Such as ``0.1.0``.

    Raises
    ------
    ConfigError
        If no heading names a version.
    """
    match = _HEADING.search(version_md)
    if match is None:
        msg = "VERSION.md must have a heading such as '## 0.1.0', found none"
        raise ConfigError(msg)
    return match.group(1)


def require_version(settings: Settings, version_md: str, *, source: str = ".env_bot") -> None:
    """Do nothing when VERSION_TAG is the newest version of VERSION.md.

    Parameters
    ----------
    settings
        The settings of the bot.
    version_md
        The text of VERSION.md.
    source
        Where the settings come from, for the message.

    Raises
    ------
    ConfigError
        If the two differ (document 090: fatal).
    """
    newest = newest_version(version_md)
    if settings.version_tag != newest:
        message = f"must equal the newest version in VERSION.md, {newest}"
        problem = Problem(source, f"{message}, found {settings.version_tag}", "VERSION_TAG")
        raise ConfigError(
            f"{source}: settings of another version",
            problems=[problem],
            fix=f"review the settings against VERSION.md, then set VERSION_TAG={newest}",
        )
