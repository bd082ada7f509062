"""Where a supervisor is to answer: what is typed, checked, and typed again by a service."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigd.core.errors import ConfigError
from rigd.hosts.up.options import Answering
from rigd.store.paths import Home
from tests.fakes.clock import FakeClock


def test_what_is_the_same_without_being_said_is_not_said() -> None:
    """A service without options follows env/.env at each start, as `rigd up` does."""
    assert Answering().words() == []
    assert Answering(health_port=0).words() == ["--health-port", "0"]
    said = Answering(port=9000, address="::1", certificate=Path("a.pem")).words()
    assert said[:4] == ["--port", "9000", "--panel-address", "::1"]
    assert said[4:] == ["--certificate", str(Path.cwd() / "a.pem")]


def test_the_home_says_what_was_not_typed(tmp_path: Path) -> None:
    """PORT of env/.env; what was typed goes before."""
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / ".env").write_text("PORT=9001\n")
    home, clock = Home(tmp_path), FakeClock()
    port, listening = Answering().checked(home, clock)
    assert (port, listening.address) == (9001, "127.0.0.1")
    port, listening = Answering(port=9002, address="::1").checked(home, clock)
    assert (port, listening.address) == (9002, "::1")


def test_an_address_that_is_not_safe_is_refused_where_there_is_a_panel(tmp_path: Path) -> None:
    """S16; without a panel nothing listens there."""
    with pytest.raises(ConfigError, match="must have a certificate"):
        Answering(address="192.0.2.7").checked(Home(tmp_path), FakeClock())
    Answering(address="192.0.2.7", with_panel=False).checked(Home(tmp_path), FakeClock())
