from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from rigd.core.errors import StorageError
from rigd.hosts import watch
from rigd.hosts.watch import (
    BUSY_S,
    CRASH_LOOP,
    RESTART_SPAN_S,
    START_S,
    EngineWatch,
    Restarts,
    Supervision,
)
from rigd.store.lease import LATE_S, Beat, Phase, Process, boot, born, read_lease
from tests.fakes.clock import FakeClock
from tests.hosts.homes import bot_of, demo


def beat(path, clock, phase, owner: Process | None = None) -> None:
    """One beat of an engine."""
    made = Beat(path, clock, life_s=10.0, epoch=1)
    if owner is not None:
        made._owner = owner
    made.beat(phase)


def test_a_trading_engine_is_missed_within_three_seconds(tmp_path) -> None:
    """Not before its beat is late, and with the watcher's step before three seconds are over."""
    clock, path = FakeClock(), tmp_path / "lease.json"
    seen = EngineWatch(path, clock)
    beat(path, clock, Phase.TRADING)
    clock.advance(LATE_S)
    assert seen.missing() == ""
    clock.advance(0.2)
    assert "no beat" in seen.missing()
    assert LATE_S + 0.2 < 3.0


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.FINISHING, Phase.ENDED])
def test_an_engine_that_does_not_trade_has_more_time(tmp_path, phase) -> None:
    """Books, report and seal may take their time, but not for ever."""
    clock, path = FakeClock(), tmp_path / "lease.json"
    seen = EngineWatch(path, clock)
    beat(path, clock, phase)
    clock.advance(BUSY_S)
    assert seen.missing() == ""
    clock.advance(0.1)
    assert "no beat" in seen.missing()


def test_a_dead_engine_is_missed_at_once(tmp_path) -> None:
    """Its process is gone, whatever its last beat said; one that had ended is not missed."""
    clock, path = FakeClock(), tmp_path / "lease.json"
    seen = EngineWatch(path, clock)
    dead = replace(Process.this(), born=1)
    beat(path, clock, Phase.TRADING, dead)
    assert "is gone" in seen.missing()
    beat(path, clock, Phase.ENDED, dead)
    assert seen.missing() == ""


def test_an_earlier_engines_beat_does_not_count(tmp_path) -> None:
    """A new run has its own time to start, whatever the last one left there."""
    clock, path = FakeClock(), tmp_path / "lease.json"
    beat(path, clock, Phase.TRADING)
    clock.advance(60.0)
    seen = EngineWatch(path, clock)
    assert seen.lease() is None
    assert seen.missing() == ""
    clock.advance(START_S + 0.1)
    assert "no beat within" in seen.missing()


def test_three_restarts_in_ten_minutes_are_allowed() -> None:
    """The next death is a crash loop; ten minutes later restarts are allowed again."""
    clock = FakeClock()
    restarts = Restarts(clock)
    assert [restarts.may_restart() for _ in range(4)] == [True, True, True, False]
    clock.advance(RESTART_SPAN_S)
    assert restarts.may_restart()


def test_the_supervisor_beats_and_is_not_heard_after_its_end(tmp_path) -> None:
    """The engine reads the lease; the end takes it away."""
    home = demo(tmp_path)
    tree = home.bot(bot_of(home).identity)
    tree.root.mkdir(parents=True)
    clock = FakeClock()
    guard = Supervision(tree, clock, life_s=10.0)
    guard.begin()
    first = read_lease(tree.supervisor)
    assert first is not None
    assert (first.phase, first.expires_s) == (Phase.WATCHING, clock.monotonic() + 10.0)
    clock.advance(1.0)
    assert not guard.look()
    again = read_lease(tree.supervisor)
    assert again is not None
    assert again.beat_s == first.beat_s + 1.0
    assert [guard.crash_loop() for _ in range(4)] == ["", "", "", CRASH_LOOP]
    guard.end()
    guard.end()
    assert read_lease(tree.supervisor) is None


def test_a_supervisor_that_cannot_beat_watches_on(tmp_path, monkeypatch) -> None:
    """A disk that refuses its beat blinds it for no engine that is gone."""
    home = demo(tmp_path)
    tree = home.bot(bot_of(home).identity)
    tree.root.mkdir(parents=True)

    def refuse(*_: object) -> None:
        raise StorageError("could not write it: no space left on device")

    monkeypatch.setattr(Beat, "beat", refuse)
    monkeypatch.setattr(watch, "remove", refuse)
    clock = FakeClock()
    guard = Supervision(tree, clock, life_s=10.0)
    guard.begin()
    clock.advance(START_S + 1.0)
    assert guard.look()
    assert "no beat" in guard.reason
    guard.end()


def test_a_hung_engine_is_ended_before_the_look_returns(tmp_path) -> None:
    """A real process that stopped beating: dead, and the reason is kept."""
    home = demo(tmp_path)
    tree = home.bot(bot_of(home).identity)
    tree.root.mkdir(parents=True)
    clock = FakeClock()
    guard = Supervision(tree, clock, life_s=10.0)
    guard.begin()
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:  # noqa: S603 - our own
        hung = Process(pid=child.pid, born=born(child.pid) or 0, boot=boot())
        beat(tree.lease, clock, Phase.TRADING, hung)
        assert not guard.look()
        clock.advance(LATE_S + 0.1)
        assert guard.look()
        assert not hung.lives
        child.wait()
    assert f"process {hung.pid}" in guard.reason
    guard.await_end()


def test_an_engine_that_outlives_its_notebook_may_close_by_itself(tmp_path, monkeypatch) -> None:
    """While it beats it is left alone for a while; then it is ended, so that none is left."""
    home = demo(tmp_path)
    tree = home.bot(bot_of(home).identity)
    tree.root.mkdir(parents=True)
    clock = FakeClock()
    guard = Supervision(tree, clock, life_s=10.0)
    guard.begin()
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:  # noqa: S603 - our own
        orphan = Process(pid=child.pid, born=born(child.pid) or 0, boot=boot())
        pause = clock.sleep

        def beating(seconds: float) -> None:
            pause(seconds)
            beat(tree.lease, clock, Phase.TRADING, orphan)

        monkeypatch.setattr(clock, "sleep", beating)
        beat(tree.lease, clock, Phase.TRADING, orphan)
        began = clock.monotonic()
        guard.await_end()
        assert watch.CLOSE_S <= clock.monotonic() - began < watch.CLOSE_S + 1.0
        assert not orphan.lives
        child.wait()
