"""What the cookies are signed with by which browsers of a user are known (FAULTS §4.7 S05).

The key lies in SYSTEM_USERS.db, the owner's alone, and outlives the server: a panel that is started
again takes no browser for a stranger's, and the panel and ``rigd lab`` know the same ones. Whoever
reads that file has the users' password hashes too; the key opens no session.
"""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

from rigd.access.schema import transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

_NAME = "devices"


def device_key(
    connection: sqlite3.Connection,
    name: str,
    *,
    draw: Callable[[int], str] = secrets.token_urlsafe,
) -> str:
    """Return the key for the browsers of one user; it is another one after a new password.

    Parameters
    ----------
    connection
        SYSTEM_USERS.db.
    name
        The user; a name that nobody has gets a key too, with which nothing is ever signed.
    draw
        Draws the database's secret when there is none yet.

    Returns
    -------
    str
        64 hexadecimal digits: HMAC-SHA-256 of the password's hash, which is salted, under the
        database's secret. Browsers that came in with an old password are strangers after a reset.
    """
    row = connection.execute("SELECT password FROM users WHERE name = ?", (name,)).fetchone()
    password = "" if row is None else str(row[0])
    secret = _secret(connection) or _drawn(connection, draw(32))
    return hmac.digest(secret.encode(), password.encode(), "sha256").hex()


def _secret(connection: sqlite3.Connection) -> str:
    row = connection.execute("SELECT key FROM server_keys WHERE name = ?", (_NAME,)).fetchone()
    return "" if row is None else str(row[0])


def _drawn(connection: sqlite3.Connection, secret: str) -> str:
    """Keep a new secret, unless another process was first; return the one that is kept."""
    with transaction(connection):
        connection.execute("INSERT OR IGNORE INTO server_keys VALUES (?,?)", (_NAME, secret))
        return _secret(connection)
