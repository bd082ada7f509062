"""How a bench tells whether a goal was met."""

from __future__ import annotations

import json
import math
import re

import pytest

from tests.bench import goals


@pytest.fixture(autouse=True)
def _nothing_told(monkeypatch) -> None:
    monkeypatch.setattr(goals, "_TOLD", [])


@pytest.mark.parametrize(
    ("key", "value", "met"),
    [
        ("P1.c", 1.3, True),
        ("P1.c", 1.31, False),
        ("P1.backtrader", 15000.0, True),
        ("P1.backtrader", 14999.0, False),
        ("P1.trades", 0, True),
        ("P1.trades", 1, False),
        ("P1.c", math.nan, False),
    ],
)
def test_a_goal_is_judged_on_its_own_side(key, value, met, capsys) -> None:
    """A limit is met on its edge, missed beyond it, and never by what could not be computed."""
    assert goals.tell(key, value) is met
    words = re.split(r"\s{2,}|(?<=\d) ", capsys.readouterr().out.strip())
    assert ("not met" in words) is not met
    assert ("met" in words) is met
    assert goals.missed() == int(not met)


def test_every_goal_of_the_page_is_in_the_table() -> None:
    """P1 to P13, each at least once."""
    numbers = {key.partition(".")[0] for key in goals.GOALS}
    assert numbers == {f"P{number}" for number in range(1, 14)}


def test_a_goal_without_its_peer_is_told_and_not_judged(tmp_path, capsys) -> None:
    """A peer that is not there is said to be missing, and stands in the file as not judged."""
    goals.absent("P1.nautilus", "peer not available: not installed")
    assert "not judged peer not available: not installed" in capsys.readouterr().out
    goals.tell("P1.c", 1.25, "a note", ours_ms=5.0, c_ms=4.0)
    assert goals.missed() == 0
    goals.write(tmp_path / "figures.json", ["python"], {"peers": {"backtrader": "1.9"}})
    document = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    absent, told = document["goals"]
    assert (absent["goal"], absent["met"], absent["value"]) == ("P1.nautilus", None, None)
    assert (told["met"], told["figures"]) == (True, {"ours_ms": 5.0, "c_ms": 4.0})
    assert told["limit"] == "<= 1.3 x"
    assert document["peers"] == {"backtrader": "1.9"}
    assert document["machine"]["cpu"]
    assert document["versions"]["numpy"]
