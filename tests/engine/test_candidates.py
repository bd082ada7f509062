"""The walk through the ranked pool: who is asked, who is turned down, and what it costs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from rigd.broker.simulated.model import SimModel
from rigd.config.choices import LogFormat
from rigd.core.emergencies import Emergency
from rigd.core.errors import OrderRejected, TamperError, Unavailable
from rigd.core.events import (
    AlertRaised,
    CandidateJudged,
    Command,
    EmergencyMet,
    Outcome,
    PoolRanked,
    RiskModeChanged,
    Stage,
    judgements,
)
from rigd.core.lifecycle import BotState, RiskMode
from rigd.core.orders import OrdStatus, Purpose
from rigd.core.values import Bar, Reference
from rigd.engine import candidates
from rigd.hosts import wiring
from rigd.reporting.logs import session_logs
from rigd.reporting.summary import daily_summary
from rigd.reporting.trades import export_trades
from tests.engine.world import DAY, Table, World, real_bars, settings
from tests.factories import candidate
from tests.strategy.days import flat

ALL = {"max_trades": "2", "weights": "0.75,0.25", "total_allocation": "0.1"}


def breaking(width: float, signals: range | list[int], base: float = 50.0) -> list[Bar]:
    """Bars with an opening range of ± width that close above it on the given minutes."""
    rows = []
    for minute in range(70):
        close = base + width + 0.5 if minute in signals else base
        high = max(close, base + width) if minute < 20 else max(close, base)
        low = base - width if minute < 20 else base
        rows.append(Bar(minute, base, high, low, close, 1000.0))
    return rows


def world(bars, **overrides) -> World:
    filters = overrides.pop("filters", False)
    extra = {key: overrides.pop(key) for key in ("model", "wrap_broker") if key in overrides}
    return World(
        settings=settings(strategy_override="open", **(ALL | overrides)),
        bars=bars,
        day=wiring.session_day(DAY),
        filters=filters,
        **extra,
    )


THREE = {
    "AAA": breaking(0.10, [25]),
    "BBB": breaking(0.30, [25]),
    "CCC": breaking(0.20, [25]),
}
"""Ranked BBB, CCC, AAA by the width of the range; all signal at minute 25."""


TWICE = breaking(0.1, [25])
TWICE += [Bar(m, 50.0, 50.0, 50.0, 50.0, 1000.0) for m in range(70, 364)]
TWICE += [Bar(m, 50.0, 51.0, 50.0, 50.0 + (m - 363) / 10, 1000.0) for m in range(364, 390)]
"""A day on which both the open and the close strategy signal."""


def rows_of(run: World) -> list[CandidateJudged]:
    """What the journal says of candidates, in order."""
    return [row for entry in run.journal.entries() for row in judgements(entry.record)]


def judged(run: World, symbol: str, minute: int | None = None) -> list[tuple[str, str, str]]:
    return [
        (str(row.stage), str(row.outcome), row.reason)
        for row in rows_of(run)
        if row.symbol == symbol and minute in {None, row.minute}
    ]


def entries(run: World) -> list:
    return [intent for intent in run.intents if intent.purpose is Purpose.ENTRY]


def test_candidates_are_asked_in_rank_order_and_weights_follow() -> None:
    """SPEC §3, §4: the first entry gets 75 % of the cap, the second 25 %, the third is too many."""
    run = world(THREE).run()
    assert [intent.symbol for intent in entries(run)] == ["BBB", "CCC"]
    cap = Decimal(100_000) * Decimal("0.1")
    for intent, weight in zip(entries(run), ("0.75", "0.25"), strict=True):
        share = cap * Decimal(weight) / intent.reference_price
        assert intent.qty == share.quantize(Decimal("0.000001"), rounding="ROUND_DOWN")
    assert judged(run, "AAA", 25)[-1] == ("risk", "blocked", "max_trades")


def test_a_rejected_candidate_gives_way_to_the_next_and_frees_its_weight() -> None:
    """SPEC §3a.2, §3a.11: the broker's no is final for the window; the next has weight 0."""

    class Refusing:
        def __init__(self, broker) -> None:
            self.real = broker

        def __getattr__(self, name):
            return getattr(self.real, name)

        async def submit(self, request):
            if request.symbol == "BBB":
                raise OrderRejected("halted", "not today")
            return await self.real.submit(request)

    bars = THREE | {"BBB": breaking(0.30, [25, 26, 27])}
    run = world(bars, wrap_broker=Refusing).run()
    found = entries(run)
    assert [intent.symbol for intent in found] == ["BBB", "CCC", "AAA"]
    assert found[1].qty > 2 * found[2].qty
    assert judged(run, "BBB", 25)[-1] == ("broker", "rejected", "rejected")
    assert judged(run, "BBB", 26) == judged(run, "BBB", 27) == []
    levels = {row.symbol: row.fallback_level for row in rows_of(run) if row.minute == 25}
    assert levels == {"BBB": 0, "CCC": 1, "AAA": 1}


def test_an_order_that_never_left_may_be_asked_for_again() -> None:
    """A broker that was not reached has refused nothing: the next bar's signal counts."""

    class Down:
        def __init__(self, broker) -> None:
            self.real, self.calls = broker, 0

        def __getattr__(self, name):
            return getattr(self.real, name)

        async def submit(self, request):
            self.calls += 1
            if self.calls == 1:
                raise Unavailable("no route")
            return await self.real.submit(request)

    run = world({"AAA": breaking(0.1, [25, 26])}, wrap_broker=Down).run()
    assert [intent.signal_minute for intent in entries(run)] == [25, 26]
    assert judged(run, "AAA", 25)[-1] == ("broker", "blocked", "not_sent")
    assert len(run.trades) == 1


def test_a_refusal_whose_answer_was_lost_is_a_refusal() -> None:
    """Lost reply and reject at once: looked up, recorded, out for the window."""
    model = SimModel(reject_rate=1.0, lost_reply_rate=1.0)
    run = world({"AAA": breaking(0.1, [25, 26])}, model=model).run()
    assert len(entries(run)) == 1
    assert judged(run, "AAA", 25)[-1] == ("broker", "rejected", "rejected")


def test_one_entry_per_symbol() -> None:
    """A symbol that signals on every bar is entered once."""
    run = world({"AAA": breaking(0.1, range(20, 30))}).run()
    assert len(entries(run)) == 1


def test_a_symbol_that_a_filter_stops_is_asked_again() -> None:
    """SPEC §3a.2: stopped on one bar, entered on a later one."""

    class Moody:
        name = "moody"

        def applies_to(self, strategy):
            return bool(strategy)

        def check(self, candidate, view, settings_):
            from rigd.core.values import Verdict  # noqa: PLC0415 - used here alone

            del view, settings_
            allow = candidate.minute > 26
            return Verdict(allow=allow, rule="moody", reason="ok" if allow else "bad_mood")

    run = world({"AAA": breaking(0.1, range(25, 30))})
    run.on_session = lambda session: setattr(session.desk, "chain", (Moody(),))
    run.run()
    assert [intent.signal_minute for intent in entries(run)] == [27]
    assert judged(run, "AAA", 25) == [("enhancement", "blocked", "bad_mood")]


def test_the_blocklist_holds_over_strategies() -> None:
    """SPEC §3a.3: a symbol that filled in one window is no candidate of the next."""
    run = World(
        settings=settings(**ALL), bars={"AAA": TWICE}, day=wiring.session_day(DAY), filters=True
    ).run()
    assert [intent.strategy for intent in entries(run)] == ["open"]
    last = [row for row in rows_of(run) if row.strategy == "close"][-1]
    assert (last.rule, last.outcome) == ("ticker_blocklist", Outcome.BLOCKED)


def test_the_blocklist_survives_a_restart() -> None:
    """INVENTORY E27: the fills of the journal are the list, so a crash forgets no symbol."""

    def whole_day() -> World:
        return World(
            settings=settings(**ALL), bars={"AAA": TWICE}, day=wiring.session_day(DAY), filters=True
        )

    first = whole_day().run()
    cut = 1 + next(
        at for at, kind in enumerate(first.kinds()) if kind in {"TradeClosed", "FillRecorded"}
    )
    for entries_kept in (cut, cut + 3):
        second = first.again(entries_kept, first.journal.marks[entries_kept - 1]).run()
        last = [row for row in rows_of(second) if row.strategy == "close"][-1]
        assert (last.rule, last.outcome) == ("ticker_blocklist", Outcome.BLOCKED)
        assert [intent.strategy for intent in entries(second)] == ["open"]


class Broken:
    """A filter that raises whenever it is asked."""

    name = "broken"

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def applies_to(self, strategy: str) -> bool:
        return bool(strategy)

    def check(self, candidate, view, settings_):
        del candidate, view, settings_
        raise self.error


def with_filter(filter_, **overrides) -> World:
    """Run a day on which AAA signals once, with one more filter in front of the chain."""
    run = world({"AAA": breaking(0.1, [25])}, filters=True, **overrides)
    run.on_session = lambda session: setattr(
        session.desk, "chain", (filter_, *session.desk.chain) if filter_ else session.desk.chain
    )
    return run.run()


def test_a_failing_filter_is_warned_of_counted_and_decides_nothing() -> None:
    """INVENTORY E5: a WARN row, the counter at 1, and the trades of a run without the filter."""
    run = with_filter(Broken(ValueError("no data")))
    lines = session_logs(run.journal.entries())["open.log"].decode().splitlines()
    rows = [json.loads(line) for line in lines if "failed_open" in line]
    assert [row["level"] for row in rows] == ["WARNING"]
    assert "warned: broken failed_open" in rows[0]["message"]
    assert rows[0]["details"]["checks"][0]["measured"] == "ValueError: no data"
    assert daily_summary(run.journal.entries())["warnings"][0] == {
        "stage": "enhancement",
        "rule": "broken",
        "reason": "failed_open",
        "count": 1,
    }
    assert run.trades == with_filter(None).trades != []


def test_a_failing_filter_blocks_when_failing_closed() -> None:
    """INVENTORY E5: with ENHANCEMENT_FAIL_POLICY=closed the failure is a no, warned of as well."""
    run = with_filter(Broken(ValueError("x")), enhancement_fail_policy="closed")
    assert judged(run, "AAA", 25) == [("enhancement", "blocked", "failed_closed")]
    assert [item["reason"] for item in daily_summary(run.journal.entries())["warnings"]] == [
        "failed_closed"
    ]
    assert run.trades == []


def test_a_fatal_error_in_a_filter_stops_the_session() -> None:
    """INVENTORY E5: a broken record inside a filter ends the session in the state error."""
    run = with_filter(Broken(TamperError("the record was changed")))
    assert run.trades == []
    assert (run.session.closed.state, run.session.closed.exit_code) == (BotState.ERROR, 1)


def test_a_failing_check_of_risk_blocks(monkeypatch) -> None:
    """INVENTORY E5: an exception in a risk check is a no, whatever the policy says."""

    def broken(candidate, view, limits):
        raise ValueError(candidate, view, limits)

    monkeypatch.setattr("rigd.risk.approval.RULES", (broken,))
    run = with_filter(None)
    assert judged(run, "AAA", 25)[-1] == ("risk", "blocked", "check_failed")
    assert run.trades == []


TOGGLES = {
    "adx_filter_enabled": "adx",
    "enable_fundamental_guard": "fundamentals",
    "enable_bsm_filter": "black_scholes",
}


@pytest.mark.parametrize("toggles", [[name] for name in TOGGLES] + [list(TOGGLES)])
def test_a_filter_that_is_off_leaves_no_mark_on_the_trades(toggles: list[str]) -> None:
    """INVENTORY E32: with the toggle off, trade_history is that of a build without the filter."""
    bars = real_bars(DAY, "IBM", "SPY")
    gone = {TOGGLES[name] for name in toggles}
    off = World(settings=settings(**dict.fromkeys(toggles, "false")), bars=bars).run()
    without = World(settings=settings(**dict.fromkeys(toggles, "false")), bars=bars)
    without.on_session = lambda session: setattr(
        session.desk, "chain", [each for each in session.desk.chain if each.name not in gone]
    )
    without.run()
    told = {row.rule: row.reason for row in rows_of(off)}
    assert {told[name] for name in gone & told.keys()} == {"disabled"}
    assert not gone & {row.rule for row in rows_of(without)}
    for form in LogFormat:
        trades = export_trades(off.journal.entries(), form)
        assert trades == export_trades(without.journal.entries(), form)
    assert off.trades


def test_a_filter_sees_the_session_and_the_instant_of_the_decision() -> None:
    """SPEC §3a: a bar is known at its end, and that is when a filter is asked."""
    seen = []

    class Looking(Broken):
        def check(self, candidate, view, settings_):
            seen.append((candidate.minute, view.now - view.session.open, view.session.day))
            return super().check(candidate, view, settings_)

    with_filter(Looking(ValueError("x")))
    assert seen == [(25, timedelta(minutes=26), DAY)]


def test_a_kill_between_two_candidates_stops_the_second() -> None:
    """I-12: commands are taken in between stages, not after all of them."""

    class Killing:
        def __init__(self, broker) -> None:
            self.real = broker

        def __getattr__(self, name):
            return getattr(self.real, name)

        async def submit(self, request):
            run.commands.ask(Command.KILL, "test", "in the middle")
            return await self.real.submit(request)

    run = world(THREE, wrap_broker=Killing)
    run.run()
    assert [intent.symbol for intent in entries(run)] == ["BBB"]
    assert judged(run, "CCC", 25) == [("router", "blocked", "no_new_risk")]
    assert run.session.closed.exit_code == 5
    assert run.session.closed.flat


def test_a_symbol_in_doubt_blocks_itself_and_counts_in_the_limits() -> None:
    """BROKERS §6.2: pending and in-doubt orders count at full size."""
    table = Table(**ALL)
    table.broker.lose_next = 1
    table.broker.hold_events = True
    table.show(range(31))
    order = table.send(qty=Decimal(90), reference_price=Decimal(100))
    assert order.in_doubt
    from rigd.engine import candidates  # noqa: PLC0415 - its private view is what is tested
    from tests.factories import candidate  # noqa: PLC0415 - named like a local below

    view = candidates._risk_view(table.desk, candidate(symbol="AAA"))
    assert (view.window_exposure, view.window_entries, view.open_positions) == (9000, 1, 1)
    assert view.symbol_busy
    assert not candidates._risk_view(table.desk, candidate(symbol="BBB")).symbol_busy


def test_a_pool_member_that_never_signals_says_how_near_it_came() -> None:
    """X8: the largest move and what it needed, once."""
    run = world({"AAA": breaking(0.1, []), "BBB": breaking(0.2, [25])}).run()
    rows = [row for row in rows_of(run) if row.symbol == "AAA"]
    assert [(row.stage, row.outcome, row.rule) for row in rows] == [
        (Stage.STRATEGY, Outcome.NO_SIGNAL, "STRAT_OPEN_BUFFER")
    ]
    assert rows[0].measured == f"largest move {50 / 50.1 - 1:.6f}, needed more than 0.0003"
    assert rows[0].direction is None


def test_a_symbol_with_too_few_analysis_bars_is_skipped() -> None:
    """SPEC §3a.1: 15 of 20 bars are under 80 %, 16 are not."""
    bars = {
        "AAA": [bar for bar in breaking(0.1, [25]) if bar.minute >= 5],
        "BBB": [bar for bar in breaking(0.1, [25]) if bar.minute >= 4],
    }
    run = world(bars).run()
    (ranked,) = run.journal.records(PoolRanked)
    assert [member.symbol for member in ranked.pool] == ["BBB"]
    assert ranked.skipped == (("AAA", "too_few_analysis_bars"),)
    assert [intent.symbol for intent in entries(run)] == ["BBB"]


def test_trade_confirmation_without_an_operator_blocks() -> None:
    """TRADE_CONFIRMATION_REQUIRED: nobody confirms in a replay."""
    run = world({"AAA": breaking(0.1, [25])}, trade_confirmation_required="true").run()
    assert entries(run) == []
    assert judged(run, "AAA") == [("router", "blocked", "no_operator_to_confirm")]


def test_the_last_door_turns_an_order_away_for_the_window() -> None:
    """SPEC §4: over MAX_ORDER_QUANTITY is rejected, and not asked again."""
    run = world({"AAA": breaking(0.1, [25, 26])}, max_order_quantity="10").run()
    assert entries(run) == []
    assert judged(run, "AAA", 25)[-1] == ("risk", "rejected", "max_quantity")
    assert judged(run, "AAA", 26) == []


def test_an_order_rests_on_no_leap_of_the_price() -> None:
    """FAULTS T05: a close 100 times the last one, as cents for dollars, buys nothing."""
    rows = breaking(0.10, [])
    rows[25] = Bar(25, 50.0, 5_000.0, 50.0, 5_000.0, 1000.0)
    run = world({"AAA": rows}, max_order_notional="1000000", max_price="10000").run()
    assert judged(run, "AAA", 25)[-1] == ("risk", "rejected", "price_spike")
    assert run.intents == []


def test_an_order_is_a_small_part_of_a_days_volume() -> None:
    """FAULTS X01: at most MAX_ORDER_ADV_PCT of the volume that is known."""
    for share, reason in (("0.00001", "volume_share"), ("1", "ok")):
        run = world({"AAA": breaking(0.10, [25])}, max_order_adv_pct=share)
        run.feed = run.feed.with_known({"AAA": Reference(previous_volume=600_000.0)})
        run.run()
        assert judged(run, "AAA", 25)[-1][2] == reason
        assert bool(run.intents) is (reason == "ok")


def test_a_runaway_loop_of_orders_halts() -> None:
    """FAULTS X01: the last door's halt sets the risk mode, and the session ends with exit 4."""
    run = world({"AAA": breaking(0.1, [25])})

    def spent(session) -> None:
        session.desk.door.restore((session.desk.day.open, "ZZZ") for _ in range(200))

    run.on_session = spent
    run.run()
    assert entries(run) == []
    assert run.session.desk.recorder.facts.risk_mode == "HALTED"
    assert run.session.closed.exit_code == 4


def test_nothing_is_entered_without_signals() -> None:
    """Flat bars: no signal, no order, exit 0."""
    run = world({"AAA": flat(range(70))}).run()
    assert run.intents == []
    assert run.session.closed.exit_code == 0


def test_repeated_refusals_suspend_entries_until_reconciled() -> None:
    """SPEC §9: after five refused entries no sixth is sent in that minute; exits would go on."""
    bars = {f"S{n}": breaking(0.1 + n / 100, [25]) for n in range(7)}
    bars["ZZZ"] = breaking(0.05, [26])
    run = world(bars, model=SimModel(reject_rate=1.0), candidate_multiplier="9").run()
    assert [intent.signal_minute for intent in entries(run)] == [25] * 5 + [26]
    changes = [(each.mode, each.reason) for each in run.journal.records(RiskModeChanged)]
    assert changes[:2] == [
        (RiskMode.REDUCING, "5 refused entries in 10 minutes"),
        (RiskMode.ACTIVE, "reconciled"),
    ]
    assert judged(run, "S1", 25) == [("router", "blocked", "no_new_risk")]
    met = run.journal.records(EmergencyMet)
    assert {(each.event, each.detail) for each in met} == {
        (Emergency.BROKER_DOWN, "5 refused entries in 10 minutes")
    }
    assert run.journal.records(AlertRaised)
    assert run.session.closed.exit_code == 0


def test_a_signal_that_has_its_order_is_not_meant_again() -> None:
    """I-02: a minute that is run again after a crash asks for no second order of a signal."""
    table = Table()
    table.broker.reject_next = [("halted", "not today")]
    assert table.send().status is OrdStatus.REJECTED
    asked = candidate(strategy="open", symbol="AAA", minute=20)
    assert candidates._meant(table.desk, asked)
    assert not candidates._meant(table.desk, replace(asked, minute=21))
    assert not candidates._meant(table.desk, replace(asked, symbol="BBB"))
