"""The panel is kept alive, and its end is no end of the bot."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from rigd.config.sources import checkout
from rigd.hosts.panel.listening import Listening
from rigd.hosts.supervisor import Child
from rigd.hosts.up import panel
from rigd.hosts.up.memory import Memory, read_known
from rigd.store.lease import Process
from rigd.store.paths import Home
from tests.fakes.clock import FakeClock
from tests.system.processes import wait_until


class FakeChild:
    """A process that ends when the test says so."""

    def __init__(self, number: int) -> None:
        self.process = Process(pid=number, born=1, boot="b")
        self.code: int | None = None
        self.ended = False
        self.well = True
        self.kills = self.closed = 0

    def end(self) -> None:
        self.ended = True

    def beats(self) -> bool:
        return self.well

    def kill(self) -> None:
        self.kills += 1

    def close(self) -> None:
        self.closed += 1


class Desk:
    """A keeper whose children are counted."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.clock = FakeClock()
        self.memory = Memory(self.home, self.clock)
        self.children: list[FakeChild] = []
        self.told: list[str] = []
        self.noted: list[str] = []
        self.keeper = panel.PanelKeeper(
            self.start, self.clock, self.memory, self.told.append, self.noted.append
        )

    def start(self) -> FakeChild:
        self.children.append(FakeChild(4_000_000 + len(self.children)))
        return self.children[-1]

    def pass_by(self, seconds: float) -> None:
        """Let time pass as the supervisor lets it: ten looks a second."""
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)
            self.keeper.look()


def test_it_is_started_again_after_longer_and_longer_waits(tmp_path: Path) -> None:
    """2, 4, 8 … 60 s while it does not stay; at once after one that did."""
    desk = Desk(tmp_path)
    desk.keeper.look()
    waits = []
    for _ in range(7):
        desk.children[-1].code = 1
        desk.keeper.look()
        before = len(desk.children)
        waits.append(0)
        while len(desk.children) == before:
            desk.clock.advance(1.0)
            waits[-1] += 1
            desk.keeper.look()
    assert waits == [2, 4, 8, 16, 32, 60, 60]
    desk.clock.advance(61.0)
    desk.children[-1].code = -9
    desk.keeper.look()
    assert desk.told[-1] == "the panel ended with -9; started again in 1 s"


def test_one_that_runs_is_left_alone_and_noted(tmp_path: Path) -> None:
    """Its process is written down, so that the next supervisor can end it."""
    desk = Desk(tmp_path)
    for _ in range(3):
        desk.keeper.look()
    assert len(desk.children) == 1
    assert read_known(desk.home).panel_pid == 4_000_000
    desk.keeper.end()
    assert desk.children[0].ended
    assert read_known(desk.home).panel_pid == 0


def test_a_panel_whose_loop_hangs_is_killed_and_started_again(tmp_path: Path) -> None:
    """30 s without a sign, once it gave one; console and log say so, and the next one is heard."""
    desk = Desk(tmp_path)
    desk.pass_by(100.0)
    hung = desk.children[0]
    hung.well = False
    desk.pass_by(29.5)
    assert (hung.kills, desk.noted) == (0, [])
    desk.pass_by(1.0)
    assert hung.kills == 1
    said = "the panel gave no sign of life for 30 s: it is killed, with its pages"
    assert (desk.told, desk.noted) == ([said], [said])
    hung.code = -9
    desk.pass_by(1.5)
    assert desk.told[-1] == "the panel ended with -9; started again in 1 s"
    assert len(desk.children) == 2
    assert hung.closed == 1
    assert read_known(desk.home).panel_pid == 4_000_001
    desk.pass_by(300.0)
    assert len(desk.children) == 2


def test_one_that_beats_late_is_left_alone(tmp_path: Path) -> None:
    """A loaded machine: a sign each 25 s is late, and no hang; silences do not add up."""
    desk = Desk(tmp_path)
    desk.pass_by(1.0)
    for _ in range(5):
        desk.children[0].well = False
        desk.pass_by(25.0)
        desk.children[0].well = True
        desk.pass_by(0.1)
    assert desk.children[0].kills == 0


def test_a_start_may_take_longer_but_not_for_ever(tmp_path: Path) -> None:
    """Imports of a cold, loaded disk: two minutes to the first sign."""
    desk = Desk(tmp_path)
    desk.keeper.look()
    desk.children[0].well = False
    desk.pass_by(119.0)
    assert desk.children[0].kills == 0
    desk.pass_by(1.5)
    assert desk.children[0].kills == 1
    assert desk.noted == ["the panel did not come up for 120 s: it is killed, with its pages"]


def test_a_machine_that_slept_makes_no_panel_hang(tmp_path: Path) -> None:
    """A container that was paused for an hour: both are late, and neither hangs."""
    desk = Desk(tmp_path)
    desk.pass_by(5.0)
    desk.children[0].well = False
    for _ in range(20):
        desk.clock.advance(3600.0)
        desk.keeper.look()
    assert desk.children[0].kills == 0


def test_one_that_outlives_its_kill_is_killed_again_and_waited_for_by_nobody(
    tmp_path: Path,
) -> None:
    """A process that hangs in the system dies when the system lets it; the watch goes on."""
    desk = Desk(tmp_path)
    desk.pass_by(1.0)
    desk.children[0].well = False
    desk.pass_by(65.0)
    assert desk.children[0].kills == 2
    assert len(desk.children) == 1


BEATING = """
import sys, time
from rigd.core.clock import SystemClock
from rigd.hosts.panel.pulse import Pulse
pulse = Pulse(int(sys.argv[sys.argv.index("--pulse") + 1]), SystemClock())
while True:
    pulse.beat()
    time.sleep(0.05)
"""


def test_a_panel_is_heard_while_it_runs_and_not_while_it_is_stopped() -> None:
    """The pipe of a real process: heard, silent under SIGSTOP, and killed by SIGKILL alone."""
    child = panel.Panel([sys.executable, "-c", BEATING], {"PATH": ""}, checkout())
    try:
        wait_until("a sign", child.beats)
        assert child.process is not None
        os.kill(child.process.pid, signal.SIGSTOP)
        wait_until("it stands", lambda: psutil.Process(child.process.pid).status() == "stopped")
        child.beats()
        assert not child.beats()
        child.kill()
        wait_until("its end", lambda: child.code == -signal.SIGKILL)
        assert not child.beats()
    finally:
        child.end()
        child.close()


def test_a_panel_that_cannot_be_started_leaves_no_pipe(tmp_path: Path) -> None:
    """It is tried again each look: nothing may be left open."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with pytest.raises(OSError, match="no-such-program"):
            panel.Panel([str(tmp_path / "no-such-program")], {}, tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_what_a_killed_supervisor_left_is_ended(tmp_path: Path) -> None:
    """Else it would hold the port; a process that has its number by chance is left alone."""
    memory = Memory(Home(tmp_path), FakeClock())
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as left:
        found = Process.of(left.pid)
        assert found is not None
        memory.change(panel_pid=found.pid, panel_born=found.born + 1, panel_boot=found.boot)
        panel.end_former(memory)
        assert left.poll() is None
        memory.change(panel_pid=found.pid, panel_born=found.born, panel_boot=found.boot)
        panel.end_former(memory)
        assert left.wait(10) == -9
    assert memory.known.panel_pid == 0


def test_its_environment_holds_no_secret(tmp_path: Path) -> None:
    """What any run inherits, and the home (I-22)."""
    inherited = {"PATH": "/bin", "ENV_BOT_KEY": "x", "SMTP_PASSWORD": "x", "RIGD_SESSION": "x"}
    found = panel.environment(inherited, Home(tmp_path))
    assert not {"ENV_BOT_KEY", "SMTP_PASSWORD", "RIGD_SESSION"} & set(found)
    assert (found["PATH"], found["RIGD_HOME"]) == ("/bin", str(tmp_path))
    assert panel.command(8866, Listening())[1:] == ["-m", "rigd.hosts.panel", "--port", "8866"]


def test_a_child_ends_when_asked_and_when_it_does_not_listen(tmp_path: Path) -> None:
    """It has a process session of its own; one that ignores SIGTERM is killed."""
    deaf = "import signal; signal.signal(15, signal.SIG_IGN); print('up', flush=True); input()"
    listening = Child([sys.executable, "-c", "import time; time.sleep(60)"], {}, tmp_path)
    assert listening.code is None
    listening.end()
    assert listening.code == -15
    stubborn = Child(
        [sys.executable, "-c", f"{deaf[:-7]}import time; time.sleep(60)"], {}, tmp_path
    )
    stubborn.end(patience_s=0.5)
    assert stubborn.code in {-9, -15}
