"""``rigd tuning``."""

from __future__ import annotations

import json


def test_the_tables_are_printed(rigd, launched_home) -> None:
    """One table per strategy with the documents' columns, and what is recommended."""
    said = rigd(launched_home, "tuning")
    assert said.code == 0
    for text in ("open: STRAT_OPEN_BUFFER", "win_rate", "no value has 10 trades yet", "next: "):
        assert text in said.out


def test_the_tables_are_told_to_programs(rigd, launched_home) -> None:
    """One JSON object by strategy."""
    said = rigd(launched_home, "tuning", "--json")
    assert [*json.loads(said.out)] == ["close", "mid", "open"]


def test_the_tables_can_be_made_again(rigd, launched_home) -> None:
    """--rebuild reads the sealed sessions and says how many there are."""
    said = rigd(launched_home, "tuning", "--rebuild")
    assert "made again from 1 sealed session(s)" in said.out
