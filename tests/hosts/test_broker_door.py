from __future__ import annotations

import json

from rigd.hosts.broker_door import announce, genesis, port_of, retract


def test_a_living_server_is_found_by_its_account(tmp_path) -> None:
    """The port lies beside the truth file while the process that wrote it lives."""
    log = tmp_path / "A.log"
    assert port_of(log) is None
    door = announce(log, 4711)
    assert port_of(log) == 4711
    assert door.stat().st_mode & 0o777 == 0o600
    retract(log)
    assert port_of(log) is None


def test_a_dead_server_announces_nothing(tmp_path) -> None:
    """A file whose process is gone, or that is broken, leads nowhere."""
    log = tmp_path / "A.log"
    door = announce(log, 4711)
    held = json.loads(door.read_bytes())
    door.write_text(json.dumps(held | {"born": held["born"] + 1}))
    assert port_of(log) is None
    door.write_bytes(b"{")
    assert port_of(log) is None


def test_each_account_has_its_own_chain() -> None:
    """The truth file of one account is none of another's."""
    assert genesis("A") != genesis("B")
