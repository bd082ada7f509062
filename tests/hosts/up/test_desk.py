"""What the supervisor does for a person of the panel."""

from __future__ import annotations

import json
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from rigd.access.requests import REQUESTS, Request
from rigd.access.roles import Action
from rigd.config.choices import AlertChannel
from rigd.core.errors import ConfigError, LedgerError
from rigd.core.events import AlertRaised, Entry
from rigd.engine.asking import Reply
from rigd.hosts.chart_of_accounts import versions
from rigd.hosts.confirmations import Confirmations
from rigd.hosts.latch import read_defense, read_latch, state_text
from rigd.hosts.notifying import Notifier, setup_of
from rigd.hosts.up import desk
from rigd.ledger.chart_versions import TEMPLATE, document
from rigd.net.channels import Sent
from rigd.reporting.alerts import AlertFold, Silence
from rigd.risk.kill_switch import Cause, LatchState
from rigd.store.files import make_folder, replace
from rigd.store.locks import SessionLock
from rigd.vault.secrets import ENV_BOT
from tests.fakes.clock import START, FakeClock
from tests.hosts.homes import bot_of, demo
from tests.hosts.test_confirmations import QUESTION

if TYPE_CHECKING:
    from pathlib import Path

    from rigd.store.paths import Home


CANARY = "canary-smtp-password-0123456789"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return demo(tmp_path)


def asked(action: Action, why: str = "because", **payload: str) -> Request:
    return Request(
        number="1" * 32,
        action=action,
        by="olga",
        session="ad" * 32,
        why=why,
        payload=MappingProxyType(payload),
    )


def audit(home: Home) -> list[dict[str, object]]:
    path = home.logs / "operator_audit.log"
    return [json.loads(x) for x in path.read_text().splitlines()] if path.exists() else []


def test_settings_are_changed_in_the_persons_name(home: Home) -> None:
    """U12, H2: validated as a whole, saved at once; one row of the audit says who."""
    told = desk.do(
        home, asked(Action.EDIT_SETTINGS, MAX_TRADES="2", WEIGHTS="0.6,0.4"), FakeClock()
    )
    assert "MAX_TRADES 4 → 2" in told
    assert bot_of(home).settings.max_trades == 2
    (row,) = audit(home)
    assert (row["event"], row["by"], row["reason"]) == ("settings_changed", "olga", "because")


def test_wrong_settings_change_nothing(home: Home) -> None:
    """Every error is told, and nothing is written."""
    with pytest.raises(ConfigError, match="MAX_TRADES"):
        desk.do(home, asked(Action.EDIT_SETTINGS, MAX_TRADES="many"), FakeClock())
    assert audit(home) == []


def test_the_kill_switch_is_released_by_the_person_who_asked(home: Home) -> None:
    """With a reason alone."""
    bot = bot_of(home)
    tree = home.bot(bot.identity)
    make_folder(tree.root)
    tripped = LatchState(tripped=True, cause=Cause.KILLED, detail="fire")
    replace(tree.risk_state, state_text(tripped, bot.profile))
    with pytest.raises(ConfigError, match="reason"):
        desk.do(home, asked(Action.RESET_KILL, why=""), FakeClock())
    desk.do(home, asked(Action.RESET_KILL), FakeClock())
    assert not read_latch(tree.risk_state).tripped
    assert [(row["event"], row["by"]) for row in audit(home)] == [("risk_reset", "olga")]


def test_defense_mode_is_switched_between_and_during_sessions(home: Home) -> None:
    """Its state where no session runs, its key where one does."""
    bot, clock = bot_of(home), FakeClock()
    tree = home.bot(bot.identity)
    assert desk.do(home, asked(Action.DEFENSE, on="true"), clock) == "defense mode is on"
    assert read_defense(tree.defense_state).on
    with SessionLock(tree.lock, what="session", clock=clock):
        desk.do(home, asked(Action.DEFENSE, on="true"), clock)
    assert bot_of(home).settings.defense_mode_active
    with pytest.raises(ConfigError, match="true or false"):
        desk.do(home, asked(Action.DEFENSE, on="yes"), clock)


def test_keys_are_exchanged(home: Home) -> None:
    """Every secret opens with the new key and none with the old one; the row says who."""
    key = home.env / "keys" / "env.key"
    before, sealed = key.read_bytes(), (home.env / ENV_BOT).read_bytes()
    told = desk.do(home, asked(Action.ROTATE_KEYS), FakeClock())
    assert told.startswith("every secret is sealed with the new key")
    assert key.read_bytes() != before
    assert (home.env / ENV_BOT).read_bytes() != sealed
    assert bot_of(home).settings.max_trades == 4
    (row,) = audit(home)
    assert (row["by"], row["reason"]) == ("olga", "because")


def test_a_secret_is_changed_and_no_value_is_told(home: Home) -> None:
    """The field is sealed in its file; neither the answer nor the audit holds what it is."""
    fields = {"SMTP_HOST": "127.0.0.1", "EMAIL_TO": "ada@example.org", "SMTP_PASSWORD": CANARY}
    told = desk.do(
        home, asked(Action.EDIT_CONFIGURATION, **{desk.SECRET: "alerts"} | fields), FakeClock()
    )
    assert setup_of(home)["SMTP_PASSWORD"] == CANARY
    (row,) = audit(home)
    assert row["by"] == "olga"
    assert CANARY not in f"{told}{row}"
    with pytest.raises(ConfigError):
        desk.do(
            home, asked(Action.EDIT_CONFIGURATION, **{desk.SECRET: "../x", "A": "b"}), FakeClock()
        )
    assert len(audit(home)) == 1


def test_an_acknowledged_alert_escalates_no_further(home: Home) -> None:
    """A11: the running session hears of it; entries are taken again and nothing stops."""
    clock, sent, stops = FakeClock(), [], []
    bot = bot_of(home)

    def send(_channels: object, channel: str, _message: object) -> tuple[Sent, ...]:
        sent.append(channel)
        return (Sent("ada", ok=True, why="sent"),)

    notifier = Notifier(
        home,
        bot.identity,
        AlertFold("2024-03-04_1", str(bot.identity), "TEST"),
        "2024-03-04_1",
        clock,
        lambda: SimpleNamespace(
            critical_alert_channel=AlertChannel.EMAIL,
            routine_alert_channel=None,
            notify_on_failure=True,
        ),
        lambda: {"SMTP_HOST": "127.0.0.1", "EMAIL_TO": "a@example.org", "PAGERDUTY_KEY": "k" * 32},
        stops.append,
        send,
    )
    record = AlertRaised(critical=True, event="broker down", text="silent for 15 s")
    notifier.advance(Entry(7, START, record, "0" * 64))
    notifier.look()
    clock.advance(61)
    notifier.look()
    assert notifier.silence is Silence.NO_ENTRIES
    (waits,) = json.loads((home.bot(bot.identity).root / "alerts.json").read_text())["pending"]
    number = waits["alert"]["number"]
    desk.do(home, asked(Action.ACKNOWLEDGE_ALERT, alert=number), clock)
    clock.advance(600)
    notifier.look()
    assert notifier.silence is Silence.HEARD
    assert (sent, stops) == (["email", "pagerduty"], [])
    (row,) = audit(home)
    assert (row["event"], row["by"], row["alert"]) == ("alert_acknowledged", "olga", number)


def test_a_version_of_the_chart_is_saved(home: Home) -> None:
    """G14: it is in force at once, with its author."""
    held = json.loads(document(TEMPLATE)) | {"version": 2, "follows": 1}
    held["accounts"].append({"number": 5095, "name": "Audit fees"})
    desk.do(home, asked(Action.EDIT_CHART, version=json.dumps(held)), FakeClock())
    newest = versions(home)[0]
    assert (newest.version, newest.by, newest.find(5095).name) == (2, "olga", "Audit fees")
    with pytest.raises(LedgerError):
        desk.do(home, asked(Action.EDIT_CHART, version=json.dumps(held)), FakeClock())
    assert [(row["event"], row["by"]) for row in audit(home)] == [("chart_changed", "olga")]


def test_an_entry_that_waits_is_answered(home: Home) -> None:
    """The session reads the answer; a second one is refused."""
    clock, bot = FakeClock(), bot_of(home)
    session = Confirmations(home, bot.identity, clock)
    session.ask(QUESTION)
    desk.do(home, asked(Action.CONFIRM_TRADE, candidate=QUESTION.number, answer="yes"), clock)
    assert session.reply(QUESTION.number) is Reply.YES
    with pytest.raises(ConfigError, match="somebody did before"):
        desk.do(home, asked(Action.CONFIRM_TRADE, candidate=QUESTION.number, answer="no"), clock)
    (row,) = audit(home)
    assert (row["event"], row["by"], row["answer"]) == ("trade_answered", "olga", "yes")


def test_what_is_no_request_is_refused(home: Home) -> None:
    """Nothing is done, and the answer says so; every request has its effect."""
    with pytest.raises(ConfigError, match="must know how to"):
        desk.do(home, asked(Action.VIEW_STATUS), FakeClock())
    assert set(desk.EFFECTS) == REQUESTS
    assert audit(home) == []
