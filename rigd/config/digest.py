"""The digest of settings: two settings with the same values have the same one."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rigd.config.schema import Settings


def digest(settings: Settings) -> str:
    """Return the SHA-256 over every key and value, hexadecimal.

    Parameters
    ----------
    settings
        Any valid settings.

    Returns
    -------
    str
        64 hexadecimal digits; the order of the keys and the spelling of numbers do not matter.
    """
    lines = sorted(f"{key}={value}\n" for key, value in settings.public_items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()
