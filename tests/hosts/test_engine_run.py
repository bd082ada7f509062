from __future__ import annotations

import asyncio
import csv
import errno
import gzip
import io
import json
import os
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from rigd.config.inverse_etfs import FILE, SHIPPED, change_inverse_etfs, parse_inverse_etfs
from rigd.core.errors import AlreadyRunning, ConfigError, LedgerError, StorageError
from rigd.core.events import (
    CancelIntent,
    CandidateJudged,
    Command,
    CommandObeyed,
    FillRecorded,
    NoteMade,
    OrderIntent,
    Outcome,
    SessionClosed,
    SessionResumed,
    SettingsChanged,
    judgements,
)
from rigd.core.lifecycle import BotState
from rigd.core.readings import RiskFree
from rigd.core.values import Bar, Profile, SelfCheck, Side
from rigd.hosts import finishing, records
from rigd.hosts.bot import env_door
from rigd.hosts.configure import change_settings
from rigd.hosts.confirmations import answer
from rigd.hosts.engine_run import EngineRun, without_key_id
from rigd.hosts.latch import read_defense, read_latch, state_text
from rigd.hosts.replay import NAP_S
from rigd.hosts.request import SessionRequest
from rigd.reporting.funnel import why
from rigd.reporting.session_summary import SummaryInputs, session_summary
from rigd.risk.defense_mode import DefenseState
from rigd.risk.kill_switch import Cause, LatchState
from rigd.store.control import ControlFolder
from rigd.store.files import storage_errors
from rigd.store.locks import SessionLock
from rigd.store.paths import Home
from rigd.store.registry import Registry
from rigd.store.rotation import LineLog
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.hosts.homes import (
    ONE_SYMBOL,
    SAMPLE,
    THAT_TRADES,
    VERSION_FILE,
    Crash,
    WatchingClock,
    bot_of,
    demo,
    engine,
    fields,
    listing,
    real_days,
    run,
    short_report,
)
from tests.market.days import write
from tests.shared import shared_path
from tests.strategy.days import days_of, inverse_of

if TYPE_CHECKING:
    from pathlib import Path

DAYS = (4, 7, 8)
SLOW = replace(ONE_SYMBOL, speed=600.0)


def closing_of(ran: EngineRun) -> SessionClosed:
    closed = ran.entries()[-1].record
    assert isinstance(closed, SessionClosed)
    return closed


def books_of(home) -> list[str]:
    with closing(sqlite3.connect(home.bot(bot_of(home).identity).ledger_db)) as books:
        return list(books.iterdump())


@pytest.fixture(scope="module", autouse=True)
def _short_report():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finishing, "report_html", short_report)
        yield


# ---- real bars ----


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The three real days in one home, with thresholds that trade."""
    home = demo(tmp_path_factory.mktemp("real"))
    data = shared_path("data")
    return home, {day: run(home, real_days(data, day, *THAT_TRADES))[0] for day in DAYS}


def trades_of(ran: EngineRun) -> list[dict]:
    content = (ran.place.folder / "trade_history.json").read_text()
    return json.loads(content, parse_float=Decimal, parse_int=Decimal)


def bar_rows(symbol: str) -> dict[str, dict[str, str]]:
    """The bars of a file as they lie, by stamp."""
    path = shared_path("data", "equity_minute", f"{symbol}_trade_20131004_20131008.csv.gz")
    with gzip.open(path, "rt") as lines:
        return {row["ts_utc"]: row for row in csv.DictReader(lines)}


def test_each_strategy_trades_on_the_real_days(real) -> None:
    """Over the three days open, mid and close each make at least one trade."""
    _, days = real
    made = {row["strategy_name"] for ran in days.values() for row in trades_of(ran)}
    assert made == {"open", "mid", "close"}
    assert {closing_of(ran).exit_code for ran in days.values()} == {0}


def test_each_price_lies_inside_its_bar(real) -> None:
    """Entry and exit prices are between low and high of the bar that they are stamped with."""
    _, days = real
    for ran in days.values():
        for row in trades_of(ran):
            bars = bar_rows(row["ticker"])
            for side in ("entry", "exit"):
                bar = bars[row[f"{side}_timestamp"]]
                assert Decimal(bar["low"]) <= row[f"{side}_price"] <= Decimal(bar["high"])


def test_one_trade_a_window_at_most(real) -> None:
    """MAX_TRADES=1 with one weight lets each strategy enter once a day."""
    _, days = real
    for ran in days.values():
        strategies = [row["strategy_name"] for row in trades_of(ran)]
        assert len(strategies) == len(set(strategies))


def test_pnl_worked_out_from_trade_history_is_the_ledgers_gain(real) -> None:
    """Size times price difference, summed by this test, equals 4110 and 4120 to the cent."""
    home, days = real
    total = Decimal(0)
    for ran in days.values():
        for row in trades_of(ran):
            sign = 1 if row["side"] == "long" else -1
            total += sign * row["size"] * (row["exit_price"] - row["entry_price"])
    assert total != 0
    bot = bot_of(home)
    registry = Registry(home, bot.identity, day=date(2013, 10, 8), number=1)
    legs = list(csv.DictReader(io.StringIO(registry.path("ledger.csv").read_text())))
    gains = {leg["account"] for leg in legs if leg["account"].startswith("4")}
    assert gains
    booked = -sum(Decimal(leg["amount"]) for leg in legs if leg["account"] in gains)
    assert booked.quantize(Decimal("0.01")) == total.quantize(Decimal("0.01"))
    cash = sum(Decimal(leg["amount"]) for leg in legs if leg["account"] == "1030")
    assert cash == closing_of(days[8]).closing_cash


def test_the_days_follow_one_another_in_one_set_of_books(real) -> None:
    """Each session opens with the cash that the one before left at the broker."""
    _, days = real
    started = [days[day].entries()[0].record for day in DAYS]
    assert started[0].opening_cash == 100_000
    for before, after in ((0, 1), (1, 2)):
        assert started[after].opening_cash == closing_of(days[DAYS[before]]).closing_cash


def test_vix_and_what_was_dropped_are_noted(real) -> None:
    """The last earlier VIX row, and bars outside the session by file."""
    _, days = real
    notes = [e.record for e in days[8].entries() if isinstance(e.record, NoteMade)]
    assert any("VIX 19.41 of 2013-10-07" in note.text for note in notes)
    kinds = [type(entry.record).__name__ for entry in days[8].entries()]
    assert kinds.count("BarsDropped") == 3


def test_bars_without_vix_are_told(tmp_path) -> None:
    """A folder without a VIX file: the journal says so, and the close window is not traded."""
    data = bac_bars(tmp_path / "bars")
    request = replace(real_days(data, 7, *THAT_TRADES), symbols=("BAC",))
    ran, _ = run(demo(tmp_path / "home"), request)
    notes = [e.record.text for e in ran.entries() if isinstance(e.record, NoteMade)]
    assert "no VIX is known" in notes
    assert "no VIX is known" in (ran.place.folder / "main_bot.log").read_text()


def bac_bars(root: Path) -> Path:
    """A folder with the bars of BAC alone."""
    (root / "equity_minute").mkdir(parents=True)
    name = "BAC_trade_20131004_20131008.csv.gz"
    source = shared_path("data", "equity_minute", name)
    (root / "equity_minute" / name).write_bytes(source.read_bytes())
    return root


def test_fundamentals_beside_the_bars_are_asked_and_kept(tmp_path) -> None:
    """INVENTORY E18, E20, E24, E32: a P/E of 99 blocks with its context; off, all trades are back.

    The day's cache lies under the exchange day, which is the UTC date of its trading.
    """
    data = bac_bars(tmp_path / "bars")
    request = replace(real_days(data, 7, *THAT_TRADES), symbols=("BAC",))
    free = trades_of(run(demo(tmp_path / "free"), request)[0])
    metrics = {"peNormalizedAnnual": 99, "marketCapitalization": 150_000}
    content = {"source": "finnhub", "dated": "2013-10-04", "metrics": {"BAC": metrics}}
    (data / "fundamentals.json").write_text(json.dumps(content))
    home = demo(tmp_path / "home")
    ran, _ = run(home, request)
    assert free
    assert trades_of(ran) == []
    rows = [r for e in ran.entries() for r in judgements(e.record) if r.rule == "fundamentals"]
    assert {(row.outcome, row.reason) for row in rows} == {
        (Outcome.BLOCKED, "pe_above_maximum"),
    }
    assert rows[0].measured == "BAC peNormalizedAnnual 99 > 50 (finnhub, 2013-10-04)"
    assert "pe_above_maximum" in (ran.place.folder / f"{rows[0].strategy}.log").read_text()
    cache = fields(home.cache / "fundamentals_2013-10-07.json")
    assert cache["symbols"]["BAC"]["peNormalizedAnnual"] == 99
    off = (*request.overrides, ("ENABLE_FUNDAMENTAL_GUARD", "false"))
    again, _ = run(demo(tmp_path / "off"), replace(request, overrides=off))
    assert trades_of(again) == free


def test_the_rate_of_the_bots_jurisdiction_reaches_the_filters(tmp_path) -> None:
    """INVENTORY E12: the risk-free rate is the one that the identity has for its jurisdiction."""
    ran = engine(demo(tmp_path), ONE_SYMBOL)
    assert ran._sources().risk_free == RiskFree(jurisdiction="USA", rate=0.045)


def test_default_thresholds_trade_nothing_and_say_why(tmp_path) -> None:
    """The documents' thresholds on quiet large caps: exit code 0, and a reason per candidate."""
    home = demo(tmp_path)
    template = VERSION_FILE.parent / "env" / ".env_bot.test"
    (home.env / ".env_bot").write_bytes(template.read_bytes())
    bot = bot_of(home)
    assert bot.settings_source == "env/.env_bot"
    ran, done = run(home, real_days(shared_path("data"), 7))
    closed = closing_of(ran)
    assert (closed.trades, closed.exit_code, closed.flat) == (0, 0, True)
    judged = [e.record for e in ran.entries() if isinstance(e.record, CandidateJudged)]
    told = {(j.strategy, j.symbol): j for j in judged}
    assert {symbol for _, symbol in told} == {"SPY", "IBM", "BAC"}
    assert all(j.outcome is not Outcome.ALLOWED or j.stage == "strategy" for j in told.values())
    summary = session_summary(
        ran.entries(),
        SummaryInputs(books=done.books, record="x", warnings=(), next_steps=("rigd doctor",)),
    )
    assert "no trade was made" in summary
    reasons = summary.split("Why nothing traded")[1]
    for symbol in ("SPY", "IBM", "BAC"):
        assert symbol in reasons
        assert symbol in why(ran.entries(), symbol)


# ---- commands ----


@pytest.mark.parametrize("word", ["yes", "no", ""])
def test_an_entry_waits_for_its_yes(tmp_path, word) -> None:
    """TRADE_CONFIRMATION_REQUIRED: asked in a file, answered in another, one row of the audit."""
    home = demo(tmp_path)
    bot = bot_of(home)
    waiting = home.bot(bot.identity).root / "confirmations.json"
    answered: list[str] = []

    def watch() -> None:
        held = json.loads(waiting.read_text()) if waiting.exists() else {}
        for number in held.keys() - set(answered) if word else ():
            answered.append(number)
            answer(bot, number, word, clock, "olga")

    clock = WatchingClock(watch)
    asking = (("TRADE_CONFIRMATION_REQUIRED", "true"),)
    ran = engine(home, replace(SAMPLE, speed=600.0, overrides=asking), clock)
    asyncio.run(ran.run())
    records_ = [entry.record for entry in ran.entries()]
    entered = [r for r in records_ if isinstance(r, OrderIntent) and r.purpose == "entry"]
    reasons = {
        r.reason
        for r in records_
        if isinstance(r, CandidateJudged) and r.rule == "trade_confirmation"
    }
    assert bool(entered) is (word == "yes")
    assert closing_of(ran).flat
    if word != "yes":
        assert reasons <= {"declined" if word else "not_confirmed_in_time", "window_over"}
        assert reasons
    audited = home.logs / "operator_audit.log"
    rows = audited.read_text().splitlines() if audited.exists() else []
    assert len(rows) == len(answered)
    assert json.loads(waiting.read_text()) == {}


@pytest.mark.parametrize(
    ("command", "exit_code", "state"),
    [(Command.STOP, 0, "stopped"), (Command.KILL, 5, "stopped")],
)
def test_a_flag_in_the_middle_of_a_trade(tmp_path, command, exit_code, state) -> None:
    """Raised while a position is open: it is closed at the broker, and the flag is used up."""
    home = demo(tmp_path)

    def watch() -> None:
        if raised or not ran.status().get("positions"):
            return
        raised.append(clock.now())
        flags.raise_flag(command, "an operator", "enough", "test")

    raised: list[datetime] = []
    clock = WatchingClock(watch)
    flags = ControlFolder(home.control, clock, FakeIds())
    ran = engine(home, replace(SAMPLE, speed=600.0), clock)
    done = asyncio.run(ran.run())
    closed = closing_of(ran)
    assert raised
    assert (closed.exit_code, closed.state.value, closed.flat) == (exit_code, state, True)
    assert closed.exit_reason == command.value
    took_s = (clock.now() - raised[0]).total_seconds()
    assert command is not Command.KILL or took_s <= 1.0, "T20: flat within 1 s of the flag"
    tree = home.bot(bot_of(home).identity)
    status = fields(tree.logs / "status.json")
    assert (status["reason"], status["positions"]) == (command.value, [])
    assert datetime.fromisoformat(status["updated_at"]).utcoffset() == timedelta(0)
    (obeyed,) = [e.record for e in ran.entries() if isinstance(e.record, CommandObeyed)]
    assert (obeyed.command, obeyed.signed, obeyed.why) == (command, True, "enough")
    assert not list(home.control.glob("*.flag"))
    assert done.balanced
    rows = trades_of(ran)
    assert rows[-1]["exit_reason"] == "manual"
    assert "stop_log" in {path.name for path in home.logs.iterdir()}


def test_a_flag_is_obeyed_within_its_interval(tmp_path) -> None:
    """A bare stop of a flat session: on record and over after 0.2 s and two short pauses."""
    home = demo(tmp_path)
    raised: list[datetime] = []

    def watch() -> None:
        if not raised and ran.status().get("minute", 0) >= 20:
            raised.append(clock.now())
            home.control.mkdir(parents=True, exist_ok=True)
            (home.control / "control_stop.flag").touch()

    clock = WatchingClock(watch)
    ran = engine(home, replace(ONE_SYMBOL, speed=60.0), clock)
    asyncio.run(ran.run())
    assert clock.now() - raised[0] <= timedelta(seconds=0.2 + 2 * NAP_S)
    (obeyed,) = [e.record for e in ran.entries() if isinstance(e.record, CommandObeyed)]
    assert (obeyed.source, obeyed.signed) == ("control_stop.flag", False)
    assert (closing_of(ran).exit_reason, closing_of(ran).exit_code) == ("stop", 0)


def test_the_death_of_the_parent_closes_the_session(tmp_path, monkeypatch) -> None:
    """An engine whose launcher died ends by itself, flat, as a shutdown."""
    ran = engine(demo(tmp_path), SLOW)
    monkeypatch.setattr(os, "getppid", lambda: 1)
    assert ran.orphaned()
    asyncio.run(ran.run())
    closed = closing_of(ran)
    assert (closed.exit_reason, closed.state.value, closed.flat) == ("shutdown", "shutdown", True)


# ---- owners ----


def test_two_engines_of_one_bot(tmp_path) -> None:
    """The second is refused within a second, names the first, and leaves no trace."""
    home = demo(tmp_path)
    tree = home.bot(bot_of(home).identity)
    second = engine(home, ONE_SYMBOL)
    with SessionLock(tree.lock, what="session 2012-11-14_1", clock=FakeClock()):
        before = listing(tmp_path)
        began = time.perf_counter()
        with pytest.raises(AlreadyRunning, match=r"session 2012-11-14_1 \(process \d+") as caught:
            asyncio.run(second.run())
        assert time.perf_counter() - began < 1.0
        second.note_failure(caught.value)
        assert listing(tmp_path) == before


def test_a_plan_that_another_session_overtook_is_refused(tmp_path) -> None:
    """Planned before, run after another session of the day: its folder is not written again."""
    home = demo(tmp_path)
    late = engine(home, ONE_SYMBOL)
    first, _ = run(home, ONE_SYMBOL)
    before = listing(first.place.folder)
    with pytest.raises(AlreadyRunning, match="must be the next one"):
        asyncio.run(late.run())
    assert listing(first.place.folder) == before


# ---- the short side ----


def short_request(folder, how: str, **changes) -> SessionRequest:
    """A day on which IBM falls out of its opening range, with one way to take the short side."""
    overrides = (
        *THAT_TRADES,
        ("STRATEGY_OVERRIDE", "open"),
        ("SHORT_TYPE_OPEN", how),
        ("STRAT_OPEN_BUFFER", "0.001"),
        ("MIN_PRICE", "1"),
    )
    return SessionRequest(
        data=str(folder), day=date(2013, 10, 8), symbols=("IBM",), overrides=overrides, **changes
    )


@pytest.fixture
def with_fund(tmp_path):
    """IBM on 2013-10-08 and INV, a made-up fund that moves against it."""
    folder = tmp_path / "bars"
    bars = days_of("IBM")["2013-10-08"]
    for symbol, rows in (("IBM", bars), ("INV", inverse_of(bars, 1, missing=0.0))):
        lines = (f"{stamp_of(bar)},{','.join(map(str, bar[1:]))}" for bar in rows)
        write(folder / f"{symbol}.csv", "ts_utc,open,high,low,close,volume", *lines)
    return folder


def stamp_of(bar: Bar) -> str:
    start = datetime(2013, 10, 8, 13, 30, tzinfo=UTC) + timedelta(minutes=bar.minute)
    return start.isoformat().replace("+00:00", "Z")


def test_a_short_sale_at_every_layer(tmp_path, with_fund) -> None:
    """Sold short and covered: order sides, fills, position, trade row, books and cash agree."""
    home = demo(tmp_path / "home")
    ran, done = run(home, short_request(with_fund, "ShortSell"))
    (row,) = trades_of(ran)
    assert (row["ticker"], row["side"], row["strategy_name"]) == ("IBM", "short", "open")
    fills = [e.record for e in ran.entries() if isinstance(e.record, FillRecorded)]
    assert [fill.side for fill in fills] == [Side.SELL_SHORT, Side.BUY_TO_COVER]
    gain = sum(-fill.side.sign * fill.qty * fill.price for fill in fills)
    assert gain != 0
    assert row["PnL"].quantize(Decimal("0.0001")) == gain.quantize(Decimal("0.0001"))
    assert closing_of(ran).closing_cash == 100_000 + row["PnL"]
    assert (done.balanced, closing_of(ran).flat) == (True, True)
    legs = legs_of(home)
    assert {leg["account"] for leg in legs} >= {"1030", "2100"}
    assert sum(Decimal(leg["amount"]) for leg in legs if leg["account"] == "2100") == 0


def legs_of(home) -> list[dict[str, str]]:
    registry = Registry(home, bot_of(home).identity, day=date(2013, 10, 8), number=1)
    return list(csv.DictReader(io.StringIO(registry.path("ledger.csv").read_text())))


def test_an_inverse_fund_at_every_layer(tmp_path, with_fund) -> None:
    """The fund is bought and sold: orders, trade row, books and `why` say so; IBM is never sold."""
    home = demo(tmp_path / "home")
    change_inverse_etfs(env_door(home), {"IBM": "INV"}, date(2013, 10, 1))
    ran, done = run(home, short_request(with_fund, "InverseETF"))
    (row,) = trades_of(ran)
    assert (row["ticker"], row["side"], row["strategy_name"]) == ("INV", "long", "open")
    fills = [e.record for e in ran.entries() if isinstance(e.record, FillRecorded)]
    assert [(fill.symbol, fill.side) for fill in fills] == [("INV", Side.BUY), ("INV", Side.SELL)]
    assert (done.balanced, closing_of(ran).flat) == (True, True)
    assert closing_of(ran).closing_cash == 100_000 + row["PnL"]
    assert all(leg["account"] != "2100" for leg in legs_of(home))
    assert "mapping: mapped (short IBM is long INV at" in why(ran.entries(), "IBM")


def test_the_shipped_table_is_kept_when_a_session_uses_it(tmp_path, with_fund) -> None:
    """Its version then means these pairs for ever; IBM is not among them and is turned down."""
    home = demo(tmp_path / "home")
    ran, _ = run(home, short_request(with_fund, "InverseETF"))
    assert trades_of(ran) == []
    assert "mapping: no_mapping (IBM has no inverse ETF in version 1" in why(ran.entries(), "IBM")
    kept = home.env / "inverse_etfs.versioned" / "1.json"
    assert parse_inverse_etfs(kept.read_bytes(), source="kept") == SHIPPED


def test_a_session_is_taken_up_with_the_table_that_it_began_with(tmp_path, with_fund) -> None:
    """Another table of inverse ETFs under an unfinished session is refused by name."""
    home = demo(tmp_path / "home")
    door = env_door(home)
    change_inverse_etfs(door, {"IBM": "INV"}, date(2013, 10, 1))
    began = door.read(FILE)
    request = short_request(with_fund, "InverseETF")
    crash_at(home, request, 40)
    change_inverse_etfs(door, {"IBM": "", "BAC": "INV"}, date(2013, 10, 2))
    with pytest.raises(ConfigError, match=r"found other bars and inverse ETFs$"):
        asyncio.run(engine(home, request).run())
    change_inverse_etfs(door, {"IBM": "INV"}, date(2013, 10, 3))
    with pytest.raises(ConfigError, match=r"found other inverse ETFs$"):
        asyncio.run(engine(home, request).run())
    door.replace(FILE, began)
    again, done = run(home, request)
    assert [row["ticker"] for row in trades_of(again)] == ["INV"]
    assert done.balanced


# ---- taking up ----


def crash_at(home, request, minute: int) -> EngineRun:
    """An engine that died when a minute of its paced session began."""

    def watch() -> None:
        if ran.status().get("minute", 0) >= minute:
            raise Crash

    ran = engine(home, replace(request, speed=6000.0), WatchingClock(watch))
    with pytest.raises(Crash):
        asyncio.run(ran.run())
    return ran


def test_an_unfinished_session_ends_like_an_undisturbed_one(tmp_path) -> None:
    """Died in the middle of a position, taken up: the same trades and books, one session."""
    whole, broken = demo(tmp_path / "whole"), demo(tmp_path / "broken")
    undisturbed, _ = run(whole, ONE_SYMBOL)
    died = crash_at(broken, ONE_SYMBOL, 24)
    assert not isinstance(died.entries()[-1].record, SessionClosed)
    again, done = run(broken, ONE_SYMBOL)
    assert again.place.folder == died.place.folder
    assert again.place.resumed
    assert any(isinstance(e.record, SessionResumed) for e in again.entries())
    assert trades_of(again) == trades_of(undisturbed) != []
    assert closing_of(again).closing_cash == closing_of(undisturbed).closing_cash
    assert done.balanced
    once_more, _ = run(broken, ONE_SYMBOL)
    assert (once_more.place.number, trades_of(once_more)) == (1, trades_of(again)), "not sealed"


def api_rows(ran: EngineRun) -> list[dict]:
    """The rows of the session's own part of broker_api.log."""
    text = (ran.place.folder / "broker_api.log").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_what_passes_between_session_and_broker_has_a_row(tmp_path) -> None:
    """L35: each order and cancel of the journal was asked for, each fill told, and none else.

    From connection to disconnection, also where logs are switched off as far as they can be.
    """
    home = demo(tmp_path)
    quiet = (("DEBUG_LOG_LEVEL", "error"),)
    ran, _ = run(home, replace(ONE_SYMBOL, overrides=quiet))
    rows = api_rows(ran)
    asked = [row for row in rows if row["event"] == "api_request"]
    assert (asked[0]["details"]["call"], asked[-1]["details"]["call"]) == ("connect", "close")
    sent = [
        row["details"]["body"]["order"]["cl_ord_id"]
        for row in asked
        if row["details"]["call"] in {"submit", "replace"}
    ]
    records = [entry.record for entry in ran.entries()]
    assert sent == [r.cl_ord_id for r in records if isinstance(r, OrderIntent)] != []
    cancels = [row for row in asked if row["details"]["call"] == "cancel"]
    assert len(cancels) == sum(isinstance(r, CancelIntent) for r in records)
    told = {
        row["details"]["body"]["exec_key"]
        for row in rows
        if row["event"] == "api_event" and row["details"]["body"]["is"] == "Fill"
    }
    assert told == {r.exec_key for r in records if isinstance(r, FillRecorded)} != set()
    answered = [row for row in rows if row["event"] == "api_response"]
    numbers = [row["details"]["number"] for row in asked]
    assert numbers == [row["details"]["number"] for row in answered] == [*range(1, len(asked) + 1)]
    standing = home.bot(bot_of(home).identity).root / "logs" / "broker_api.log"
    assert standing.read_bytes() == (ran.place.folder / "broker_api.log").read_bytes()


def test_a_session_taken_up_again_adds_its_rows(tmp_path) -> None:
    """L35: rows of the run that died remain, and the next one counts on."""
    home = demo(tmp_path)
    died = crash_at(home, ONE_SYMBOL, 24)
    before = api_rows(died)
    again, _ = run(home, ONE_SYMBOL)
    rows = api_rows(again)
    assert rows[: len(before)] == before != []
    assert [row["seq"] for row in rows] == [*range(1, len(rows) + 1)]
    assert rows[len(before)]["details"]["call"] == "connect"
    assert rows[len(before)]["timestamp"] >= before[-1]["timestamp"]


def test_a_journal_cut_before_its_last_record_is_completed(tmp_path) -> None:
    """Without closing record it is unfinished: closed again, and the books made anew from it.

    Books that hold more than the journal are refused: the journal is written first.
    """
    home = demo(tmp_path)
    first, _ = run(home, ONE_SYMBOL)
    before, cash = trades_of(first), closing_of(first).closing_cash
    journal = first.place.folder / "journal.log"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]))
    whole = listing(tmp_path / "runs")
    with pytest.raises(LedgerError, match=f"record {len(lines)} of session"):
        run(home, ONE_SYMBOL)
    for name, content in whole.items():
        if content:
            (tmp_path / "runs" / name).write_bytes(content)
    for part in home.bot(bot_of(home).identity).ledgers.glob("*_ledger.db*"):
        part.unlink()
    again, done = run(home, ONE_SYMBOL)
    assert again.place.folder == first.place.folder
    assert trades_of(again) == before
    assert (closing_of(again).closing_cash, closing_of(again).exit_code) == (cash, 0)
    assert done.balanced


def test_defense_overrides_stand_in_the_init_log(tmp_path) -> None:
    """S17: DEFENSE_MODE_ACTIVE=true compresses the limits at the start; the first row has them."""
    request = replace(ONE_SYMBOL, overrides=(("DEFENSE_MODE_ACTIVE", "true"),))
    ran, _ = run(demo(tmp_path), request)
    first = json.loads((ran.place.folder / "main_bot.log").read_text().splitlines()[0])
    limits = dict(first["details"]["limits"])
    assert first["event"] == "session_started"
    assert (limits["defense_mode"], limits["max_trades"], limits["max_open_positions"]) == (
        "on",
        "2",
        "3",
    )
    assert Decimal(limits["session_cap"]) == 1000
    assert ran.entries()[0].record.session_cap == 1000


def test_what_is_no_flag_is_ignored_and_told(tmp_path) -> None:
    """FAULTS K12: an unknown file and a folder with a flag's name leave a note, nothing else."""
    home = demo(tmp_path)
    (home.control / "control_stop.flag").mkdir(parents=True)
    (home.control / "control_pause.flag").touch()
    ran, _ = run(home, ONE_SYMBOL)
    notes = [e.record for e in ran.entries() if isinstance(e.record, NoteMade)]
    told = [note.text for note in notes if note.topic == "control"]
    assert [text.partition(":")[0] for text in told] == ["control_pause.flag", "control_stop.flag"]
    assert closing_of(ran).exit_reason == "session_end"


def test_changed_settings_are_taken_in_by_a_session_that_is_taken_up(tmp_path) -> None:
    """Changed while the process was dead: no refusal, one change on record, the rest as begun."""
    home = demo(tmp_path)
    died = crash_at(home, ONE_SYMBOL, 24)
    before = died.entries()[0].record
    change_settings(bot_of(home), {"MAX_OPEN_POSITIONS": "3"}, "while it was dead", FakeClock())
    again, _ = run(home, ONE_SYMBOL)
    assert again.place.folder == died.place.folder
    assert again.entries()[0].record == before
    (change,) = [e.record for e in again.entries() if isinstance(e.record, SettingsChanged)]
    assert change.changes == (("MAX_OPEN_POSITIONS", "5", "3"),)
    assert closing_of(again).exit_code == 0


def test_keys_of_the_start_must_not_change_under_an_unfinished_session(tmp_path) -> None:
    """A window that was moved while the process was dead refuses the session by its key."""
    home = demo(tmp_path)
    crash_at(home, ONE_SYMBOL, 24)
    change_settings(bot_of(home), {"START_TIME_MID": "open+140m"}, "", FakeClock())
    with pytest.raises(ConfigError, match=r"found other settings$") as refused:
        run(home, ONE_SYMBOL)
    assert "START_TIME_MID" in refused.value.fix


def test_an_unfinished_session_is_taken_up_as_it_began(tmp_path) -> None:
    """Other bars or other settings under an unfinished session are refused by name."""
    home = demo(tmp_path)
    died = crash_at(home, ONE_SYMBOL, 24)
    kept = (died.place.folder / "journal.log").read_bytes()
    for request, what in (
        (SAMPLE, "found other bars$"),
        (replace(ONE_SYMBOL, overrides=(("MAX_PRICE", "900"),)), "found other settings$"),
    ):
        with pytest.raises(ConfigError, match=what):
            asyncio.run(engine(home, request).run())
    again = (died.place.folder / "journal.log").read_bytes()
    assert again.rstrip(b"\0") == kept.rstrip(b"\0")


def test_finishing_again_changes_nothing(tmp_path) -> None:
    """Closed and not yet finished: running it again writes the same files and books."""
    home = demo(tmp_path)
    first, _ = run(home, ONE_SYMBOL)
    books, before = books_of(home), listing(first.place.folder)
    (first.place.folder / "kernel.json").write_text("{}")
    again, done = run(home, ONE_SYMBOL)
    assert again.place.folder == first.place.folder
    assert done.balanced
    assert books_of(home) == books
    after = listing(first.place.folder)
    for name in before.keys() - {"kernel.json", "status.json"}:
        assert after[name] == before[name], name
    assert fields(first.place.folder / "kernel.json")["finished"] is True


# ---- small parts ----


def test_a_kill_switch_that_cannot_be_read_is_closed(tmp_path) -> None:
    """No file is a fresh switch; a broken one is tripped; a good one comes back."""
    path = tmp_path / "risk_state.json"
    assert not read_latch(path).tripped
    path.write_text("{")
    assert (read_latch(path).tripped, read_latch(path).cause) == (True, Cause.STATE_UNREADABLE)
    path.write_text("[]")
    assert read_latch(path).tripped
    state = LatchState(
        tripped=True, cause=Cause.LOSS_LIMIT, detail="x", at=datetime(2026, 1, 2, tzinfo=UTC)
    )
    path.write_bytes(state_text(state, Profile.TEST))
    assert read_latch(path) == state
    assert fields(path)["profile"] == "TEST"


def test_status_before_the_first_record_says_who_it_is(tmp_path) -> None:
    """Asked before anything runs, it names state and process."""
    ran = engine(demo(tmp_path), ONE_SYMBOL)
    assert ran.status() == {"state": "initialize", "pid": os.getpid()}
    assert (ran.entries(), ran.bars()) == ((), {})
    assert ran.chains() == {"journal.log": records.genesis(bot_of_run(ran), date(2012, 11, 14), 1)}


def bot_of_run(ran: EngineRun):
    return ran._bot.identity


def test_a_failure_is_left_for_the_launcher(tmp_path, monkeypatch) -> None:
    """What went wrong after the lock was taken stands in kernel.json with exit code and fix."""
    home = demo(tmp_path)
    ran = engine(home, ONE_SYMBOL)
    message = "no broker today"

    def fail(*_: object) -> None:
        raise ConfigError(message, fix="wait")

    monkeypatch.setattr("rigd.hosts.engine_run.open_market", fail)
    with pytest.raises(ConfigError, match=message) as caught:
        asyncio.run(ran.run())
    ran.note_failure(caught.value)
    kernel = fields(ran.place.folder / "kernel.json")
    assert (kernel["message"], kernel["fix"], kernel["exit_code"]) == (message, "wait", 2)
    assert "finished" not in kernel


def test_a_full_disk_closes_the_session_on_the_journals_reserve(tmp_path, monkeypatch) -> None:
    """Logs that cannot grow end new risk; what is held is closed, and the next run derives them."""
    home, request = demo(tmp_path), SAMPLE
    ran = engine(home, request)
    append, full = LineLog.write, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def write(log: LineLog, line: str) -> None:
        session = ran._session
        if session is None or session.desk.portfolio.flat:
            append(log, line)
            return
        with storage_errors("append to a log"):
            raise full

    with monkeypatch.context() as patch:
        patch.setattr(LineLog, "write", write)
        with pytest.raises(StorageError, match="No space left"):
            asyncio.run(ran.run())
    closed = closing_of(ran)
    assert (closed.state, closed.flat, closed.exit_code) == (BotState.ERROR, True, 1)
    assert closed.trades == 1
    again, finished = run(home, request)
    assert closing_of(again) == closed
    assert finished.balanced
    assert len(trades_of(again)) == 1


def test_a_log_that_fails_after_the_close_changes_no_closed_session(tmp_path, monkeypatch) -> None:
    """The journal ends with the close: what is derived from it is made good by the next run."""
    home = demo(tmp_path)
    ran = engine(home, SAMPLE)
    append, full = LineLog.write, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def write(log: LineLog, line: str) -> None:
        if ran._session is None or ran._session.closed is None:
            append(log, line)
            return
        with storage_errors("append to a log"):
            raise full

    with monkeypatch.context() as patch:
        patch.setattr(LineLog, "write", write)
        with pytest.raises(StorageError, match="No space left"):
            asyncio.run(ran.run())
    closed = closing_of(ran)
    assert (closed.state, closed.status) == (BotState.IDLE, "CLOSED")
    again, finished = run(home, SAMPLE)
    assert again.entries() == ran.entries()
    assert finished.balanced


def test_heartbeats_come_once_a_second_of_the_control_clock(tmp_path) -> None:
    """390 minutes at 600 times are 39 seconds: a beat for each, with market time and profile."""
    home = demo(tmp_path)
    run(home, SLOW)
    lines = (home.logs / "heartbeat.log").read_text().splitlines()
    beats = [json.loads(line) for line in lines]
    assert 36 <= len(beats) <= 42
    times = [beat["timestamp"] for beat in beats]
    assert times == sorted(times)
    assert {beat["profile"] for beat in beats} == {"TEST"}


def test_heartbeats_follow_the_setting(tmp_path) -> None:
    """L3: one row per HEARTBEAT_INTERVAL_S, with 5 s a fifth as many."""
    home = demo(tmp_path)
    run(home, replace(SLOW, overrides=(*SLOW.overrides, ("HEARTBEAT_INTERVAL_S", "5"))))
    lines = (home.logs / "heartbeat.log").read_text().splitlines()
    times = [datetime.fromisoformat(json.loads(line)["timestamp"]) for line in lines]
    assert 7 <= len(times) <= 9
    gaps = [(later - sooner).total_seconds() for sooner, later in pairwise(times)]
    assert all(gap >= 5.0 for gap in gaps[:-1])


def test_the_id_of_a_homes_key_is_not_in_the_journal() -> None:
    """It would make each home's journal another one; a failure keeps its reason."""
    good = SelfCheck(name="key", passed=True, detail="key 0123456789abcdef")
    assert "0123456789abcdef" not in without_key_id(good).detail
    bad = SelfCheck(name="key", passed=False, detail="no key")
    assert without_key_id(bad) is bad
    other = SelfCheck(name="profile", passed=True, detail="TEST profile")
    assert without_key_id(other) is other


def test_a_refused_launch_stands_in_the_logs(tmp_path, monkeypatch) -> None:
    """S14: aborted, and a row in error_tracebacks.log."""
    home = demo(tmp_path)
    failed = SelfCheck(name="calendar", passed=False, detail="broken by the test")
    monkeypatch.setattr("rigd.hosts.engine_run.calendar_check", lambda _: failed)
    with pytest.raises(ConfigError, match="broken by the test"):
        run(home)
    log = home.bot(bot_of(home).identity).root / "logs" / "error_tracebacks.log"
    assert "calendar: broken by the test" in log.read_text()


def test_a_lost_state_of_defense_mode_is_defense_mode(tmp_path) -> None:
    """Deleting the file beside sealed sessions does not leave it; a broken one is on as well."""
    tree = demo(tmp_path).bot(bot_of(Home(tmp_path)).identity)
    assert not read_defense(tree.defense_state).on
    (tree.sessions / "2013-10-07_1").mkdir(parents=True)
    (tree.sessions / "2013-10-07_1" / "manifest.json").touch()
    assert "is gone beside sessions" in read_defense(tree.defense_state).detail
    tree.defense_state.write_bytes(state_text(DefenseState(), Profile.TEST))
    assert read_defense(tree.defense_state) == DefenseState()
