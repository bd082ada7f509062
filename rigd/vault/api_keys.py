"""Keys of data services: read from their sealed file, and shown by nothing.

Source: document 050, the fundamentals guard's FINNHUB_API_KEY (INVENTORY E19).
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from rigd.core.errors import SecretError
from rigd.vault.secrets import SCREENER

if TYPE_CHECKING:
    from rigd.vault.secrets import SecretStore

FINNHUB = "FINNHUB_API_KEY"

_FORM = re.compile(r"[!-~]{8,200}\Z")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A service's key; neither text nor pickle shows it.

    Parameters
    ----------
    name
        How it is called, for messages.
    value
        The key itself, for the client of the service alone.
    """

    name: str
    value: str = field(repr=False)

    def __reduce__(self) -> NoReturn:
        """Refuse to be written down or sent to another process."""
        msg = f"{self.name} must stay in the process that decrypted it"
        raise SecretError(msg)


def finnhub_key(secrets: SecretStore) -> ApiKey | None:
    """Return the key of Finnhub, which only ``screener_api.json.enc`` holds.

    Parameters
    ----------
    secrets
        The secret files.

    Returns
    -------
    ApiKey or None
        None where the file is missing, or has no such key.

    Raises
    ------
    SecretError
        If the file does not decrypt, is no JSON object, or the key has another form than 8 to 200
        printable characters; the message tells nothing of what was found.
    """
    if not secrets.exists(SCREENER):
        return None
    held = _object(secrets.read(SCREENER))
    if FINNHUB not in held:
        return None
    value = held[FINNHUB]
    if not isinstance(value, str) or not _FORM.match(value):
        msg = f"{FINNHUB} in env/{SCREENER} must be 8 to 200 printable characters, was not"
        raise SecretError(msg)
    return ApiKey(FINNHUB, value)


def _object(content: bytes) -> dict[str, object]:
    held = None
    with suppress(ValueError):
        held = json.loads(content)
    if not isinstance(held, dict):
        msg = f"env/{SCREENER} must hold a JSON object, found something else"
        raise SecretError(msg)
    return held
