from __future__ import annotations

import json

import pytest

from rigd.core.errors import ExitCode
from tests.hosts.homes import demo, listing


@pytest.fixture
def home(tmp_path):
    """A home with the demo."""
    return demo(tmp_path / "home")


def test_the_table_in_force_is_shown(rigd, home) -> None:
    """Version, date and pairs, for people and for programs; nothing is written."""
    before = listing(home.root)
    said = rigd(home, "mapping", "show")
    assert said.code == 0
    assert "inverse ETFs version 1 of 2026-11-28" in said.out
    assert "SPY           SH" in said.out
    told = json.loads(rigd(home, "mapping", "show", "--json").out)
    assert (told["version"], told["pairs"]["QQQ"], len(told["digest"])) == (1, "PSQ", 64)
    assert listing(home.root) == before


def test_a_change_is_the_next_version_and_audited(rigd, home) -> None:
    """One pair added, one taken out; who, when, why and which versions stand in the audit log."""
    said = rigd(home, "mapping", "set", "IBM=INV", "TLT=", "--reason", "fund closed")
    assert said.code == 0
    assert "version 2" in said.out
    pairs = json.loads(rigd(home, "mapping", "show", "--json").out)["pairs"]
    assert pairs["IBM"] == "INV"
    assert "TLT" not in pairs
    (line,) = (home.logs / "operator_audit.log").read_text().splitlines()
    row = json.loads(line)
    assert (row["event"], row["reason"]) == ("mapping_changed", "fund closed")
    assert (row["before"], row["after"]) == (1, 2)
    assert row["changes"] == {"IBM": "INV", "TLT": ""}
    assert row["profile"] == "TEST"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("SPY",), "SYMBOL=FUND"),
        (("SPY=SPY",), "SPY is mapped to itself"),
        (("spy=SH",), "unknown symbol"),
        (("XYZ=",), "XYZ must be in the table"),
        (("SPY=SH", "SPY=SDS"), "named once"),
        (("SH=SPY",), "SH, the inverse of"),
    ],
)
def test_a_wrong_change_is_refused_and_writes_nothing(rigd, home, arguments, words) -> None:
    """With the reason; exit code 2."""
    before = listing(home.root)
    said = rigd(home, "mapping", "set", *arguments, "--reason", "try")
    assert (said.code, words in said.err) == (ExitCode.BAD_INPUT, True), said.err
    assert listing(home.root) == before


def test_a_change_needs_a_reason(rigd, home) -> None:
    """As every change of an operator does."""
    said = rigd(home, "mapping", "set", "IBM=INV", "--reason", " ")
    assert (said.code, "must give a reason" in said.err) == (ExitCode.BAD_INPUT, True)
