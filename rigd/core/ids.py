"""Ids: deterministic order ids from signals, and nonces from the machine's randomness."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

ORDER_ID_LENGTH = 27
"""One letter ``R`` and 26 characters of ``A-Z2-7`` (SPEC §10)."""


def client_order_id(
    *, bot: str, day: date, number: int, strategy: str, symbol: str, signal_minute: int, leg: str
) -> str:
    """Return the id of the order that a signal causes: the same signal, the same id.

    Parameters
    ----------
    bot
        The bot identity.
    day, number
        The session's exchange day and its number on that day.
    strategy, symbol
        The strategy's name and the exchange symbol.
    signal_minute
        The minute of the session whose bar carried the signal.
    leg
        Which order of the signal: ``entry``, ``stop/3``, ``target/3``, ``exit``.

    Returns
    -------
    str
        ``R`` and 26 characters of base32 over a SHA-256 (SPEC §10).
    """
    text = "|".join((bot, day.isoformat(), str(number), strategy, symbol, str(signal_minute), leg))
    digest = hashlib.sha256(text.encode()).digest()
    return "R" + base64.b32encode(digest).decode()[: ORDER_ID_LENGTH - 1]


KILL_PREFIX = "K"


def kill_order_id(bot: str, symbol: str, nonce: str) -> str:
    """Return the id of a close that `rigd kill` sends: ``K`` and 26 characters of base32.

    Parameters
    ----------
    bot
        The bot identity.
    symbol
        What is closed.
    nonce
        An id that was never used before: each attempt is an order of its own.

    Returns
    -------
    str
        As long as every other id; no signal has one that begins with ``K``.
    """
    digest = hashlib.sha256(f"{bot}|kill|{symbol}|{nonce}".encode()).digest()
    return KILL_PREFIX + base64.b32encode(digest).decode()[: ORDER_ID_LENGTH - 1]


def is_kill_order(cl_ord_id: str) -> bool:
    """Tell whether an order was sent by `rigd kill`."""
    return len(cl_ord_id) == ORDER_ID_LENGTH and cl_ord_id.startswith(KILL_PREFIX)


class SystemIds:
    """The id source of a real process."""

    def nonce(self) -> str:
        """Return 32 hexadecimal characters that were never used before."""
        return secrets.token_hex(16)
