"""What a panel still knows that was started again: who is logged in, whose a browser is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.system.panel import WORDS, Browser, panel

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.system

GUESSES = 10
"""So many wrong passwords lock an account for strangers (FAULTS S05)."""


def test_log_ins_and_known_browsers_survive_a_restart_of_the_panel(tmp_path: Path) -> None:
    """S05, S07: nobody logs in again, and a stranger's guesses still lock no user out."""
    with panel(tmp_path) as first:
        known = Browser(first, "operator")
        assert known.get("/status").status_code == 200
        stranger = Browser(first)
        for number in range(GUESSES):
            guessed = stranger.post("/login", username="operator", password=f"guess {number}")
            assert guessed.status_code == 401
        jar = known.http.cookies.copy()
    with panel(tmp_path, roles=False) as second:
        here = Browser(second)
        here.http.cookies.update(jar)
        assert here.get("/status").status_code == 200
        right = Browser(second).post("/login", username="operator", password=WORDS)
        assert right.status_code == 429
        again = here.post("/login", username="operator", password=WORDS)
        assert again.status_code == 303
        forged = Browser(second)
        forged.http.cookies.set("rigd_device", str(jar["rigd_device"]).replace("|1:0|", "|1:1|"))
        assert forged.post("/login", username="operator", password=WORDS).status_code == 429
