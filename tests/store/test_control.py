"""Tests of the control flags."""

from __future__ import annotations

import json
import os
import stat
import timeit
from datetime import timedelta
from itertools import chain, combinations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigd.core.clock import iso
from rigd.core.errors import LogicError, StorageError
from rigd.core.events import Command
from rigd.store.control import FLAGS, ControlFolder, FlagSeen
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds

if TYPE_CHECKING:
    from pathlib import Path

ALL = ("control_kill", "control_stop", "control_start")


class Desk:
    """A control folder with its clock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = FakeClock()
        self.folder = self.again()

    def again(self) -> ControlFolder:
        """Return the folder as a restarted process sees it."""
        return ControlFolder(self.path, self.clock, FakeIds())

    def touch(self, name: str, content: str = "", age_s: float = 0.0) -> None:
        self.path.mkdir(exist_ok=True)
        (self.path / name).write_text(content)
        made = (self.clock.now() - timedelta(seconds=age_s)).timestamp()
        os.utime(self.path / name, (made, made))

    def signed(self, command: str, /, **changes: object) -> str:
        now = self.clock.now()
        fields = {
            "command": command,
            "nonce": "ab" * 16,
            "issued": iso(now),
            "expires": iso(now + timedelta(seconds=30)),
            "by": "eve",
            "why": "test",
            "source": "panel",
        }
        return json.dumps(fields | changes)

    def seen(self) -> FlagSeen:
        found = self.folder.read()
        assert found is not None
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "control")


def test_the_table_is_that_of_the_documents() -> None:
    """Names, forms, order and expiry of documents 070 and 090; one flag per command."""
    assert [(flag.name, flag.also, flag.command, flag.expiry_s) for flag in FLAGS] == [
        ("control_kill.flag", "control_kill.txt", Command.KILL, None),
        ("control_stop.flag", "control_stop.txt", Command.STOP, None),
        ("control_start.flag", "control_start.txt", Command.START, 30),
    ]
    assert all(flag.writer and flag.reader for flag in FLAGS)


def test_a_raised_flag_says_who_when_why_and_until(desk: Desk) -> None:
    """The file holds nonce, issue, expiry, person and reason, for our eyes only."""
    nonce = desk.folder.raise_flag(Command.STOP, "ada", "lunch", "cli")
    path = desk.path / "control_stop.flag"
    assert json.loads(path.read_text()) == {
        "command": "stop",
        "nonce": nonce,
        "issued": "2024-03-04T14:00:00Z",
        "expires": "2024-03-04T14:00:30Z",
        "by": "ada",
        "why": "lunch",
        "source": "cli",
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in desk.path.iterdir()] == ["control_stop.flag"]
    assert desk.seen() == FlagSeen(
        command=Command.STOP,
        file="control_stop.flag",
        signed=True,
        by="ada",
        why="lunch",
        source="cli",
        refused="",
        nonce=nonce,
        note="",
    )


def test_a_command_without_a_flag_is_a_defect(desk: Desk) -> None:
    """Shutdown comes by signal, never by file."""
    with pytest.raises(LogicError, match="start"):
        desk.folder.raise_flag(Command.SHUTDOWN, "ada", "", "cli")


def test_without_folder_or_flag_there_is_nothing(desk: Desk) -> None:
    """A missing and an empty folder ask for nothing."""
    assert desk.folder.read() is None
    assert desk.folder.oddities() == []
    desk.path.mkdir()
    assert desk.folder.read() is None
    assert desk.folder.pending() == []


@pytest.mark.parametrize(
    "present", list(chain.from_iterable(combinations(ALL, n) for n in range(1, 4)))
)
@pytest.mark.parametrize("ending", ["flag", "txt"])
def test_kill_precedes_stop_precedes_start(
    desk: Desk, present: tuple[str, ...], ending: str
) -> None:
    """Of any set of flags the strongest is read first, in either form."""
    for name in present:
        desk.touch(f"{name}.{ending}")
    assert desk.seen().file == f"{present[0]}.{ending}"
    assert [flag.file for flag in desk.folder.pending()] == [f"{p}.{ending}" for p in present]


MALFORMED = {
    "blank": "",
    "text": "please",
    "no object": "[1]",
    "cut": '{"command": "ki',
    "too long": '{"x": "' + "y" * 5000 + '"}',
    "deep": "[" * 4000,
    "number": '{"command": 1, "nonce": 2, "issued": 3, "expires": 4, "by": 5, "why": 6}',
    "nan": '{"command": NaN}',
}


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED.keys())
@pytest.mark.parametrize("name", ["control_kill", "control_stop"])
@pytest.mark.parametrize("ending", ["flag", "txt"])
def test_stop_and_kill_are_obeyed_however_malformed(
    desk: Desk, name: str, ending: str, content: str
) -> None:
    """Whatever the file holds, it is obeyed at any age and marked unsigned."""
    desk.touch(f"{name}.{ending}", content, age_s=1e6)
    seen = desk.seen()
    assert seen.command.value == name.removeprefix("control_")
    assert not seen.refused
    assert not seen.signed
    assert seen.note


@pytest.mark.parametrize("name", ["control_kill", "control_stop"])
@pytest.mark.parametrize(
    "changes",
    [
        {"expires": "2024-03-04T13:59:59Z", "issued": "2024-03-04T13:59:29Z"},
        {"command": "start"},
        {"nonce": ""},
        {"issued": "yesterday"},
        {"issued": "2024-03-04T14:00:00"},
        {"expires": "2024-03-04T15:00:00Z"},
        {"expires": "9999-12-31T23:59:59-23:00"},
    ],
)
def test_stop_and_kill_with_wrong_fields_are_obeyed_unsigned(
    desk: Desk, name: str, changes: dict[str, object]
) -> None:
    """Old, forged or mismatched fields take the signature away, not the command."""
    command = name.removeprefix("control_")
    desk.touch(f"{name}.flag", desk.signed(command, **changes))
    seen = desk.seen()
    assert (seen.command.value, seen.refused, seen.signed) == (command, "", False)


def test_an_unreadable_kill_flag_is_obeyed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be read still asks by its name; a start does not."""
    desk.touch("control_kill.flag")
    desk.touch("control_start.flag")

    def denied(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    kill, start = desk.folder.pending()
    assert (kill.command, kill.refused) == (Command.KILL, "")
    assert "Permission denied" in start.refused


def test_a_flag_removed_while_it_is_read_is_obeyed_unless_it_starts(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was seen in the folder: stop counts, start does not."""
    desk.touch("control_stop.flag")
    desk.touch("control_start.flag")

    def gone(*_: object) -> int:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(os, "open", gone)
    (seen,) = desk.folder.pending()
    assert (seen.command, seen.refused) == (Command.STOP, "")


@pytest.mark.parametrize("age_s", [0, 29.9])
@pytest.mark.parametrize("name", ["control_start.flag", "control_start.txt"])
@pytest.mark.parametrize("content", ["", "go"])
def test_a_bare_start_is_obeyed_while_young(
    desk: Desk, name: str, age_s: float, content: str
) -> None:
    """A touched file or a text starts for 30 s; text in a .flag is malformed."""
    desk.touch(name, content, age_s)
    seen = desk.seen()
    malformed = name.endswith(".flag") and content
    assert bool(seen.refused) == bool(malformed)
    assert not seen.signed


@pytest.mark.parametrize("age_s", [30, 31, 1e6, -3])
def test_an_old_bare_start_is_refused(desk: Desk, age_s: float) -> None:
    """Older than 30 s, or from the future, it starts nothing."""
    desk.touch("control_start.txt", age_s=age_s)
    assert "younger than 30 s" in desk.seen().refused


def test_a_bare_start_of_another_user_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the bot's own user may start it with a touch."""
    desk.touch("control_start.flag")
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    assert "another user" in desk.seen().refused


def test_a_signed_start_is_obeyed_until_it_expires(desk: Desk) -> None:
    """At 30 s it is refused; the clock is handed in."""
    desk.folder.raise_flag(Command.START, "ada", "", "cli")
    desk.clock.advance(29.999)
    assert (desk.seen().signed, desk.seen().refused) == (True, "")
    desk.clock.advance(0.001)
    assert "expired" in desk.seen().refused


@pytest.mark.parametrize(
    "changes",
    [
        {"expires": "2024-03-04T14:05:00Z"},
        {"issued": "2024-03-04T14:00:05Z", "expires": "2024-03-04T14:00:30Z"},
        {"command": "stop"},
        {"nonce": ""},
        {"by": None},
        {"issued": "soon"},
    ],
)
def test_a_start_with_wrong_fields_is_refused(desk: Desk, changes: dict[str, object]) -> None:
    """A long life, a future issue or a missing field starts nothing."""
    desk.touch("control_start.flag", desk.signed("start", **changes))
    assert desk.seen().refused


def test_a_used_nonce_starts_nothing_also_after_a_restart(desk: Desk) -> None:
    """A copy of a consumed start is refused while it would still be fresh."""
    desk.folder.raise_flag(Command.START, "ada", "", "cli")
    copy = (desk.path / "control_start.flag").read_text()
    desk.folder.consume(desk.seen())
    assert desk.folder.read() is None
    desk.touch("control_start.flag", copy)
    assert "used before" in desk.seen().refused
    desk.folder = desk.again()
    assert "used before" in desk.seen().refused
    assert desk.folder.oddities() == []


def test_a_consumed_flag_is_gone_and_the_next_comes_to_light(desk: Desk) -> None:
    """Both forms of one command are consumed one by one."""
    desk.touch("control_stop.flag")
    desk.touch("control_stop.txt")
    desk.folder.consume(desk.seen())
    assert desk.seen().file == "control_stop.txt"
    desk.folder.consume(desk.seen())
    assert desk.folder.read() is None


def test_clearing_removes_every_flag_and_nothing_else(desk: Desk) -> None:
    """The names of what was removed are returned, strongest first."""
    for name in ("control_start.txt", "control_kill.flag", "notes.txt"):
        desk.touch(name)
    (desk.path / "control_stop.flag").mkdir()
    assert desk.folder.clear() == ["control_kill.flag", "control_start.txt"]
    assert sorted(p.name for p in desk.path.iterdir()) == ["control_stop.flag", "notes.txt"]


@pytest.mark.parametrize("command", [Command.KILL, Command.STOP])
def test_a_folder_in_its_place_keeps_no_flag_away(desk: Desk, command: Command) -> None:
    """A stop or kill that is pressed is seen, whatever somebody has put there."""
    (desk.path / f"control_{command.value}.flag").mkdir(parents=True)
    desk.folder.raise_flag(command, "ada", "now", "panel")
    seen = desk.seen()
    assert (seen.command, seen.signed, seen.by) == (command, True, "ada")
    desk.folder.consume(seen)
    assert desk.folder.read() is None


def test_folders_links_and_unknown_names_are_ignored_and_reported(desk: Desk) -> None:
    """Only plain files with a known name ask for something."""
    desk.touch("test_mode-x.flag")
    desk.touch("control_kill.FLAG")
    (desk.path / "control_kill.flag").mkdir()
    (desk.path / "control_stop.flag").symlink_to("/dev/null")
    os.mkfifo(desk.path / "control_start.flag")
    assert desk.folder.read() is None
    assert [problem.where for problem in desk.folder.oddities()] == [
        "control_kill.FLAG",
        "control_kill.flag",
        "control_start.flag",
        "control_stop.flag",
        "test_mode-x.flag",
    ]


def test_text_for_the_audit_is_bounded_and_printable(desk: Desk) -> None:
    """A reason cannot forge another line of a log."""
    desk.touch("control_stop.flag", desk.signed("stop", why="x\n2024 forged\x1b[2J" + "y" * 900))
    why = desk.seen().why
    assert why.startswith("x?2024 forged?[2J")
    assert len(why) == 200


def test_a_folder_that_cannot_be_read_is_a_storage_error(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not seeing the flags is not the same as seeing none."""

    def denied(*_: object) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", denied)
    with pytest.raises(StorageError, match="control folder"):
        desk.folder.read()


def test_looking_into_an_empty_folder_is_cheap(desk: Desk) -> None:
    """Five looks a second cost nothing: below 50 microseconds each (best of many)."""
    desk.path.mkdir()
    best = min(timeit.repeat(desk.folder.read, number=20, repeat=30)) / 20
    assert best < 50e-6


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(ALL), st.sampled_from(["flag", "txt"]))
def test_no_content_raises_or_starts(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str, ending: str
) -> None:
    """Any bytes: stop and kill are obeyed, an old start is refused."""
    desk = Desk(tmp_path_factory.mktemp("any") / "control")
    desk.touch(f"{name}.{ending}", age_s=100)
    (desk.path / f"{name}.{ending}").write_bytes(content)
    os.utime(desk.path / f"{name}.{ending}", (0, 0))
    assert bool(desk.seen().refused) == (name == "control_start")
    assert not desk.seen().signed


def test_flags_of_tests_are_named_and_the_whole_one_comes_last(tmp_path) -> None:
    """Single tests first, the dry run of everything as a blank; anything else is no such flag."""
    desk = Desk(tmp_path / "control")
    assert desk.folder.tests() == ()
    for name in ("test_mode.flag", "test_mode_env_bot.flag", "test_mode_a.flag"):
        desk.touch(name)
    for name in ("test_mode_.flag", "test_mode_A.flag", "test_mode_x.txt", "xtest_mode.flag"):
        desk.touch(name)
    (desk.path / "test_mode_folder.flag").mkdir()
    (desk.path / "test_mode_link.flag").symlink_to(desk.path / "test_mode_a.flag")
    assert desk.folder.tests() == ("a", "env_bot", "")


def test_a_flag_of_a_test_says_who_asks_and_only_its_owner_reads_it(tmp_path) -> None:
    """Mode 0600, the instant and the name; raised again it is replaced."""
    desk = Desk(tmp_path / "control")
    for _ in range(2):
        assert desk.folder.raise_test("env_bot", "me", "cli") == "test_mode_env_bot.flag"
    path = desk.path / "test_mode_env_bot.flag"
    held = json.loads(path.read_text())
    assert (held["test"], held["by"], held["source"]) == ("env_bot", "me", "cli")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert desk.folder.raise_test("", "me", "cli") == "test_mode.flag"


@pytest.mark.parametrize("name", ["../x", "A", "a b", "1a", "a" * 70, "a.flag", "a/b", "é"])
def test_a_test_that_no_flag_can_carry_is_refused(tmp_path, name) -> None:
    """The name becomes a file's name: nothing outside the folder can be reached (FAULTS S12)."""
    desk = Desk(tmp_path / "control")
    with pytest.raises(LogicError, match="must be named by"):
        desk.folder.raise_test(name, "me", "cli")
    with pytest.raises(LogicError, match="must be named by"):
        desk.folder.take_tests(name)


def test_flags_of_tests_are_used_up(tmp_path) -> None:
    """The named ones, or all; a command's flag stays."""
    desk = Desk(tmp_path / "control")
    desk.touch("control_stop.flag")
    for name in ("a", "b", ""):
        desk.folder.raise_test(name, "me", "cli")
    assert desk.folder.take_tests("") == ["test_mode.flag"]
    assert desk.folder.take_tests() == ["test_mode_a.flag", "test_mode_b.flag"]
    assert desk.folder.take_tests() == []
    assert [seen.file for seen in desk.folder.pending()] == ["control_stop.flag"]


def test_a_flag_of_a_test_is_no_oddity(tmp_path) -> None:
    """It is known, other names are not."""
    desk = Desk(tmp_path / "control")
    desk.folder.raise_test("", "me", "cli")
    desk.touch("test_mode_.flag")
    assert [problem.where for problem in desk.folder.oddities()] == ["test_mode_.flag"]
