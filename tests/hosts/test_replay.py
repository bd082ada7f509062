"""Whole sessions driven by the replay: the same trades as the stepper, and a guarded loop."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal

import pytest

from rigd.config.inverse_etfs import InverseEtfs
from rigd.core.errors import LogicError, Superseded
from rigd.core.events import Command, ErrorCaptured, OrderIntent, SliceDone
from rigd.core.lifecycle import BotState
from rigd.core.orders import OrdType, Purpose
from rigd.core.values import Direction
from rigd.hosts import replay, wiring
from rigd.strategy import router
from rigd.strategy.stepper import REASONS
from tests.engine.test_session import FRIDAY, assert_sound
from tests.engine.world import DAY, World, real_bars, settings, truth
from tests.fakes.clock import FakeClock
from tests.strategy.days import SPANS, days_of, inverse_of, synthetic_days

SLIPPED = {
    "slippage_simulation_type": "rule_based",
    "slippage_mean_pct": "0.0003",
    "slippage_stddev_pct": "0",
    "max_slippage_pct": "0.01",
    "simulated_latency_ms": "250",
}
SHORT = {
    "short_type_open": "ShortSell",
    "short_type_mid": "ShortSell",
    "short_type_close": "ShortSell",
}
CASES = {
    "plain": {},
    "short": SHORT,
    "friction": SHORT | SLIPPED,
    "stop and target": SHORT
    | {
        f"{level}_pct_{name}": value
        for name in ("open", "mid", "close")
        for level, value in (("stop", "0.001"), ("target", "0.0015"))
    },
    "tight trail": SHORT
    | SLIPPED
    | {f"trail_pct_{name}": "0.0015" for name in ("open", "mid", "close")}
    | {"trail_tightening_factor": "0.25"},
    "atr": SHORT | {"trail_atr_mult": "1.5", "trail_atr_period": "5", "strat_close_mode": "fade"},
}
NAMES = ("open", "mid", "close")
WIDE = {"min_price": "0.01", "max_price": "100000", "max_open_positions": "3"}


def real_days():
    """Every real day of one symbol, with the symbol's name."""
    for name in SPANS:
        for day, bars in days_of(name).items():
            yield name.partition("_")[0], date.fromisoformat(day), bars


def session_trades(world, day):
    """The session's trades in the stepper's terms."""
    found = []
    for trade in world.trades:
        minutes = [
            (at - day.open) // timedelta(minutes=1)
            for at in (trade.signal_time, trade.entry_time, trade.exit_time)
        ]
        found.append((
            trade.direction.sign,
            *minutes,
            float(trade.entry_price),
            float(trade.exit_price),
            trade.exit_reason,
            trade.error_code == "stale_exit",
        ))
    return found


def stepped_trades(values, day, bars):
    """The stepper's trades of one day."""
    (planned,) = wiring.windows(values, day)
    friction = values.slippage_simulation_type == "rule_based"
    return [
        (
            trade.direction,
            trade.signal_minute,
            trade.entry_minute,
            trade.exit_minute,
            trade.entry_price,
            trade.exit_price,
            REASONS[trade.reason],
            trade.stale,
        )
        for trade in router.simulate(
            values,
            planned.window,
            [bars],
            latency_fraction=values.simulated_latency_ms / 60_000,
            slippage=values.slippage_mean_pct if friction else 0.0,
        )
    ]


def assert_sizes(world) -> None:
    """SPEC §3a.11: the one entry takes the whole cap at its reference price, to 6 decimals."""
    for intent in world.journal.records(OrderIntent):
        if intent.purpose is Purpose.ENTRY:
            cap = 100_000 * world.settings.total_allocation
            share = cap / intent.reference_price
            assert intent.qty == share.quantize(Decimal("0.000001"), ROUND_DOWN)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", NAMES)
def test_session_trades_equal_stepper_trades(name, case) -> None:
    """On every real day a session of one symbol has the stepper's trades to the last bit."""
    values = settings(strategy_override=name, **CASES[case])
    total = 0
    for symbol, date_, bars in real_days():
        day = wiring.session_day(date_)
        world = World(settings=values, bars={symbol: bars}, day=day, filters=False).run()
        expected = stepped_trades(values, day, bars)
        assert session_trades(world, day) == expected, (symbol, date_)
        assert world.session.closed.flat
        assert_sizes(world)
        total += len(expected)
    assert total > 3


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", NAMES)
def test_a_trail_at_the_broker_ends_as_the_engines_own(name, case) -> None:
    """SPEC §3: native trailing has the same numbers; on every real day it gives the same trades."""
    values = settings(strategy_override=name, sim_native_trailing="true", **CASES[case])
    sent = set()
    for symbol, date_, bars in real_days():
        day = wiring.session_day(date_)
        world = World(settings=values, bars={symbol: bars}, day=day, filters=False).run()
        assert session_trades(world, day) == stepped_trades(values, day, bars), (symbol, date_)
        sent |= {order.ord_type for order in world.intents if order.purpose is Purpose.STOP}
    assert sent == {OrdType.STOP if case == "atr" else OrdType.TRAILING_STOP}


INVERSE = {f"short_type_{name}": "InverseETF" for name in NAMES}
FUND = "INV"


def table_for(symbol) -> InverseEtfs:
    """A table that maps one symbol to the made-up fund."""
    return InverseEtfs(version=7, dated=DAY, pairs=((symbol, FUND),))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", NAMES)
def test_session_with_an_inverse_etf_equals_the_pair_stepper(name, case) -> None:
    """On every real day a short signal buys the fund, as the stepper and the records have it."""
    values = settings(strategy_override=name, **WIDE, **(CASES[case] | INVERSE))
    friction = values.slippage_simulation_type == "rule_based"
    of_fund = 0
    for number, (symbol, date_, bars) in enumerate(real_days()):
        day, fund = wiring.session_day(date_), inverse_of(bars, number)
        world = World(
            settings=values,
            bars={symbol: bars, FUND: fund},
            day=day,
            filters=False,
            inverse_etfs=table_for(symbol),
            bought_only=frozenset({FUND}),
        ).run()
        (planned,) = wiring.windows(values, day)
        walked = router.simulate_pairs(
            values,
            planned.window,
            [(bars, fund)],
            latency_fraction=values.simulated_latency_ms / 60_000,
            slippage=values.slippage_mean_pct if friction else 0.0,
        )
        expected = [(*trade[:6], REASONS[trade.reason], trade.stale) for trade, _ in walked]
        assert session_trades(world, day) == expected, (symbol, date_)
        assert [trade.symbol for trade in world.trades] == [
            FUND if is_fund else symbol for _, is_fund in walked
        ]
        assert {trade.direction for trade in world.trades} <= {Direction.LONG}
        assert_sizes(world)
        of_fund += sum(is_fund for _, is_fund in walked)
    assert of_fund > 3


def assert_like_the_stepper(world, values, day) -> int:
    """Each symbol trades as the stepper trades it alone; return how many exits were stale."""
    found = {}
    for trade, row in zip(world.trades, session_trades(world, day), strict=True):
        found[trade.symbol] = row
    for symbol, bars in world.bars.items():
        expected = stepped_trades(values, day, bars)
        rows = [found.pop(symbol)] if symbol in found else []
        assert [row[:3] + row[4:] for row in rows] == [row[:3] + row[4:] for row in expected]
        if rows and not rows[0][-1]:
            assert rows[0][3] == expected[0][3]
    return sum(trade.error_code == "stale_exit" for trade in world.trades)


@pytest.mark.parametrize("native", ["false", "true"])
@pytest.mark.parametrize("case", ["friction", "tight trail"])
@pytest.mark.parametrize("name", NAMES)
def test_session_equals_stepper_with_holes_in_the_data(name, case, native) -> None:
    """SPEC §3a.8: missing minutes, jumps and days that break off change nothing about it."""
    values = settings(strategy_override=name, sim_native_trailing=native, **WIDE, **CASES[case])
    day = wiring.session_day(DAY)
    stale = 0
    for bars in synthetic_days(77, 40):
        world = World(settings=values, bars={"AAA": bars}, day=day, filters=False).run()
        stale += assert_like_the_stepper(world, values, day)
    assert stale > 0 or name == "open" or case == "tight trail"


@pytest.mark.parametrize("name", NAMES)
def test_symbols_side_by_side_trade_as_they_would_alone(name, monkeypatch) -> None:
    """Three symbols with holes at different minutes, an entry for each: no one disturbs another."""
    monkeypatch.setattr("rigd.engine.session.Session._all_late", lambda *_: False)
    values = settings(
        strategy_override=name,
        **WIDE,
        **(CASES["tight trail"] | {"max_trades": "3", "weights": "0.4,0.3,0.3"}),
    )
    day = wiring.session_day(DAY)
    days = synthetic_days(78, 45)
    total = 0
    for each in zip(days[::3], days[1::3], days[2::3], strict=True):
        bars = dict(zip(("AAA", "BBB", "CCC"), each, strict=True))
        world = World(settings=values, bars=bars, day=day, filters=False).run()
        assert_like_the_stepper(world, values, day)
        total += len(world.trades)
    assert total > 15


def friday(**kwargs) -> World:
    return World(
        settings=settings(max_trades="3", weights="0.4,0.3,0.3"),
        bars=real_bars(FRIDAY, "SPY", "IBM", "BAC"),
        day=wiring.session_day(FRIDAY),
        filters=False,
        **kwargs,
    )


def failing(stage: str, times: int, error: Exception | None = None):
    """Make a stage of the session raise from its 25th call on, so many times."""

    def change(session) -> None:
        real = getattr(session, stage)
        calls = iter(range(10**6))

        async def broken(*args):
            if 25 <= next(calls) < 25 + times:
                raise error or LogicError("broken stage")
            return await real(*args)

        setattr(session, stage, broken)

    return change


@pytest.mark.parametrize("stage", ["before_minute", "after_open", "after_trading", "on_slice"])
def test_a_stage_that_fails_closes_the_session(stage) -> None:
    """K07: fatal error recorded, emergency close, verified flat, state error, exit code 1."""
    run = friday(on_session=failing(stage, 1, RuntimeError("broken"))).run()
    (error,) = [each for each in run.journal.records(ErrorCaptured) if each.fatal]
    assert error.error_code == "RuntimeError"
    closed = run.session.closed
    assert (closed.exit_code, closed.state, closed.exit_reason) == (1, BotState.ERROR, "fatal")
    assert_sound(run)


def test_a_second_failure_is_raised() -> None:
    """What fails again while closing must reach the supervisor, not be repeated for ever."""
    run = friday(on_session=failing("on_slice", 5))
    with pytest.raises(LogicError, match="broken stage"):
        run.run()
    assert len([each for each in run.journal.records(ErrorCaptured) if each.fatal]) == 1


def test_a_failed_session_goes_on_closing_after_a_crash() -> None:
    """The journal knows that the error was fatal: the resumed session closes and ends in error."""
    base = friday(on_session=failing("on_slice", 1)).run()
    first = base.kinds().index("ErrorCaptured") + 1
    marks = [*base.journal.marks, len(base.log.rows)]
    for entries in range(first, len(base.journal.entries())):
        run = base.again(entries, marks[entries])
        run.on_session = None
        run.run()
        assert run.session.closed.state is BotState.ERROR
        assert run.session.closed.exit_code == 1
        assert_sound(run)


def test_every_minute_is_reported_once_and_in_order() -> None:
    """The host's projections follow each minute, and the end."""
    seen: list[int] = []
    friday().run(seen.append)
    assert seen == [*range(390), 390]


def test_as_fast_as_possible_waits_for_nothing() -> None:
    """Speed 0 never sleeps."""
    clock = FakeClock()
    asyncio.run(replay.Pace(clock, 0.0).minute(lambda: False))
    assert clock.slept == []


def test_a_paced_minute_takes_its_share_of_a_minute() -> None:
    """Speed 120: half a second a minute, in naps that look at the flags."""
    clock = FakeClock()
    pace = replay.Pace(clock, 120.0)
    looks = []

    async def two() -> None:
        for _ in range(2):
            await pace.minute(lambda: bool(looks.append(clock.monotonic())))

    asyncio.run(two())
    assert sum(clock.slept) == pytest.approx(1.0)
    assert max(clock.slept) <= replay.NAP_S
    assert len(looks) >= 10


def test_a_command_ends_the_wait() -> None:
    """Stop and kill are not kept waiting by the pace."""
    clock = FakeClock()
    asyncio.run(replay.Pace(clock, 1.0).minute(lambda: True))
    assert clock.slept == []


def test_a_paced_session_obeys_between_two_minutes() -> None:
    """A kill during a wait: the next bars come at once, and the session ends flat."""
    run = friday()

    async def body() -> None:
        session = await run.open()
        real = run.clock.wait
        naps = iter(range(10**6))

        async def wait(seconds: float) -> None:
            if next(naps) == 260:
                run.commands.ask(Command.KILL, "test", "")
            await real(seconds)

        run.clock.wait = wait
        await replay.run(
            session, run.feed, run.exchange, replay.Pace(run.clock, 60.0), lambda _: None
        )

    asyncio.run(body())
    assert run.session.closed.exit_code == 5
    assert len(run.clock.slept) == 261
    assert_sound(run)


def test_bringing_up_shows_the_market_what_had_passed_and_no_more() -> None:
    """After a crash the exchange stands where it stood, and knows the last prices."""
    base = friday().run()
    entries = base.kinds().index("PoolRanked") + 1
    world = base.again(entries, base.journal.marks[entries])

    async def body() -> None:
        session = await world.open()
        replay.bring_up(session, world.feed, world.exchange)

    asyncio.run(body())
    assert world.exchange.clock().now == world.day.open + timedelta(minutes=20)
    done = world.journal.records(SliceDone)[-1].minute
    assert [bar.minute for bar in world.session.desk.bars["SPY"]] == list(range(done + 1))
    assert truth(world)["orders"] == {}


def test_a_superseded_engine_ends_at_once() -> None:
    """It closes nothing on its way out: the account is another owner's now (K02)."""
    failed: list[object] = []

    class Spy:
        def fail(self, error: BaseException, context: str) -> None:
            failed.append((error, context))

    async def stage() -> None:
        msg = "found number 2"
        raise Superseded(msg)

    with pytest.raises(Superseded):
        asyncio.run(replay.Guard(Spy()).run(stage(), "a test"))
    assert failed == []
