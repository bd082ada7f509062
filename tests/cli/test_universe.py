from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rigd.config.demo import demo_env_text
from rigd.core.errors import ExitCode
from tests.hosts.homes import demo, listing
from tests.market.days import write

if TYPE_CHECKING:
    from pathlib import Path

    from rigd.store.paths import Home

HEADER = "symbol,close,volume"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return demo(tmp_path / "home")


@pytest.fixture
def market(tmp_path: Path) -> str:
    """Two days of a small market before the sample's session."""
    folder = tmp_path / "market"
    write(folder / "m_20121112.csv", HEADER, "FB,20,9000000", "IBM,190,9000000", "PENNY,0.1,9")
    write(
        folder / "m_20121113.csv", HEADER, "FB,21,9000000", "AAPL,250,9000000", "IBM,99999,900000"
    )
    return str(folder)


def spaced(text: str) -> str:
    """Text with single spaces, whatever its columns are."""
    return " ".join(text.split())


def test_build_shows_what_was_published_and_what_to_do(rigd, home, market) -> None:
    """Counts by rule, the version, and the next step."""
    said = rigd(home, "universe", "build", "--from", market, "--date", "2012-11-13")
    assert (said.code, said.err) == (0, "")
    assert "universe of RIGD_USA_SIM_01 [TEST]: published" in said.out
    assert "price_above_max 1" in spaced(said.out)
    assert said.out.splitlines()[-1] == "next: rigd session --universe latest; rigd universe diff"


def test_without_a_provider_the_exit_code_is_bad_input(rigd, home) -> None:
    """The state waits and the operator reads what to do; asked again, it still waits."""
    said = rigd(home, "universe", "build")
    assert said.code == ExitCode.BAD_INPUT
    assert "waiting: there is no provider" in said.out
    assert "next: put csv files with symbol, close and volume" in said.out
    shown = rigd(home, "universe", "show")
    assert (shown.code, shown.out) == (0, said.out)


def test_providers_that_all_fail_are_an_error_and_are_taken_up(rigd, home, market) -> None:
    """Exit code 1 and the cause; the same command goes on when the folder is there."""
    said = rigd(home, "universe", "build", "--from", f"{market}/gone", "--date", "2012-11-13")
    assert said.code == ExitCode.ERROR
    assert "the folder of a universe must exist" in said.out
    said = rigd(home, "universe", "build", "--from", market)
    assert said.code == 0
    assert "a build that was cut off is taken up" in said.out


def test_one_provider_stands_in_for_another(rigd, home, market) -> None:
    """Folders are asked in the order in which they are named (I6)."""
    said = rigd(
        home, "universe", "build", "--from", f"{market}/gone", "--from", market,
        "--date", "2012-11-13", "--json",
    )  # fmt: skip
    assert said.code == 0
    assert json.loads(said.out)["published"]["providers"] == ["folder market"]


def test_refilter_diff_and_show_tell_the_same_story(rigd, home, market) -> None:
    """The thresholds come from the settings in force; the difference names the rule."""
    rigd(home, "universe", "build", "--from", market, "--date", "2012-11-13")
    assert "FB is in universe" in rigd(home, "universe", "show", "fb").out
    assert "IBM is out: price_above_max" in rigd(home, "universe", "show", "IBM").out
    assert "XX is out: not_listed" in rigd(home, "universe", "show", "XX").out
    rigd(home, "universe", "blocklist", "add", "fb", "--reason", "halted")
    said = rigd(home, "universe", "refilter")
    assert said.code == 0
    assert "blocklisted 1" in spaced(said.out)
    said = rigd(home, "universe", "diff")
    assert "removed 1\n    FB            blocklisted" in said.out
    assert said.out.splitlines()[-1].startswith("next: ")
    fields = json.loads(rigd(home, "universe", "diff", "--json").out)
    assert (fields["removed"], fields["added"]) == ({"FB": "blocklisted"}, {})
    shown = json.loads(rigd(home, "universe", "show", "FB", "--json").out)
    assert shown == {"symbol": "FB", "member": False, "reason": "blocklisted", "details": {}}


def test_changed_thresholds_are_pointed_out(rigd, home, market) -> None:
    """`show` says that the published universe was made under others."""
    rigd(home, "universe", "build", "--from", market, "--date", "2012-11-13")
    lines = [each for each in demo_env_text().splitlines() if not each.startswith("MAX_PRICE=")]
    (home.env / ".env_bot").write_text("\n".join([*lines, "MAX_PRICE=22"]) + "\n")
    (home.env / ".env_bot").chmod(0o600)
    assert rigd(home, "universe", "show").out.splitlines()[-1] == (
        "next: the thresholds changed since: rigd universe refilter"
    )
    assert "price_above_max 2" in spaced(rigd(home, "universe", "refilter").out)


def test_the_blocklist_is_listed_and_shortened(rigd, home) -> None:
    """Each line as SYMBOL|reason|UTC|provider; removing one that is not there is bad input."""
    said = rigd(home, "universe", "blocklist", "add", "FB", "--reason", "halted")
    assert said.code == 0
    assert said.out.startswith("FB|halted|")
    assert (
        "FB is blocked already"
        in rigd(home, "universe", "blocklist", "add", "FB", "--reason", "again").out
    )
    listed = rigd(home, "universe", "blocklist", "list")
    assert "FB|halted|" in listed.out
    assert "|operator\n1 blocked\n" in listed.out
    lines = json.loads(rigd(home, "universe", "blocklist", "list", "--json").out)["blocklist"]
    assert len(lines) == 1
    assert "unblocked: FB|halted|" in rigd(home, "universe", "blocklist", "remove", "FB").out
    assert rigd(home, "universe", "blocklist", "remove", "FB").code == ExitCode.BAD_INPUT


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("build", "--date", "today"), "--date must be YYYY-MM-DD"),
        (("refilter",), "must be published, found none"),
        (("show", "FB"), "must be published, found none"),
        (("diff",), "must name one archived universe"),
        (("blocklist", "add", "F B", "--reason", "x"), "symbol must be"),
        (("blocklist", "add", "FB", "--reason", "a|b"), "reason must be"),
    ],
)
def test_what_cannot_be_done_is_bad_input(rigd, home, arguments, words) -> None:
    """The error, a fix where there is one, and nothing published."""
    said = rigd(home, "universe", *arguments)
    assert said.code == ExitCode.BAD_INPUT
    assert words in said.err
    assert "runs/screeners/symbol_universe.json" not in listing(home.root)


def test_a_session_asks_for_the_universe(rigd, home, market, door) -> None:
    """`--universe latest` trades what universe and sample share; a stamp is understood too."""
    rigd(home, "universe", "build", "--from", market, "--date", "2012-11-13")
    said = rigd(home, "session", "--universe", "latest", "--json")
    assert said.code == 0
    (folder,) = home.runs.glob("*/sessions/*")
    assert json.loads((folder / "request.json").read_bytes())["symbols"] == ["AAPL", "FB"]
    assert rigd(home, "session", "--universe", "1999").code == ExitCode.BAD_INPUT
    assert door is not None
