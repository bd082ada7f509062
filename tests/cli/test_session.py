from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

import pytest

from rigd.cli import session as command
from rigd.cli.session import ProgressBar, parse_request
from rigd.config.sources import checkout
from rigd.core.errors import ConfigError, ExitCode
from rigd.core.events import Command
from rigd.hosts.launch import Progress
from rigd.hosts.request import SessionRequest
from rigd.store.control import ControlFolder
from tests.config.broken_files import ALL
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.hosts.homes import Crash, bot_of, demo, listing
from tests.market.days import HEADER, MONDAY, write
from tests.market.test_rows import BROKEN_BARS, GOOD

OPTIONS = {
    "data": "",
    "day": "",
    "symbols": "",
    "bar_stamp": "start",
    "changes": [],
    "speed": 0.0,
}


def test_options_become_a_request() -> None:
    """Symbols in capitals, changes split at their first equals sign, a folder as seen from here."""
    assert parse_request(**OPTIONS) == SessionRequest()
    given = OPTIONS | {
        "data": "bars",
        "day": "2013-10-07",
        "symbols": " spy, IBM ,",
        "changes": ["WEIGHTS=1", "START_TIME_MID=12:00 ET", "X=a=b"],
    }
    request = parse_request(**given)
    assert (request.day, request.symbols) == (date(2013, 10, 7), ("SPY", "IBM"))
    assert request.data == str(Path.cwd() / "bars")
    assert request.overrides == (
        ("WEIGHTS", "1"),
        ("START_TIME_MID", "12:00 ET"),
        ("X", "a=b"),
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"changes": ["MAX_TRADES"]}, "expected KEY=VALUE, found 'MAX_TRADES'"),
        ({"changes": ["X=1", "Y=1", " X =2"]}, "X must be set once, found 2 times"),
        ({"day": "7.10.2013"}, "--date must be YYYY-MM-DD"),
        ({"day": "2013-02-30"}, "--date must be YYYY-MM-DD"),
        ({"symbols": "SPY,SPY"}, "once each"),
        ({"bar_stamp": "middle"}, "'start' or 'end'"),
        ({"data": "x"}, "day and its symbols"),
        ({"speed": -1.0}, "speed must be"),
    ],
)
def test_malformed_options_are_refused(changed, words) -> None:
    """Each with its own message."""
    with pytest.raises(ConfigError) as caught:
        parse_request(**(OPTIONS | changed))
    assert words in str(caught.value)


@pytest.mark.usefixtures("door")
def test_the_first_session_ends_with_a_summary(rigd, tmp_path) -> None:
    """Marked TEST: funnel, trades, PnL, books, where the record lies, and what to do next."""
    said = rigd(tmp_path / "new", "session")
    assert said.code == 0
    assert said.out.splitlines()[0].endswith("[TEST] [REPLAY]")
    for words in ("Funnel", "Trades", "PnL", "Books   balanced", "seal ", "session.ipynb"):
        assert words in said.out
    assert "daily real, intraday synthetic" in said.out
    assert "runs/RIGD_USA_SIM_01/sessions/2012-11-14_1/" in said.out
    assert str(tmp_path) not in said.out
    assert "rigd verify latest" in said.out.split("Next")[1]
    assert "minute " in said.err


@pytest.mark.usefixtures("door")
def test_the_readmes_sample_is_what_the_first_session_prints(rigd, tmp_path) -> None:
    """Word for word and figure for figure, up to where a line is cut short with …."""
    text = (checkout() / "README.md").read_text(encoding="utf-8")
    sample = text.split("## What the first session shows")[1].split("The funnel says")[0]
    printed = rigd(tmp_path / "new", "session").out.splitlines()
    shown = [line[4:].partition("…")[0].rstrip() for line in sample.splitlines()]
    for line in filter(None, shown):
        assert any(each.startswith(line) for each in printed), line


@pytest.mark.usefixtures("door")
def test_json_is_one_object(rigd, tmp_path) -> None:
    """No progress and no text beside it; trades and books in it."""
    said = rigd(tmp_path / "new", "session", "--json", "--symbols", "FB")
    fields = json.loads(said.out)
    assert said.err == ""
    assert (fields["exit_code"], fields["status"], fields["message"]) == (0, "CLOSED", "")
    assert fields["trades"] > 0
    assert fields["books"].startswith("balanced")
    assert len(fields["seal"]) == 64


BAD = {
    "unknown key": ("--set", "MAX_TRADE=4"),
    "malformed key": ("--set", "max trades=4"),
    "no equals sign": ("--set", "MAX_TRADES"),
    "blank key": ("--set", "=4"),
    "malformed value": ("--set", "MAX_TRADES=four"),
    "secret key": ("--set", "BROKER_PASSWORD=hunter2"),
    "bad date": ("--date", "yesterday"),
    "weekend": ("--date", "2012-11-17"),
    "holiday": ("--date", "2012-12-25"),
    "outside the sample": ("--date", "2020-01-02"),
    "unknown symbol": ("--symbols", "ZZZ"),
    "odd symbol": ("--symbols", "../FB"),
    "symbol twice": ("--symbols", "FB,FB"),
    "bad stamp": ("--bar-stamp", "middle"),
    "bad speed": ("--speed", "-1"),
    "missing folder": ("--data", "none", "--date", "2013-10-07", "--symbols", "SPY"),
    "no day": ("--data", "."),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("provisioned", [False, True])
def test_bad_input_writes_nothing(rigd, tmp_path, door, kind, provisioned, monkeypatch) -> None:
    """Exit code 2 and a message; on an empty home not even the demo is made."""
    home = demo(tmp_path) if provisioned else None
    monkeypatch.chdir(tmp_path)
    before = listing(tmp_path)
    said = rigd(home or tmp_path / "new", "session", *BAD[kind])
    assert said.code == ExitCode.BAD_INPUT
    assert said.err.startswith("error: ")
    assert "hunter2" not in said.err
    assert said.out == ""
    assert listing(tmp_path) == before
    assert door.ran == 0


def test_broken_settings_write_nothing(rigd, tmp_path, door, subtests_of) -> None:
    """Each kind of broken .env_bot: file, line and key, exit code 2, before and after the demo."""
    fresh, provisioned = tmp_path / "fresh", demo(tmp_path / "made").root
    (fresh / "env").mkdir(parents=True)
    for case in subtests_of(ALL):
        for root in (fresh, provisioned):
            (root / "env" / ".env_bot").write_bytes(case.text.encode())
            before = listing(root)
            said = rigd(root, "session")
            assert said.code == ExitCode.BAD_INPUT
            for line, key, words in case.expected:
                assert f"env/.env_bot:{line}" if line else "env/.env_bot" in said.err
                assert key in said.err
                assert words in said.err
            assert listing(root) == before
    assert door.ran == 0
    assert len(ALL) >= 40


def test_broken_bars_write_nothing(rigd, tmp_path, door, subtests_of) -> None:
    """Each kind of broken bar file: file, line and column, exit code 2, and an empty home."""
    home = tmp_path / "home"
    last = "2013-10-07T13:40:00Z,10,11,9,10,100"
    bars = tmp_path / "bars"
    wanted = ("--data", str(bars), "--date", MONDAY.day.isoformat(), "--symbols", "SPY")
    for kind in subtests_of(BROKEN_BARS):
        row, column, words = BROKEN_BARS[kind]
        write(bars / "SPY.csv", HEADER, GOOD, row, last)
        said = rigd(home, "session", *wanted)
        assert said.code == ExitCode.BAD_INPUT
        assert "SPY.csv:3" in said.err
        assert column in said.err
        assert words in said.err
        assert not home.exists()
    assert door.ran == 0
    assert len(BROKEN_BARS) >= 20


@pytest.fixture
def subtests_of():
    """Go through a table and name the row at which a check failed."""

    def each(table):
        for row in table:
            try:
                yield row
            except AssertionError as failed:
                failed.add_note(f"at {row}")
                raise

    return each


@pytest.mark.usefixtures("door")
def test_a_latched_switch_refuses_with_its_exit_code(rigd, tmp_path) -> None:
    """After a loss: exit code 4 twice, then reset, then the next session of the day."""
    home = demo(tmp_path)
    said = rigd(home, "session", "--set", "DAILY_LOSS_LIMIT=0.000001")
    assert said.code == ExitCode.HALTED
    assert "rigd risk reset" in said.out.split("Next")[1]
    said = rigd(home, "session")
    assert said.code == ExitCode.HALTED
    assert "latched" in said.err
    assert rigd(home, "risk", "reset", "--reason", "tried it out").code == 0
    assert rigd(home, "session", "--symbols", "FB").code == 0


def test_a_flag_that_lies_there_refuses_the_start(rigd, tmp_path, door) -> None:
    """Exit code 2, the flag's name, and how to clear it."""
    home = demo(tmp_path)
    ControlFolder(home.control, FakeClock(), FakeIds()).raise_flag(Command.STOP, "me", "", "test")
    said = rigd(home, "session")
    assert said.code == ExitCode.BAD_INPUT
    assert "control_stop.flag" in said.err
    assert said.err.splitlines()[-1] == "next: rigd flags clear"
    assert door.ran == 0


@pytest.mark.usefixtures("door")
def test_a_session_that_did_not_end_says_how_to_go_on(rigd, tmp_path, monkeypatch) -> None:
    """An error on standard error and the way to take it up; no summary of half a day."""

    def die(_: object) -> None:
        raise Crash

    home = demo(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("rigd.hosts.finishing.finish", lambda *_: die(_))
        said = rigd(home, "session", "--symbols", "FB")
    assert said.code == ExitCode.ERROR
    assert "the session did not end" in said.err
    assert "run it again with the same options" in said.err.splitlines()[-1]
    assert said.out == ""
    assert rigd(home, "session", "--symbols", "FB").code == 0
    assert len(list(home.bot(bot_of(home).identity).sessions.iterdir())) == 1


def test_progress_is_plain_lines_without_a_terminal(capsys) -> None:
    """One line an hour of the market, none when quiet."""
    bar = ProgressBar(quiet=False)
    for minute in (0, 10, 59, 60, 119, 130, 390):
        bar.update(Progress(state="idle", minute=minute, minutes=390, trades=1))
    bar.close()
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in lines] == ["0", "60", "130", "390"]
    assert lines[0] == "minute 0 of 390: idle, 1 trades"
    quiet = ProgressBar(quiet=True)
    quiet.update(Progress(state="idle", minute=0, minutes=390, trades=0))
    quiet.close()
    assert capsys.readouterr().err == ""


def test_progress_is_a_bar_on_a_terminal(capsys, monkeypatch) -> None:
    """Drawn in place, and gone when it is closed."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    bar = ProgressBar(quiet=False)
    bar.update(Progress(state="trading", minute=39, minutes=390, trades=2))
    bar.update(Progress(state="trading", minute=400, minutes=390, trades=2))
    bar.close()
    err = capsys.readouterr().err
    assert "trading, 2 trades" in err
    assert "\r" in err
    assert command.EVERY_MINUTES == 60
