"""How the bot is, from its files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rigd.config.choices import BrokerCode
from rigd.core.lifecycle import BotState
from rigd.hosts.bot_state import BotStateFile
from rigd.hosts.up import facts
from rigd.hosts.up.memory import Memory
from rigd.net.policies import Service
from rigd.store.files import make_folder
from rigd.store.lease import Beat, Phase
from rigd.store.paths import Home
from rigd.store.registry import Registry
from tests.fakes.clock import FakeClock
from tests.hosts.homes import bot_of, demo

if TYPE_CHECKING:
    from pathlib import Path


class Desk:
    """A home whose supervisor beats."""

    def __init__(self, root: Path) -> None:
        self.home = demo(root)
        self.clock = FakeClock()
        self.tree = self.home.bot(bot_of(self.home).identity)
        make_folder(self.tree.root)
        self.beat = Beat(self.home.resident_lease, self.clock, life_s=10.0)
        self.beat.beat(Phase.WATCHING)
        BotStateFile(self.home).write("idle")

    def part(self, name: str) -> facts.Part:
        (found,) = [
            part for part in facts.examine(self.home, self.clock).parts if part.name == name
        ]
        return found

    def run_engine(self, **status: object) -> Beat:
        """Let this process be an engine that trades."""
        beat = Beat(self.tree.lease, self.clock, life_s=10.0)
        beat.beat(Phase.TRADING)
        path = Registry(self.home, self.tree.identity).path("status.json")
        make_folder(path.parent)
        path.write_text(json.dumps({"risk_mode": "ACTIVE", "reason": "", **status}))
        return beat


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_bot_at_rest_is_well(desk: Desk) -> None:
    """No session and no channel are no fault."""
    health = facts.examine(desk.home, desk.clock)
    assert health.well
    assert health.as_fields()["status"] == "healthy"
    assert desk.part("engine").well is None


def test_an_old_beat_of_the_supervisor_is_ill(desk: Desk) -> None:
    """Five seconds; and none at all is ill too."""
    desk.clock.advance(5.0)
    assert desk.part("supervisor").well
    desk.clock.advance(0.1)
    assert not desk.part("supervisor").well
    desk.home.resident_lease.unlink()
    assert "rigd up" in desk.part("supervisor").detail


@pytest.mark.parametrize(
    ("state", "well"),
    [(s.value, s.value not in {"error", "shutdown", "shutdown_triggered"}) for s in BotState],
)
def test_each_state_is_well_or_not(desk: Desk, state: str, *, well: bool) -> None:
    """Error and the shutdown pair are not."""
    BotStateFile(desk.home).write(state)
    assert desk.part("bot").well is well


def test_an_engine_that_misses_its_beat_is_ill(desk: Desk) -> None:
    """2.5 s while it trades."""
    desk.run_engine()
    assert desk.part("engine").well
    desk.clock.advance(2.6)
    assert desk.part("engine").well is False


@pytest.mark.parametrize(
    ("status", "broker", "data"),
    [
        ({}, True, True),
        ({"risk_mode": "REDUCING", "reason": "broker down"}, False, True),
        ({"reason": "data down"}, True, False),
    ],
)
def test_a_session_tells_of_broker_and_data(
    desk: Desk, status: dict[str, str], *, broker: bool, data: bool
) -> None:
    """What the engine met is what the services are."""
    desk.run_engine(**status)
    assert (desk.part("broker SIM").well, desk.part("market data").well) == (broker, data)


def test_every_external_service_has_its_part(desk: Desk) -> None:
    """Q11: each broker, the feed, Finnhub and each channel; each kind of `net` is among them."""
    names = {part.name for part in facts.examine(desk.home, desk.clock).parts}
    assert {f"broker {code.value}" for code in BrokerCode} <= names
    assert {f"alerts {name}" for name in ("email", "slack", "sms", "pagerduty")} <= names
    of_kind = {Service.API: "finnhub", Service.IBKR: "broker IBKR", Service.SMTP: "alerts email"}
    assert set(of_kind) == set(Service)
    assert set(of_kind.values()) | {"market data"} <= names


def test_a_panel_that_is_gone_is_ill(desk: Desk) -> None:
    """One that was never started is not."""
    assert desk.part("panel").well is None
    Memory(desk.home, desk.clock).change(panel_pid=4_000_000, panel_born=1, panel_boot="b")
    assert desk.part("panel").well is False


def test_settings_that_cannot_be_read_are_ill(desk: Desk) -> None:
    """And say why; the rest is told all the same."""
    (desk.home.env / ".env_bot.enc").write_bytes(b"junk")
    assert desk.part("settings").well is False
    assert desk.part("supervisor").well


def test_an_empty_home_has_no_bot(tmp_path: Path) -> None:
    """Nothing is made by asking."""
    health = facts.examine(Home(tmp_path / "none"), FakeClock())
    assert not health.well
    assert not (tmp_path / "none").exists()


def test_a_dead_supervisor_is_told_and_its_last_word_is_not(desk: Desk) -> None:
    """A session that a flag ended meanwhile is no bot that trades (JUPYTER §7)."""
    BotStateFile(desk.home).write("trading")
    desk.run_engine(session="2013-10-07_1", state="stopped", positions=[]).beat(Phase.ENDED)
    desk.home.resident_lease.unlink()
    health = facts.examine(desk.home, desk.clock)
    assert health.as_fields()["state"] == ""
    assert desk.part("bot").well is False
    assert "2013-10-07_1: stopped, nothing held" in desk.part("bot").detail
