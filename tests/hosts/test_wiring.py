from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from rigd.core.errors import ConfigError
from rigd.core.events import NoteMade, SelfChecked, SessionResumed, SessionStarted, WindowPlanned
from rigd.core.values import Profile
from rigd.hosts import wiring
from rigd.hosts.plan import make_plan
from rigd.hosts.request import SessionRequest
from rigd.risk.kill_switch import LatchState
from rigd.store.chainlog import ChainLog
from rigd.store.journal import MemoryJournal
from tests.factories import settings
from tests.fakes.clock import FakeClock
from tests.hosts.homes import bot_of, demo
from tests.market.days import HEADER, MONDAY, row, write


@pytest.fixture
def opened(tmp_path):
    """Opens a session of two bars of SPY over a journal; call it again to take it up."""
    write(tmp_path / "bars" / "SPY.csv", HEADER, row(-1), row(0), row(1))
    bot = bot_of(demo(tmp_path / "home"))
    request = SessionRequest(data=str(tmp_path / "bars"), day=MONDAY.day, symbols=("SPY",))
    plan = make_plan(bot.settings, request)
    log = ChainLog.create(tmp_path / "truth.log", "truth", reserve_bytes=1 << 16)
    exchange = wiring.simulated_exchange(plan.settings, str(bot.identity), log)
    exchange.begin_session(plan.day.day, 1, plan.day.open)
    journal = MemoryJournal("x")

    async def open_it(epoch: int = 1):
        broker = wiring.simulated_broker(plan.settings, exchange, str(bot.identity))
        await broker.connect()
        start = wiring.Start(
            identity=bot.identity,
            profile=Profile.TEST,
            number=1,
            epoch=epoch,
            latch=LatchState(),
            save_latch=lambda _: None,
            code_digest="c" * 64,
        )
        commands = wiring.command_reader(None, FakeClock(), plan.settings)
        try:
            return await wiring.open_session(plan, start, broker, journal, commands)
        finally:
            await broker.close()

    yield lambda epoch=1: asyncio.run(open_it(epoch)), journal
    log.close()


def test_a_new_session_writes_down_what_it_runs_on(opened) -> None:
    """First who, which data, settings and limits; then drops, VIX, windows and self-checks."""
    open_it, journal = opened
    session = open_it()
    started = journal.entries()[0].record
    assert isinstance(started, SessionStarted)
    assert (started.bot, started.profile, started.replay) == (
        "RIGD_USA_SIM_01",
        Profile.TEST,
        True,
    )
    assert started.opening_cash == started.float_amount == Decimal(100_000)
    assert started.session_cap == Decimal(2000)
    assert (started.symbols, started.strategies) == (("SPY",), ("open", "mid", "close"))
    assert dict(started.limits)["max_trades"] == "4"
    assert dict(started.settings)["BROKER_CODE"] == "SIM"
    assert len({started.data_digest, started.config_digest, started.code_digest}) == 3
    kinds = [type(entry.record).__name__ for entry in journal.entries()]
    assert kinds.count("BarsDropped") == 1
    checks = [e.record for e in journal.entries() if isinstance(e.record, SelfChecked)]
    assert all(check.passed for check in checks)
    names = {check.name for check in checks}
    assert {"market.feed"} < names
    assert session.desk.float_amount == started.float_amount


def test_a_missing_vix_is_shown(opened) -> None:
    """A folder without VIX leaves a note, never a silent nothing."""
    open_it, journal = opened
    open_it()
    notes = [e.record.text for e in journal.entries() if isinstance(e.record, NoteMade)]
    assert "no VIX is known" in notes


def test_windows_are_on_record(opened) -> None:
    """Each strategy with its minutes since the open, as SPEC §3a counts them."""
    open_it, journal = opened
    open_it()
    planned = {
        e.record.strategy: e.record
        for e in journal.entries()
        if isinstance(e.record, WindowPlanned)
    }
    assert [planned[name].start for name in ("open", "mid", "close")] == [0, 150, 364]
    assert all(record.skipped == "" for record in planned.values())


def test_a_session_that_is_taken_up_does_not_start_again(opened) -> None:
    """One SessionStarted, then a SessionResumed that names its epoch and the last record."""
    open_it, journal = opened
    open_it()
    before = len(journal.entries())
    open_it(2)
    later = [entry.record for entry in journal.entries()[before:]]
    assert later[0] == SessionResumed(epoch=2, after_seq=before)
    assert not any(isinstance(record, SessionStarted) for record in later)


@pytest.mark.parametrize("day", [date(2013, 10, 5), date(2013, 12, 25), date(2013, 11, 28)])
def test_a_day_without_session_is_refused(day) -> None:
    """Weekend and holidays, with what to do."""
    with pytest.raises(ConfigError, match=day.isoformat()) as caught:
        wiring.session_day(day)
    assert "trading day" in caught.value.fix


def test_a_half_day_has_its_own_windows() -> None:
    """The day after Thanksgiving ends at 13:00: mid runs to 205, so close at 184 has no room."""
    day = wiring.session_day(date(2013, 11, 29))
    assert (day.half_day, day.minutes) == (True, 210)
    planned = {item.strategy: item for item in wiring.windows(settings(), day)}
    assert (planned["mid"].window.start, planned["mid"].window.end) == (150, 205)
    assert planned["close"].window is None
    assert "mid" in planned["close"].skipped


def test_changes_are_validated_as_a_whole() -> None:
    """MAX_TRADES and WEIGHTS change together; a half change is refused."""
    both = SessionRequest(overrides=(("MAX_TRADES", "1"), ("WEIGHTS", "1")))
    assert wiring.session_settings(settings(), both).max_trades == 1
    with pytest.raises(ConfigError, match="WEIGHTS"):
        wiring.session_settings(settings(), replace(both, overrides=(("MAX_TRADES", "1"),)))
    unchanged = settings()
    assert wiring.session_settings(unchanged, SessionRequest()) is unchanged


def test_a_failed_self_check_ends_the_start(tmp_path, monkeypatch) -> None:
    """A part that says no at launch stops the session before its first minute."""
    monkeypatch.setattr(wiring.screener, "self_check", failed_check)
    write(tmp_path / "bars" / "SPY.csv", HEADER, row(0))
    bot = bot_of(demo(tmp_path / "home"))
    request = SessionRequest(data=str(tmp_path / "bars"), day=MONDAY.day, symbols=("SPY",))
    plan = make_plan(bot.settings, request)
    log = ChainLog.create(tmp_path / "truth.log", "truth", reserve_bytes=1 << 16)
    exchange = wiring.simulated_exchange(plan.settings, "A", log)
    exchange.begin_session(plan.day.day, 1, plan.day.open)
    start = wiring.Start(
        identity=bot.identity,
        profile=Profile.TEST,
        number=1,
        epoch=1,
        latch=LatchState(),
        save_latch=lambda _: None,
        code_digest="c",
    )

    async def open_it() -> None:
        broker = wiring.simulated_broker(plan.settings, exchange, "A")
        await broker.connect()
        commands = wiring.command_reader(None, FakeClock(), plan.settings)
        await wiring.open_session(plan, start, broker, MemoryJournal(), commands)

    with pytest.raises(Exception, match="the pool is empty"):
        asyncio.run(open_it())
    log.close()


def failed_check(_: object):
    from rigd.core.values import SelfCheck  # noqa: PLC0415 - used once

    return SelfCheck(name="screener", passed=False, detail="the pool is empty")


def test_windows_are_told_in_exchange_time_and_utc(opened) -> None:
    """SPEC §2: resolved for the day and printed in both at the start; summer time in October."""
    open_it, journal = opened
    open_it()
    told = [
        entry.record.text
        for entry in journal.entries()
        if isinstance(entry.record, NoteMade) and entry.record.topic == "window"
    ]
    assert told[0].startswith("open: analysis 09:30 ET (13:30Z), breakout 09:50 ET (13:50Z)")
    assert len(told) == 3
