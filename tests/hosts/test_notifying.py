"""Alerts reach their channels, survive a crash, escalate, and never fail the session."""

from __future__ import annotations

import json
import threading
from types import SimpleNamespace

import pytest

from rigd.config.choices import AlertChannel
from rigd.core.errors import ConfigError, SecretError
from rigd.core.events import AlertRaised, Entry
from rigd.hosts import notifying
from rigd.hosts.configure import change_secret
from rigd.hosts.notifying import Notifier, acknowledge, setup_of, try_channels
from rigd.net.channels import Channels, Sent
from rigd.reporting.alerts import AlertFold, Silence
from tests.fakes.clock import START, FakeClock
from tests.hosts.homes import bot_of, demo
from tests.net.sinks import MailSink, WebSink, serving

SETUP = {
    "SMTP_HOST": "127.0.0.1",
    "EMAIL_TO": "ada@example.org",
    "PAGERDUTY_KEY": "canary-pagerduty-key-0123456789ab",
}
EMAIL = AlertChannel.EMAIL


@pytest.fixture
def home(tmp_path):
    return demo(tmp_path)


class Place:
    """A session's notifier with channels that keep what they get."""

    def __init__(self, home, *, setup=SETUP, critical=EMAIL, routine=EMAIL, ok=True) -> None:
        self.home = home
        self.identity = bot_of(home).identity
        self.clock = FakeClock()
        self.sent: list[tuple[str, str]] = []
        self.stops: list[str] = []
        self.ok = ok
        self.setup = setup
        self.settings = SimpleNamespace(
            critical_alert_channel=critical, routine_alert_channel=routine, notify_on_failure=True
        )
        self.again()

    def again(self, session: str = "2024-03-04_1") -> None:
        """Begin anew, as after a crash."""
        self.notifier = Notifier(
            self.home,
            self.identity,
            AlertFold(session, str(self.identity), "TEST"),
            session,
            self.clock,
            lambda: self.settings,
            lambda: self.setup,
            self.stops.append,
            self._send,
        )

    def _send(self, _channels, channel, message) -> tuple[Sent, ...]:
        if isinstance(self.ok, Exception):
            raise self.ok
        self.sent.append((channel, message.fields["event"]))
        return (Sent("a…@example.org", self.ok, "sent" if self.ok else "refused"),)

    def alert(self, event: str = "broker down", *, critical: bool = True, seq: int = 7) -> None:
        record = AlertRaised(critical=critical, event=event, text="silent for 15 s")
        self.notifier.advance(Entry(seq, START, record, "0" * 64))

    def rows(self) -> list[dict]:
        path = self.home.logs / "alerts.log"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_critical_alert_is_sent_and_logged(home) -> None:
    """A9: one sending, one row; a second look sends nothing again."""
    place = Place(home)
    place.alert()
    place.notifier.look()
    place.notifier.look()
    assert place.sent == [("email", "broker down")]
    (row,) = place.rows()
    assert (row["alert"], row["channel"], row["sent"]) == ("2024-03-04_1-7", "email", True)


@pytest.mark.parametrize("ok", [False, OSError("canary"), SecretError("canary")])
def test_a_channel_that_fails_leaves_a_row_and_fails_nobody(home, ok) -> None:
    """A9, A12: the row is there even when the sending raises."""
    place = Place(home, ok=ok)
    place.alert()
    place.notifier.look()
    assert [row["sent"] for row in place.rows()] == [False]
    assert "canary" not in str(place.rows())


def test_without_a_channel_nothing_is_written(home) -> None:
    """A10: the journal and its logs have the alert, and that is all."""
    place = Place(home, critical=None, routine=None)
    place.alert()
    place.alert(critical=False, seq=8)
    place.notifier.look()
    assert place.sent == []
    assert not (home.logs / "alerts.log").exists()
    assert not (home.bot(place.identity).root / "alerts.json").exists()


def test_escalation_of_what_nobody_acknowledges(home) -> None:
    """A11, X10: after 60 s the next channel and no entries; after 5 min one stop."""
    place = Place(home, ok=False)
    place.alert()
    place.notifier.look()
    assert (place.sent, place.notifier.silence) == ([("email", "broker down")], Silence.HEARD)
    place.clock.advance(59)
    place.notifier.look()
    assert (len(place.sent), place.notifier.silence) == (1, Silence.HEARD)
    place.clock.advance(1)
    place.notifier.look()
    assert place.sent[1:] == [("pagerduty", "broker down")]
    assert place.notifier.silence is Silence.NO_ENTRIES
    assert place.stops == []
    place.clock.advance(240)
    place.notifier.look()
    place.notifier.look()
    assert place.notifier.silence is Silence.STOP
    assert place.stops == ["nobody acknowledged 2024-03-04_1-7 for 5 minutes"]
    assert len(place.sent) == 2


def test_an_acknowledged_alert_goes_no_further(home) -> None:
    """Its number, by somebody, in the audit; entries are taken again."""
    place = Place(home)
    place.alert()
    place.notifier.look()
    place.clock.advance(61)
    place.notifier.look()
    assert place.notifier.silence is Silence.NO_ENTRIES
    acknowledge(home, "2024-03-04_1-7", "ada", place.clock)
    place.notifier.look()
    assert place.notifier.silence is Silence.HEARD
    place.clock.advance(600)
    place.notifier.look()
    assert (len(place.sent), place.stops) == (2, [])
    audited = (home.logs / "operator_audit.log").read_text()
    assert "alert_acknowledged" in audited


@pytest.mark.parametrize("number", ["", "7", "../x", "2024-03-04_1-7\n", "2024-03-04_1-"])
def test_only_a_number_of_an_alert_is_acknowledged(home, number) -> None:
    """Nothing else reaches a log."""
    with pytest.raises(ConfigError, match="must be named by its number"):
        acknowledge(home, number, "ada", FakeClock())
    assert not (home.logs / "alerts_acknowledged.json").exists()


def test_a_routine_alert_is_done_with_once_sent(home) -> None:
    """It waits for nobody."""
    place = Place(home)
    place.alert("entry filled", critical=False)
    place.notifier.look()
    place.clock.advance(1000)
    place.notifier.look()
    assert place.sent == [("email", "entry filled")]
    assert place.notifier.silence is Silence.HEARD


def test_what_a_crash_left_unsent_is_sent_once(home) -> None:
    """Raised before the crash and not sent: the next run reads it off the journal, and sends it."""
    place = Place(home)
    place.alert()
    place.again()
    place.alert()
    place.notifier.look()
    assert len(place.sent) == 1
    place.again()
    place.alert()
    place.notifier.look()
    assert len(place.sent) == 1


def test_what_an_earlier_session_left_pending_does_not_stop_this_one(home) -> None:
    """It was told; its silence is over with its session."""
    place = Place(home)
    place.alert()
    place.notifier.look()
    place.clock.advance(10_000)
    place.again("2024-03-05_1")
    place.notifier.look()
    assert place.notifier.silence is Silence.HEARD
    assert place.stops == []


def test_a_full_queue_never_blocks_and_is_told(home, monkeypatch) -> None:
    """The engine goes on; the row says how many."""
    monkeypatch.setattr(notifying, "QUEUE", 2)
    place = Place(home)
    for seq in range(5):
        place.alert(seq=seq + 1)
    place.notifier.look()
    assert len(place.sent) == 2
    assert "3 alert(s) found the queue full" in place.rows()[0]["why"]


def test_a_pending_list_that_is_broken_is_set_aside(home) -> None:
    """A row says so, and alerts are sent."""
    place = Place(home)
    path = home.bot(place.identity).root / "alerts.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"pending": [{"alert": 1}]}')
    place.again()
    place.alert()
    place.notifier.look()
    assert len(place.sent) == 1
    assert "cannot be read" in place.rows()[0]["why"]


def test_channels_that_do_not_open_are_a_row(home) -> None:
    """The alert stays pending."""
    place = Place(home)

    def broken() -> dict[str, str]:
        msg = "canary"
        raise SecretError(msg)

    place.notifier._setup = broken
    place.alert()
    place.notifier.look()
    assert place.rows()[0]["why"] == "cannot be read: SecretError"
    assert "canary" not in str(place.rows())


def test_a_channel_that_hangs_holds_nobody_up(home) -> None:
    """The engine's calls return while the thread waits for the channel; so does the end."""
    place = Place(home)
    entered, free = threading.Event(), threading.Event()

    def hang(*_: object) -> tuple[Sent, ...]:
        entered.set()
        free.wait(10)
        return (Sent("x", ok=True, why="sent"),)

    place.notifier._send = hang
    place.notifier.start()
    place.alert()
    assert entered.wait(10)
    for seq in range(8, 20):
        place.alert(seq=seq)
    free.set()
    place.notifier.close()
    assert len(place.rows()) == 13


def test_a_trial_alert_reaches_real_sinks(home) -> None:
    """The channels as they lie sealed in alerts.json.enc; what came of each."""
    with serving(MailSink()) as mail, serving(WebSink()) as web:
        fields = {
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(mail.port),
            "SMTP_SECURITY": "none",
            "EMAIL_TO": "bad@example.org, ada@example.org",
            "PAGERDUTY_KEY": "k" * 32,
            "PAGERDUTY_URL": f"{web.url}/v2/enqueue",
        }
        change_secret(home, "alerts", fields, "a test", FakeClock())
        assert setup_of(home) == fields
        bot = bot_of(home)
        found = try_channels(home, bot.identity, "TEST", FakeClock())
    assert {name: [each.ok for each in sent] for name, sent in found.items()} == {
        "email": [False, True],
        "pagerduty": [True],
    }
    assert [to for to, _ in mail.mails] == [["ada@example.org"]]
    assert len(web.posts) == 1
    assert Channels(fields).there == ("email", "pagerduty")


def test_the_plain_files_mail_server_serves_where_none_is_sealed(home) -> None:
    """Y40: SMTP_* of env/.env; sealed fields of a server of their own are never mixed with it."""
    assert setup_of(home) == {}
    plain = home.env / ".env"
    plain.write_text("SMTP_HOST=mail.example.org\nSMTP_USER=ada\nSMTP_PASSWORD=canary-4711\n")
    plain.chmod(0o600)
    change_secret(home, "alerts", {"EMAIL_TO": "bob@example.org"}, "a test", FakeClock())
    assert setup_of(home) == {
        "SMTP_HOST": "mail.example.org",
        "SMTP_PORT": "587",
        "SMTP_SECURITY": "starttls",
        "SMTP_USER": "ada",
        "SMTP_PASSWORD": "canary-4711",
        "EMAIL_TO": "bob@example.org",
    }
    assert Channels(setup_of(home)).there == ("email",)
    change_secret(home, "alerts", {"SMTP_HOST": "other.example.org"}, "a test", FakeClock())
    assert setup_of(home) == {"SMTP_HOST": "other.example.org", "EMAIL_TO": "bob@example.org"}
