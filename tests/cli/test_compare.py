"""``rigd compare``."""

from __future__ import annotations

import json


def test_a_session_is_compared(rigd, launched_home) -> None:
    """Trade by trade with its parts; on the simulated broker the residual is 0.00."""
    said = rigd(launched_home, "compare")
    assert said.code == 0, said.err
    for part in ("against its backtest", "missed_fill", "Unexplained residual 0.00", "next: "):
        assert part in said.out


def test_programs_get_one_object(rigd, launched_home) -> None:
    """--json holds every trade and the total; nothing differs."""
    told = json.loads(rigd(launched_home, "compare", "latest", "--json").out)
    assert told["total"]["difference"] == told["total"]["residual"] == "0"
    assert told["trades"]
    assert told["same_code"] is True


def test_an_unknown_session_is_refused(rigd, launched_home) -> None:
    """The message names those that exist."""
    said = rigd(launched_home, "compare", "1999-01-04_1")
    assert said.code == 2
    assert "2012-11-14_1" in said.err
