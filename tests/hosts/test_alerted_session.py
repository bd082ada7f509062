"""A whole session with real channels: told after the fill, silent in a dry run, no secret left."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from rigd.core.errors import ConfigError
from rigd.core.events import AlertRaised, FillRecorded
from rigd.hosts import finishing, keys, session
from rigd.hosts.bot import env_door, keyring
from rigd.hosts.configure import change_secret, change_settings
from rigd.hosts.notifying import try_channels
from rigd.reporting.alerts import SUMMARY
from rigd.vault.secrets import ALERTS, SecretStore
from tests.canaries import Canaries, files_below
from tests.fakes.clock import FakeClock
from tests.hosts.homes import ONE_SYMBOL, bot_of, demo, engine, short_report, wait_until
from tests.net.sinks import MailSink, serving

TOLD = replace(
    ONE_SYMBOL,
    overrides=(
        ("NOTIFY_ON_FILL", "true"),
        ("NOTIFY_ON_EXIT", "true"),
        ("ROUTINE_ALERT_CHANNEL", "email"),
        ("CRITICAL_ALERT_CHANNEL", "email"),
    ),
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(finishing, "report_html", short_report)
    return demo(tmp_path)


@pytest.fixture
def mail():
    with serving(MailSink()) as sink:
        yield sink


def set_up(home, mail, **more: str) -> None:
    fields = {
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(mail.port),
        "SMTP_SECURITY": "none",
        "EMAIL_TO": "ada@example.org",
    }
    change_secret(home, "alerts", fields | more, "a test", FakeClock())


def run(home, request):
    ran = engine(home, request)
    asyncio.run(ran.run())
    return ran


def test_fills_are_told_once_they_are_certain(home, mail, monkeypatch) -> None:
    """A6, A15: one mail for each alert on record, and each is on record after its executions."""
    monkeypatch.setattr("rigd.hosts.notifying.PATIENCE_S", 60.0)
    set_up(home, mail)
    entries = run(home, TOLD).entries()
    alerts = [entry for entry in entries if isinstance(entry.record, AlertRaised)]
    fills = [entry for entry in entries if isinstance(entry.record, FillRecorded)]
    assert alerts
    assert {entry.record.event for entry in alerts} == {"entry filled", "exit filled"}
    assert len(mail.mails) == len(alerts) + 1
    for entry in alerts:
        order = entry.record.text.partition(", order ")[2].rstrip(")")
        seqs = [fill.seq for fill in fills if fill.record.cl_ord_id == order]
        assert seqs
        assert max(seqs) < entry.seq
    rows = [json.loads(row) for row in (home.logs / "alerts.log").read_text().splitlines()]
    assert [row["sent"] for row in rows] == [True] * (len(alerts) + 1)
    *texts, last = [text for _, text in mail.mails]
    assert f"event: {SUMMARY}" in last
    assert all("ticker: FB" in text and "trade_size: " in text for text in texts)
    assert [text for text in texts if "PnL: -\r\n" not in text]


def test_a_session_that_is_terminated_sends_its_summary(home, mail, monkeypatch) -> None:
    """N17: SIGTERM closes the session gracefully, and the last mail says how it ended."""
    monkeypatch.setattr("rigd.hosts.notifying.PATIENCE_S", 60.0)
    set_up(home, mail)
    handle = session.start(str(home.root), replace(TOLD, speed=60.0).to_json())
    wait_until(lambda: handle.status().get("session"))
    signal.raise_signal(signal.SIGTERM)
    closed = handle.wait().entries[-1].record
    assert closed.flat
    *_, (to, text) = mail.mails
    assert to == ["ada@example.org"]
    assert f"event: {SUMMARY}" in text
    assert f"{closed.status}, {closed.exit_reason}, flat: {closed.trades} trades" in text


def test_a_dry_run_tells_nobody(home, mail) -> None:
    """A16: the same session as a dry run sends nothing and leaves no row."""
    set_up(home, mail)
    ran = run(home, replace(TOLD, test_mode=True))
    assert [entry for entry in ran.entries() if isinstance(entry.record, FillRecorded)]
    assert mail.mails == []
    assert not (home.logs / "alerts.log").exists()


def test_a_session_without_a_mail_server_ends_as_one_with_it(home, tmp_path) -> None:
    """A12: degraded, never fatal: the same trades, and the rows say that nothing was sent."""
    fields = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": "1", "SMTP_SECURITY": "none"}
    change_secret(home, "alerts", fields | {"EMAIL_TO": "a@b.de"}, "", FakeClock())
    ran = run(home, TOLD)
    quiet = run(demo(tmp_path / "quiet"), TOLD)
    assert [entry.record for entry in ran.entries() if isinstance(entry.record, FillRecorded)] == [
        entry.record for entry in quiet.entries() if isinstance(entry.record, FillRecorded)
    ]
    rows = [json.loads(row) for row in (home.logs / "alerts.log").read_text().splitlines()]
    assert {row["sent"] for row in rows} == {False}


def test_no_canary_is_left_anywhere(home, mail, monkeypatch, capfd) -> None:
    """I-22: a canary in every secret field; 0 hits in five encodings, after a session, changes,
    refusals and rotations, in each file, in what was printed and in command lines.
    """
    monkeypatch.setattr("rigd.hosts.notifying.PATIENCE_S", 60.0)
    canaries = Canaries()
    set_up(home, mail, **canaries.fields("alerts"))
    run(home, TOLD)
    clock = FakeClock()
    bot = bot_of(home)
    try_channels(home, bot.identity, "TEST", clock)
    refusals = []
    for secret in ("broker", "screener_api", "acct_api_credentials"):
        with pytest.raises(ConfigError) as refused:
            change_secret(home, secret, canaries.fields(secret), "refused", clock)
        refusals.append(str(refused.value))
    store = SecretStore(env_door(home), keyring(home))
    for secret in ("broker", "screener_api", "acct_api_credentials"):
        content = json.dumps(canaries.fields(secret)).encode()
        keys.exchange(home, clock, "test", "planted", {f"secrets/{secret}.json.enc": content})
    last = canaries.fields("alerts")
    change_secret(home, "alerts", last, "again", clock)
    keys.rotate_keys(home, clock, "a test")
    wrong = {name: text + "\n\x00" for name, text in canaries.fields("alerts").items()}
    with pytest.raises(ConfigError) as refused:
        change_secret(home, "alerts", wrong, "wrong", clock)
    refusals.append(str(refused.value))
    for secret in ("broker", "screener_api", "acct_api_credentials"):
        keys.exchange(home, clock, "test", "emptied", {f"secrets/{secret}.json.enc": b"{}\n"})
    change_settings(bot_of(home), {"MAX_PRICE": "77"}, "a test", clock)

    assert len(canaries.names) >= 40
    assert last["SMTP_PASSWORD"] in json.loads(store.read(ALERTS)).values()
    printed = capfd.readouterr()
    places = files_below(home.root)
    places += [("printed", (printed.out + printed.err).encode()), ("told", str(refusals).encode())]
    places += [("cmdline", Path(f"/proc/{os.getpid()}/cmdline").read_bytes())]
    assert len(places) > 40
    assert canaries.hits(places) == []


def test_the_thread_ends_with_the_session(home, mail) -> None:
    """No thread is left to hold the process."""
    set_up(home, mail)
    run(home, TOLD)
    assert not [each for each in threading.enumerate() if each.name == "alerts"]
