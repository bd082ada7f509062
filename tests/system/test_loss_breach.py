"""A loss beyond the limit in a real session: closed, latched over a restart, released."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.system.evidence import read_left
from tests.system.processes import log_rows, read_json, run_rigd

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.system


def test_a_loss_breach_latches_until_it_is_reset(tmp_path: Path) -> None:
    """Exit code 4, flat and stopped; no further session starts before `rigd risk reset`."""
    breached = run_rigd(tmp_path, "session", "--set", "DAILY_LOSS_LIMIT=0.000001")
    assert breached.code == 4, breached.out + breached.err
    left = read_left(tmp_path)
    assert left.closed is not None
    assert (left.closed.flat, left.closed.exit_reason) == (True, "loss")
    assert left.closed.state == "stopped"
    rows = log_rows(tmp_path, "kill_switch.log")
    assert rows, "kill_switch.log tells nothing"
    refused = run_rigd(tmp_path, "session")
    assert refused.code == 4
    assert "latched" in refused.err
    assert "rigd risk reset" in refused.err
    assert "LATCHED" in run_rigd(tmp_path, "risk", "show").out
    unreasoned = run_rigd(tmp_path, "risk", "reset", "--reason", " ")
    assert unreasoned.code == 2
    assert run_rigd(tmp_path, "risk", "reset", "--reason", "looked into").code == 0
    after = run_rigd(tmp_path, "session")
    assert after.code == 0, after.err
    assert read_json(tmp_path / "runs" / "latest" / "session.json")["exit_reason"] == "session_end"
