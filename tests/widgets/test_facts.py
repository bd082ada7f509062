"""Files as values: read again when they changed, unknown when they are broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rigd.core.lifecycle import BotState
from rigd.hosts.bot import provision_demo
from tests.widgets.world import BOT, SESSION, empty_world, world
from widgets.dashboard import Dashboard

if TYPE_CHECKING:
    from pathlib import Path


def test_an_empty_home_knows_nothing(tmp_path: Path) -> None:
    """Everything is blank, and nothing was made."""
    facts = empty_world(tmp_path).desk.facts
    assert facts.bot() is None
    assert facts.state() is None
    assert facts.books() is None
    assert facts.settings() == (None, "not known yet")
    assert (facts.status(), facts.entries(), facts.totals(), facts.testing()) == ({}, (), {}, "")
    assert (facts.trades(), facts.orders(), facts.funnels(), facts.session()) == ([], [], (), "")
    assert facts.proposals() == facts.versions() == facts.chart_versions() == []
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_home_of_a_session_is_known(tmp_path: Path) -> None:
    """Bot, state, session, journal and ages."""
    facts = world(tmp_path).desk.facts
    assert facts.bot() == BOT
    assert facts.state() is BotState.TRADING
    assert facts.session() == SESSION
    assert facts.beat_age_s() == 2.0
    assert {order.symbol for order in facts.orders()} == {"IBM", "SPY", "BAC"}
    assert [each.strategy for each in facts.funnels()][-1] == "total"


@pytest.mark.parametrize(
    ("changes", "mode"),
    [
        ({}, "TEST"),
        ({"profile": "PRODUCTION", "broker": "SIM"}, "PAPER"),
        ({"profile": "PRODUCTION", "broker": "ALPACA"}, "LIVE"),
        ({"profile": "PRODUCTION", "broker": "ALPACA", "test_mode": True}, "TEST"),
        ({"profile": ""}, "NOT SET UP"),
    ],
)
def test_the_mode_says_whether_money_is_at_stake(
    tmp_path: Path, changes: dict[str, object], mode: str
) -> None:
    """TEST for the profile and for dry runs, PAPER for the simulated broker, else LIVE."""
    made = world(tmp_path)
    made.status(**changes)
    assert made.desk.facts.mode() == mode


@pytest.mark.parametrize("content", ["", "{", "[]", '"x"', "nan"])
def test_a_broken_file_is_unknown(tmp_path: Path, content: str) -> None:
    """Half a file or another form is nothing known; the page goes on."""
    made = world(tmp_path)
    facts = made.desk.facts
    made.write("status.json", content)
    assert facts.status() == {}
    made.write("bot_state.txt", content)
    assert facts.state() is None


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """The newest content counts."""
    made = world(tmp_path)
    facts = made.desk.facts
    assert facts.status()["trades"] == 3
    made.status(trades=12)
    assert facts.status()["trades"] == 12


def test_a_changed_journal_is_not_shown(tmp_path: Path) -> None:
    """A journal whose chain is broken tells nothing."""
    made = world(tmp_path)
    path = made.home.bot(BOT).journals()[0]
    path.write_bytes(path.read_bytes().replace(b"IBM", b"XYZ", 1))
    assert made.desk.facts.entries() == ()


def test_flags_of_tests_are_known(tmp_path: Path) -> None:
    """A flag that lies there asks for its test."""
    made = world(tmp_path)
    (made.home.control / "test_mode_env_bot.flag").touch()
    assert made.desk.facts.testing() == "env_bot (asked for)"


def test_secrets_are_looked_at_and_never_opened(tmp_path: Path) -> None:
    """Whether a file exists is all that is known."""
    made = world(tmp_path)
    (made.home.env / "secrets").mkdir(parents=True)
    (made.home.env / "secrets" / "broker.json.enc").write_bytes(b"sealed")
    assert ("secrets/broker.json.enc", True) in made.desk.facts.secrets()


def test_errors_of_all_logs_are_gathered(tmp_path: Path) -> None:
    """Rows of level ERROR, oldest first."""
    made = world(tmp_path)
    made.write("main_bot.log", '{"timestamp":"2","level":"ERROR","message":"late"}\n')
    made.write("error_tracebacks.log", '{"timestamp":"1","level":"ERROR","message":"early"}\n')
    assert [line.text for line in made.desk.facts.troubles(9)] == ["early", "late"]


def test_a_journal_is_not_folded_at_every_look(tmp_path: Path) -> None:
    """Twenty open pages cost little: what is folded is kept for two seconds."""
    made = world(tmp_path)
    facts = made.desk.facts
    first = facts.orders()
    path = made.home.bot(BOT).journals()[0]
    path.write_bytes(b"")
    assert facts.orders() is first
    made.clock.advance(2.1)
    assert facts.orders() == []


def test_sealed_settings_are_read_where_the_key_is(tmp_path: Path) -> None:
    """In force where the key can be read; without it nothing is known of them here."""
    made = empty_world(tmp_path)
    provision_demo(made.home)
    settings, source = made.desk.facts.settings()
    assert source == "in force"
    assert settings.broker_code == "SIM"
    (made.home.env / "keys" / "env.key").unlink()
    assert made.desk.facts.settings() == (None, "not known yet")


def test_without_a_supervisor_an_old_state_is_not_shown(tmp_path: Path) -> None:
    """The dashboard says who is missing and what the session said last; stop and kill stay."""
    made = world(tmp_path)
    made.state("trading")
    made.home.resident_lease.unlink()
    assert made.desk.facts.state() is None
    page = made.page(Dashboard)
    assert "No supervisor; the last word of session" in page.banner.value
    assert "trading" not in page.figures.value.split("Heartbeat")[0]
    assert not page.stop.first.disabled
    assert not page.kill.press.disabled
