"""A disk that fills up while a session of `rigd up` holds positions (FAULTS R04)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from rigd.core.lifecycle import BotState
from rigd.store.lease import Phase, read_lease
from tests.system.disks import filled, small_disk
from tests.system.evidence import bot_tree, read_left
from tests.system.processes import run_rigd, wait_until
from tests.system.up_process import prepare, up

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

SIZE_MIB = 200
MOST_S = 3.0
"""From the engine's own end to the word `error` in bot_state.txt [s]."""


def test_a_disk_that_fills_up_ends_in_error_at_once(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """Flat, then `error` without a second engine; a Start that says why makes its record whole."""
    home = tmp_path / "home"
    home.mkdir()
    with small_disk(home, SIZE_MIB):
        prepare(home)
        with up(home) as running:
            running.start()
            lease = bot_tree(home) / "lease.json"
            engine, began = running.session.kernel.pid, time.monotonic()
            with filled(home):
                flat_s = wait_until("the engine's end", lambda: phase(lease) is Phase.ENDED)
                said_s = running.wait_for(BotState.ERROR)
                launched = home / "runs" / "logs" / "launches.log"
                wait_until("the launcher's end", lambda: "session did not end" in running.console)
                assert running.state == BotState.ERROR
                assert read_lease(lease).owner.pid == engine, "an engine was started again"
            assert "No space left" in running.console
            wait_until("its row", lambda: '"ended"' in launched.read_text(encoding="utf-8"))
            assert running.state == BotState.ERROR
            first = running.session.folder
            why = ("--reason", "a full disk; there is room again")
            assert run_rigd(home, "flags", "raise", "start", *why).code == 0
            wait_until("the record to be whole", (first / "manifest.json").exists)
            running.wait_for(BotState.ERROR)
        left = read_left(home)
        assert left.problems == ()
        assert left.closed.flat
    assert said_s < MOST_S
    figure(
        "a disk that fills up in mid-session",
        f"the engine ended {flat_s:.1f} s after, `error` {said_s:.1f} s later "
        f"({time.monotonic() - began:.0f} s in all)",
    )


def phase(lease: Path) -> Phase | None:
    """What the engine says that it is busy with."""
    held = read_lease(lease)
    return held.phase if held else None
