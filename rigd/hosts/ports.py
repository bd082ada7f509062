"""Ports: had at once, or refused in words that say what to do."""

from __future__ import annotations

from socket import AF_INET, AF_INET6, create_server
from typing import TYPE_CHECKING, Final

from rigd.core.errors import ConfigError

if TYPE_CHECKING:
    from socket import socket

LOOPBACK: Final = "127.0.0.1"
USERS: Final = range(1024, 65536)
"""Ports of users' services; those below are root's."""


def require_users_port(port: int, what: str = "the port") -> None:
    """Refuse a port that no service of a user may have.

    Parameters
    ----------
    port
        The port.
    what
        Which one, for the message.

    Raises
    ------
    ConfigError
        If it is root's, or none.
    """
    if port not in USERS:
        msg = f"{what} must be {USERS.start} to {USERS.stop - 1}, was {port}"
        raise ConfigError(msg)


def listening_socket(port: int, *, what: str, option: str, address: str = LOOPBACK) -> socket:
    """Return a socket that listens and does not block.

    Parameters
    ----------
    port
        The port; 0 for any that is free.
    what
        Whose port it is, for the message.
    option
        How a person chooses another.
    address
        Of one of this machine's networks; loopback alone without it.

    Returns
    -------
    socket
        The caller closes it.

    Raises
    ------
    ConfigError
        If the port cannot be had.
    """
    try:
        found = create_server((address, port), family=AF_INET6 if ":" in address else AF_INET)
    except OSError as error:
        msg = f"{what} port must be free, {port} is not: {error}"
        raise ConfigError(msg, fix=f"choose another with {option}, or end what has it") from error
    found.setblocking(False)
    return found
