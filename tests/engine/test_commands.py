"""Commands from flags and from within; the strongest one counts."""

from __future__ import annotations

import threading

from rigd.core.events import Command
from rigd.engine.commands import CommandReader
from rigd.store.control import ControlFolder, FlagSeen
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds


class Folder:
    """A flag folder with what a test puts there."""

    def __init__(self, *seen: FlagSeen) -> None:
        self.seen = list(seen)
        self.reads = 0

    def read(self) -> FlagSeen | None:
        self.reads += 1
        return self.seen[0] if self.seen else None

    def consume(self, seen: FlagSeen) -> None:
        self.seen.remove(seen)


def flag(command: Command, refused: str = "") -> FlagSeen:
    return FlagSeen(
        command=command,
        file=f"control_{command}.flag",
        signed=True,
        by="operator",
        why="test",
        refused=refused,
        source="panel",
        nonce="0" * 32,
        note="",
    )


def test_nothing_is_asked_of_a_quiet_session() -> None:
    """No flag, no signal: None."""
    assert CommandReader(Folder(), FakeClock(), 0.2).due() is None
    assert CommandReader(None, FakeClock(), 0.2).due() is None


def test_a_flag_is_obeyed_once_and_consumed() -> None:
    """Who, why and from which file are kept for the journal."""
    folder = Folder(flag(Command.STOP))
    reader = CommandReader(folder, FakeClock(), 0.2)
    found = reader.due()
    assert found is not None
    assert (found.command, found.by, found.why) == (Command.STOP, "operator", "test")
    assert found.source == "control_stop.flag"
    assert found.signed
    reader.settle()
    assert folder.seen == []
    assert reader.due() is None
    reader.settle()


def test_a_flag_lies_there_until_it_is_on_record() -> None:
    """I-12: a process that dies between reading and recording leaves the kill to the next one."""
    folder = Folder(flag(Command.KILL))
    first = CommandReader(folder, FakeClock(), 0.2).due()
    again = CommandReader(folder, FakeClock(), 0.2).due()
    assert first == again
    assert folder.seen != []


def test_the_strongest_of_all_sources_wins() -> None:
    """Kill over shutdown over stop, whoever asks."""
    reader = CommandReader(Folder(flag(Command.STOP)), FakeClock(), 0.2)
    reader.ask(Command.SHUTDOWN, "SIGTERM", "")
    reader.ask(Command.KILL, "notebook", "")
    found = reader.due()
    assert found is not None
    assert (found.command, found.source) == (Command.KILL, "notebook")
    assert reader.due() is None


def test_the_folder_is_read_no_more_often_than_its_interval() -> None:
    """200 ms between two looks, whatever the number of minutes in between."""
    clock, folder = FakeClock(), Folder()
    reader = CommandReader(folder, clock, 0.2)
    for _ in range(100):
        reader.due()
    assert folder.reads == 1
    clock.advance(0.2)
    reader.due()
    assert folder.reads == 2


def test_a_refused_flag_and_a_start_flag_do_nothing_here() -> None:
    """A replayed flag is not obeyed; a start is the supervisor's."""
    for seen in (flag(Command.KILL, refused="replayed"), flag(Command.START)):
        folder = Folder(seen)
        assert CommandReader(folder, FakeClock(), 0.2).due() is None
        assert folder.seen == [seen]


def test_asking_from_other_threads_loses_nothing() -> None:
    """Signal handlers and the notebook ask from their own threads."""
    reader = CommandReader(None, FakeClock(), 0.2)
    threads = [
        threading.Thread(target=reader.ask, args=(Command.STOP, f"thread {n}", ""))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reader._taken()) == 8


def test_a_real_flag_file_is_obeyed(tmp_path) -> None:
    """The flag that the control folder writes reaches the engine and is gone afterwards."""
    clock = FakeClock()
    folder = ControlFolder(tmp_path, clock, FakeIds())
    folder.raise_flag(Command.KILL, by="operator", why="test", source="panel")
    reader = CommandReader(folder, clock, 0.2)
    found = reader.due()
    assert found is not None
    assert found.command is Command.KILL
    reader.settle()
    assert list(tmp_path.glob("control_*")) == []


def test_flags_of_tests_are_taken_and_told_once() -> None:
    """FAULTS K11: whatever lies there is removed at the next look, and handed out once."""
    clock, lying = FakeClock(), [["test_mode.flag"], [], ["test_mode_a.flag"]]
    reader = CommandReader(Folder(), clock, 0.2, lambda: lying.pop(0) if lying else [])
    assert reader.refused_tests() == []
    reader.due()
    assert reader.refused_tests() == ["test_mode.flag"]
    assert reader.refused_tests() == []
    for _ in range(2):
        clock.advance(0.2)
        reader.due()
    assert reader.refused_tests() == ["test_mode_a.flag"]


def test_an_exception_that_nobody_caught_is_kept_once() -> None:
    """X22: reported from any thread, taken by the session, then forgotten."""
    reader = CommandReader(None, FakeClock(), 0.2)
    error = ValueError("lost")
    reader.report(error, "uncaught in thread cell")
    reader.report(error, "cell 3", fatal=False)
    assert reader.failures() == [(error, "uncaught in thread cell", True), (error, "cell 3", False)]
    assert reader.failures() == []
