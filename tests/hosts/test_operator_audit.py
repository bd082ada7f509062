from __future__ import annotations

import getpass
import json

from rigd.hosts import operator_audit
from rigd.store.paths import Home
from rigd.store.registry import Registry
from tests.fakes.clock import FakeClock


def test_a_row_says_who_did_what_and_when(tmp_path) -> None:
    """One JSON object a line, with the operating system's user."""
    with Registry(Home(tmp_path)) as registry:
        operator_audit.audit(registry, FakeClock(), "kill", {"reason": "fire"})
        operator_audit.audit(registry, FakeClock(), "flags_cleared", {"files": []})
    rows = [
        json.loads(x) for x in (tmp_path / "runs/logs/operator_audit.log").read_text().splitlines()
    ]
    assert rows[0] == {
        "timestamp": "2024-03-04T14:00:00Z",
        "event": "kill",
        "by": operator_audit.name(),
        "reason": "fire",
    }
    assert rows[1]["event"] == "flags_cleared"


def test_an_unknown_user_has_a_name_all_the_same(monkeypatch) -> None:
    """A process without a password entry can still be audited."""

    def fail() -> str:
        raise KeyError

    monkeypatch.setattr(getpass, "getuser", fail)
    assert operator_audit.name() == "unknown"
