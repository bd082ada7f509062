"""Secrets of older versions: Fernet tokens are opened once, to be sealed in an envelope (K12)."""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken

from rigd.core.errors import SecretError


def open_fernet(token: bytes, key: str) -> bytes:
    """Return what a Fernet token holds.

    Parameters
    ----------
    token
        The token, base64.
    key
        Its key, base64 of 32 bytes.

    Returns
    -------
    bytes
        The plaintext.

    Raises
    ------
    SecretError
        If key or token is no such thing, or they do not belong together.
    """
    try:
        return Fernet(key).decrypt(token.strip())
    except ValueError:
        msg = "a Fernet key must be base64 of 32 bytes, found something else"
    except InvalidToken:
        msg = "the token must open with the key that was given, it does not"
    raise SecretError(msg, fix="set ENCRYPTION_KEY in env/.env to the key that it was made with")
