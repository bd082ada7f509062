"""Where the bot stands: the supervisor's word while it lives, the engine's own without it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rigd.core.lifecycle import BotState
from rigd.core.values import BotIdentity
from rigd.reporting.standing import standing
from rigd.store.files import make_folder
from rigd.store.lease import Beat, Phase, Process
from rigd.store.paths import Home
from rigd.store.registry import Registry
from tests.fakes.clock import FakeClock

if TYPE_CHECKING:
    from pathlib import Path

BOT = BotIdentity(entity_code="RIGD", jurisdiction_code="USA", broker_code="SIM", bot_id="01")
DEAD = replace(Process.this(), born=1)
"""A process that had this one's number."""


class Left:
    """A home with what processes left in it."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.clock = FakeClock()
        for folder in (self.home.control, self.home.bot(BOT).root):
            make_folder(folder)

    def said(self, word: str) -> Left:
        Registry(self.home).path("bot_state.txt").write_text(f"{word}\n")
        return self

    def supervisor(self, owner: Process | None = None) -> Left:
        self._beat(self.home.resident_lease, Phase.WATCHING, owner)
        return self

    def engine(self, phase: Phase, owner: Process | None = None) -> Left:
        self._beat(self.home.bot(BOT).lease, phase, owner)
        return self

    def status(self, state: str, held: int = 0, pid: int = 0) -> Left:
        path = Registry(self.home, BOT).path("status.json")
        make_folder(path.parent)
        fields = {"session": "2013-10-07_1", "state": state, "pid": pid or os.getpid()}
        path.write_text(json.dumps(fields | {"positions": [{}] * held}))
        return self

    def _beat(self, path: Path, phase: Phase, owner: Process | None) -> None:
        made = Beat(path, self.clock, life_s=10.0)
        if owner is not None:
            made._owner = owner
        made.beat(phase)


@pytest.fixture
def left(tmp_path: Path) -> Left:
    return Left(tmp_path)


@pytest.mark.parametrize("state", BotState)
def test_a_supervisor_that_lives_is_believed(left: Left, state: BotState) -> None:
    """Its file has one writer, and nothing is added."""
    left.said(state).supervisor().status("trading", held=1)
    assert standing(left.home, BOT) == (state, "")


def test_a_session_that_ended_after_its_supervisor_is_not_trading(left: Left) -> None:
    """Stopped by a flag while the supervisor was dead: who is missing, and what was said last."""
    left.said("trading").supervisor(DEAD).engine(Phase.ENDED, DEAD).status("stopped")
    told = "no supervisor; the last word of session 2013-10-07_1: stopped, nothing held"
    assert standing(left.home, BOT) == (None, told)


def test_an_engine_that_died_too_leaves_what_it_held(left: Left) -> None:
    """Nobody trades, and nobody closes either."""
    left.said("monitoring").engine(Phase.TRADING, DEAD).status("monitoring", held=2)
    state, told = standing(left.home, BOT)
    assert state is None
    assert told.endswith("monitoring, 2 positions held")


def test_an_engine_that_lives_speaks_for_itself(left: Left) -> None:
    """Its own state, whatever the old word; the status of an earlier one is not its own."""
    left.said("trading").supervisor(DEAD).engine(Phase.TRADING)
    left.status("graceful_closing_positions")
    state, told = standing(left.home, BOT)
    assert state is BotState.GRACEFUL_CLOSING
    assert told == "no supervisor; the engine of session 2013-10-07_1 goes on by itself"
    left.status("idle", pid=1)
    assert standing(left.home, BOT) == (None, "no supervisor; an engine starts")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("registration", "registration"),
        ("idle", None),
        ("updating", None),
        ("emergency_closing_positions", None),
        ("stopped", "stopped"),
        ("error", "error"),
        ("shutdown", "shutdown"),
        ("nonsense", None),
    ],
)
def test_what_needs_a_process_is_not_said_without_one(
    left: Left, said: str, shown: str | None
) -> None:
    """A bot that was stopped, failed or was shut down stays it."""
    assert standing(left.said(said).home, BOT) == (shown, "no supervisor")
    assert standing(left.home, None) == (shown, "no supervisor")


def test_files_that_are_missing_or_broken_say_nothing(left: Left, tmp_path: Path) -> None:
    """An empty home; a status that is half written."""
    assert standing(Home(tmp_path / "none"), BOT) == (None, "no supervisor")
    left.said("trading").status("x")
    Registry(left.home, BOT).path("status.json").write_text('{"session": "2013')
    assert standing(left.home, BOT) == (None, "no supervisor")
