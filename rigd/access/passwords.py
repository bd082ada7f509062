"""Passwords: what is accepted, how they are kept, and the same answer for users that are none.

bcrypt at cost 12 (document 090). It reads 72 bytes, so that longer passwords are hashed first
(SHA-256, base64). A check takes about a third of a second of processor time on purpose: callers
with an event loop run it in a thread.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import unicodedata
from typing import TYPE_CHECKING, Final

from rigd.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

COST: Final = 12
"""bcrypt's cost: 2**12 rounds."""

SHORTEST: Final = 12
LONGEST: Final = 1024
"""Length of a password [characters]."""

_BCRYPT_BYTES: Final = 72
_NOBODY: Final = "$2b$12$5vY9bhzyVyT8IpUaqEqwX.QFNROhQ.cOrE6fBMDuhSvgp62CVIZoe"
_TOO_COMMON: Final = (
    "123456789012",
    "1234567890123",
    "adminadminadmin",
    "administrator",
    "changemechangeme",
    "correcthorsebatterystaple",
    "iloveyouiloveyou",
    "letmeinletmein",
    "passwordpassword",
    "password1234",
    "password12345",
    "qwertyqwerty",
    "qwertyuiop12",
    "qwertyuiopasdf",
    "tradingtrading",
    "welcomewelcome",
)


def prepared(password: str) -> bytes:
    """Return what bcrypt is given: the NFC form in UTF-8, hashed first when it is too long."""
    plain = unicodedata.normalize("NFC", password).encode()
    if len(plain) <= _BCRYPT_BYTES:
        return plain
    return base64.b64encode(hashlib.sha256(plain).digest())


def hashed(password: str, *, cost: int = 0) -> str:
    """Return a password's hash for the database.

    Parameters
    ----------
    password
        As typed.
    cost
        bcrypt's cost; 0 for `COST`, lower in tests alone.

    Returns
    -------
    str
        ``$2b$12$…``, with its salt.
    """
    import bcrypt  # noqa: PLC0415 - loaded where passwords are

    return bcrypt.hashpw(prepared(password), bcrypt.gensalt(cost or COST)).decode("ascii")


def matches(password: str, kept: str | None) -> bool:
    """Tell whether a password is the one that was kept.

    Parameters
    ----------
    password
        As typed.
    kept
        The hash; None for a user that does not exist, for which as much work is done.

    Returns
    -------
    bool
        Always False without a hash.
    """
    import bcrypt  # noqa: PLC0415 - loaded where passwords are

    try:
        same = bcrypt.checkpw(prepared(password), (kept or _NOBODY).encode("ascii"))
    except ValueError:
        return False
    return same and kept is not None


def require_fit(password: str, user: str, *, words: Iterable[str] = ()) -> None:
    """Refuse a password that is easily guessed.

    Parameters
    ----------
    password
        As typed.
    user
        Whose it is to be; their name may not be a part of it.
    words
        What else may not be a part of it, such as the bot's identity.

    Raises
    ------
    ConfigError
        If it is too short or too long, much used, of few different characters, or holds the name.
    """
    length = len(unicodedata.normalize("NFC", password))
    low = password.casefold()
    problem = ""
    if length < SHORTEST:
        problem = f"at least {SHORTEST} characters, was {length}"
    elif length > LONGEST:
        problem = f"at most {LONGEST} characters, was {length}"
    elif len(set(low)) < SHORTEST // 2:
        problem = f"of at least {SHORTEST // 2} different characters"
    elif any(hmac.compare_digest(low.encode(), word.encode()) for word in _TOO_COMMON):
        problem = "none of the much used ones"
    elif any(len(part) > 2 and part.casefold() in low for part in (user, *words)):
        problem = "without the user's name or the bot's"
    if problem:
        msg = f"a password must be {problem}"
        raise ConfigError(msg, fix="choose several words that nobody would expect together")
