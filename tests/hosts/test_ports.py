"""Ports that are had at once, or refused in words that say what to do."""

from __future__ import annotations

import socket

import pytest

from rigd.core.errors import ConfigError
from rigd.hosts.ports import listening_socket, require_users_port


def test_a_free_port_answers_on_this_machine_alone() -> None:
    """0 gives any; a client of this machine gets through, and no other address listens."""
    with listening_socket(0, what="the health", option="--health-port") as listens:
        address, port = listens.getsockname()
        assert address == "127.0.0.1"
        assert not listens.getblocking()
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            accepted, _ = listens.accept()
            accepted.close()


def test_a_port_that_somebody_has_is_refused_with_the_way_out() -> None:
    """Whose it was to be, which it is, and how to choose another."""
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(ConfigError, match="the panel's port must be free") as refused,
    ):
        listening_socket(other.getsockname()[1], what="the panel's", option="--port")
    assert refused.value.fix.startswith("choose another with --port")


def test_another_address_is_listened_on_when_it_is_named() -> None:
    """One of the second network protocol, too."""
    with listening_socket(0, what="the panel's", option="--port", address="::1") as listens:
        assert listens.family == socket.AF_INET6


@pytest.mark.parametrize("port", [-1, 0, 80, 1023, 65536])
def test_a_port_that_is_no_users_is_refused(port) -> None:
    """Those below 1024 are root's; TCP has none above 65535."""
    with pytest.raises(ConfigError, match=f"a port must be 1024 to 65535, was {port}"):
        require_users_port(port, "a port")
    require_users_port(1024)
    require_users_port(65535)
