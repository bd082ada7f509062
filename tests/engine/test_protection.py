"""Every position rests under its levels, and is closed once, reduce-only."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from rigd.broker.simulated.model import SimModel
from rigd.core.events import Command, FillRecorded, OrderIntent
from rigd.core.orders import OrdStatus, OrdType, Purpose
from rigd.core.values import Direction, ExitReason, Side
from rigd.engine import protection
from rigd.hosts import wiring
from rigd.strategy.trailing import RangeState, average_range, observe_range
from tests.engine.test_candidates import breaking, world
from tests.engine.world import Table

if TYPE_CHECKING:
    from rigd.core.ports import Broker

LEVELS = {"stop_pct_open": "0.01", "target_pct_open": "0.02", "trail_pct_open": "0.015"}


def holding(**overrides) -> Table:
    """A table with 100 AAA bought at 100 at the open of minute 31."""
    table = Table(**(LEVELS | overrides))
    table.show(range(31))
    order = table.send()
    table.broker.now = table.desk.day.open + timedelta(minutes=31)
    table.broker.fill(order.intent.cl_ord_id, "100", "100")
    table.drain()
    return table


def protect(table: Table, minute: int, *, opened: bool = True) -> None:
    asyncio.run(protection.protect_all(table.desk, minute, opened=opened))


def close(table: Table, label: int = 60, reason: ExitReason = ExitReason.TIMEOUT) -> None:
    position = table.desk.portfolio.positions["AAA"]
    asyncio.run(protection.close_position(table.desk, position, label, reason))


def test_stop_and_target_rest_as_one_group() -> None:
    """SPEC §3a.5: stop 1 % below the fill, target 2 % above, both for all shares, one group."""
    table = holding()
    protect(table, 31)
    stop, target = table.desk.orders.working()
    assert (stop.intent.ord_type, stop.intent.stop_price) == (OrdType.STOP, 99)
    assert (target.intent.ord_type, target.intent.limit_price) == (OrdType.LIMIT, 102)
    assert stop.intent.oco_group == target.intent.oco_group == table.intent().cl_ord_id
    assert {order.intent.qty for order in (stop, target)} == {100}
    assert {order.intent.side for order in (stop, target)} == {Side.SELL}
    assert (stop.intent.exit_reason, target.intent.exit_reason) == (
        ExitReason.STOP_LOSS,
        ExitReason.TARGET_HIT,
    )


def test_what_filled_at_an_open_is_protected_after_it_and_not_before() -> None:
    """The same minute run again after a crash gives the same order ids."""
    table = holding()
    protect(table, 31, opened=False)
    assert table.desk.orders.idle
    protect(table, 31)
    first = [order.intent.cl_ord_id for order in table.desk.orders.working()]
    assert first == [
        table.desk.order_id("open", "AAA", 20, f"{leg}/31/open") for leg in ("stop", "target")
    ]


def test_levels_that_did_not_move_are_left_alone() -> None:
    """No order is replaced by one that says the same."""
    table = holding()
    protect(table, 31)
    table.show(range(31, 33))
    protect(table, 33, opened=False)
    assert table.broker.count("replace") == 0


def test_the_trail_follows_the_peak_of_complete_bars() -> None:
    """A high of 110 lifts the stop to 110 × (1 - 1.5 %), as one replace."""
    table = holding()
    protect(table, 31)
    bar = table.desk.bars["AAA"][-1]
    table.desk.bars["AAA"].append(bar._replace(minute=31, high=110.0))
    protect(table, 32, opened=False)
    (stop,) = table.desk.orders.working(Purpose.STOP)
    assert float(stop.intent.stop_price) == 110.0 * (1.0 - 0.015)
    assert table.broker.count("replace") == 1


def test_highs_before_the_entry_are_no_peak() -> None:
    """SPEC §3a.5: the peak counts bars completed since entry."""
    table = holding()
    bars = table.desk.bars["AAA"]
    bars[-1] = bars[-1]._replace(high=150.0)
    protect(table, 31)
    (stop,) = table.desk.orders.working(Purpose.STOP)
    assert stop.intent.stop_price == 99


def test_more_shares_are_protected_in_the_same_minute() -> None:
    """A second part that fills at an open raises the resting quantity at once."""
    table = holding(target_pct_open="")
    protect(table, 31)
    more = table.send("more", signal_minute=20)
    table.broker.now += timedelta(minutes=1)
    table.broker.fill(more.intent.cl_ord_id, "50", "100")
    table.drain()
    protect(table, 32)
    (stop,) = table.desk.orders.working(Purpose.STOP)
    assert stop.intent.qty == 150


def test_a_level_that_is_switched_off_is_cancelled() -> None:
    """A target without a value takes the resting order away."""
    table = holding()
    protect(table, 31)
    runner = table.desk.runner("open")
    off = runner.plan.rules._replace(target_fraction=float("nan"))
    runner.plan = replace(runner.plan, rules=off)
    protect(table, 32, opened=False)
    assert table.desk.orders.working(Purpose.TARGET) == []
    assert len(table.desk.orders.working(Purpose.STOP)) == 1


def test_the_average_range_is_that_of_all_complete_bars() -> None:
    """SPEC §3: the ATR form counts from the session's first bar, bar by bar."""
    table = holding(trail_atr_mult="2", trail_atr_period="5", stop_pct_open="")
    bars = table.desk.bars["AAA"]
    bars[3] = bars[3]._replace(high=100.2, low=99.9)
    protect(table, 31)
    ranges = RangeState()
    for bar in bars:
        observe_range(ranges, bar, 5)
    (stop,) = table.desk.orders.working(Purpose.STOP)
    assert float(stop.intent.stop_price) == 100.0 - 2.0 * average_range(ranges, 5)


def test_an_exit_is_sent_when_nothing_else_can_fill() -> None:
    """Reduce-only: the group is cancelled first, then exactly what is held is sold."""
    table = holding()
    protect(table, 31)
    close(table)
    assert [call.op for call in table.broker.calls[-3:]] == ["cancel", "cancel", "submit"]
    (order,) = table.desk.orders.working()
    assert (order.intent.purpose, order.intent.qty) == (Purpose.EXIT, 100)


def test_an_exit_waits_for_an_order_that_cannot_be_cancelled() -> None:
    """A stop that may still fill and an exit together could turn the position round."""
    table = holding()
    protect(table, 31)
    table.broker.refuse_cancels = 1
    close(table)
    assert table.desk.orders.working(Purpose.EXIT) == []
    close(table, 61)
    assert len(table.desk.orders.working(Purpose.EXIT)) == 1


def test_a_stop_that_fills_while_closing_leaves_nothing_to_close() -> None:
    """Nothing flips: the exit is not sent for shares that are gone."""
    table = holding()
    protect(table, 31)
    stop = table.desk.orders.working(Purpose.STOP)[0]
    table.broker.fill(stop.intent.cl_ord_id, "100", "99", silent=True)
    close(table)
    assert table.held() == 0
    assert [i for i in table.journal.records(OrderIntent) if i.purpose is Purpose.EXIT] == []


def test_a_stop_that_fills_in_part_while_closing_leaves_the_rest() -> None:
    """The exit is for what is held when nothing else can fill."""
    table = holding()
    protect(table, 31)
    stop = table.desk.orders.working(Purpose.STOP)[0]
    table.broker.fill(stop.intent.cl_ord_id, "30", "99")
    close(table)
    (order,) = table.desk.orders.working()
    assert (order.intent.purpose, order.intent.qty) == (Purpose.EXIT, 70)


def test_an_attempt_to_close_is_made_once_and_repeated_a_minute_later() -> None:
    """A refused exit is sent again under the next minute's id, never twice under one."""
    table = holding()
    table.broker.reject_next = [("halted", "pause")]
    close(table)
    close(table)
    assert table.broker.count("submit") == 2
    close(table, 61)
    assert table.broker.count("submit") == 3
    close(table, 62)
    assert table.broker.count("submit") == 3


def test_a_position_that_nobody_wanted_is_closed_at_once() -> None:
    """What an overfill turned round is bought back at the next minute and not protected."""
    table = holding()
    table.broker.fill(table.exit().intent.cl_ord_id, "130", "100")
    table.drain()
    protect(table, 32, opened=False)
    position = table.desk.portfolio.positions["AAA"]
    assert protection.time_is_up(table.desk, position, 32)
    close(table, 32, ExitReason.MANUAL)
    (order,) = table.desk.orders.working()
    assert (order.intent.side, order.intent.qty) == (Side.BUY_TO_COVER, 30)


def test_the_rest_of_an_entry_is_dropped_with_its_position() -> None:
    """Stopped out before the second part filled: the second part is cancelled."""
    run = world({"AAA": breaking(0.1, [25])}, model=SimModel(partial_fill_rate=1.0))
    rows = list(run.bars["AAA"])
    rows[26] = rows[26]._replace(low=1.0)
    run = world({"AAA": rows}, model=SimModel(partial_fill_rate=1.0), stop_pct_open="0.01").run()
    entry = run.intents[0]
    assert run.exchange.find(entry.cl_ord_id).ord_status is OrdStatus.CANCELED
    entered = [fill for fill in run.journal.records(FillRecorded) if fill.purpose is Purpose.ENTRY]
    assert 0 < sum(fill.qty for fill in entered) < entry.qty
    assert run.session.closed.flat


def test_time_is_up_at_the_exit_minute() -> None:
    """SPEC §3a.7: the first bar after monitoring."""
    table = holding()
    position = table.desk.portfolio.positions["AAA"]
    (planned, *_) = wiring.windows(table.desk.settings, table.desk.day)
    assert planned.window.exit_minute == 60
    assert not protection.time_is_up(table.desk, position, 59)
    assert protection.time_is_up(table.desk, position, 60)
    assert position.qty == Decimal(100)


def trailing_at_the_broker(**overrides) -> Table:
    """The same holding at a broker that has trailing stops of its own."""
    table = holding(**overrides)
    table.broker.capabilities = replace(table.broker.capabilities, native_trailing=True)
    return table


def test_a_broker_that_trails_is_given_the_same_numbers_once() -> None:
    """SPEC §3: the stop goes out as one trailing stop and is left to the broker from there on."""
    table = trailing_at_the_broker(stop_pct_open="")
    protect(table, 31)
    (stop,) = table.desk.orders.working(Purpose.STOP)
    assert stop.intent.ord_type is OrdType.TRAILING_STOP
    assert float(stop.intent.stop_price) == 100.0 * (1.0 - 0.015)
    assert stop.intent.trail_fraction == Decimal("0.015")
    assert stop.request().trail_fraction == Decimal("0.015")
    assert stop.intent.exit_reason is ExitReason.STOP_LOSS
    bar = table.desk.bars["AAA"][-1]
    table.desk.bars["AAA"].append(bar._replace(minute=31, high=110.0))
    protect(table, 32, opened=False)
    assert table.broker.count("replace") == 0


def test_a_hard_stop_is_the_first_level_of_the_trail() -> None:
    """1 % under the entry is tighter than 1.5 %: the trail begins there and only ever tightens."""
    table = trailing_at_the_broker()
    protect(table, 31)
    (stop,) = table.desk.orders.working(Purpose.STOP)
    assert (stop.intent.stop_price, stop.intent.trail_fraction) == (99, Decimal("0.015"))


def test_the_trail_at_the_broker_is_replaced_when_it_tightens() -> None:
    """150 s before the time exit at minute 60 half the trail holds: minutes 58 and 59."""
    table = trailing_at_the_broker(stop_pct_open="")
    protect(table, 31)
    table.show(range(31, 58))
    protect(table, 57, opened=False)
    assert table.broker.count("replace") == 0
    protect(table, 58, opened=False)
    (stop,) = table.desk.orders.working(Purpose.STOP)
    assert stop.intent.trail_fraction == Decimal("0.0075")
    assert float(stop.intent.stop_price) == 100.0 * (1.0 - 0.0075)
    protect(table, 59, opened=False)
    assert table.broker.count("replace") == 1


def test_an_average_range_is_never_left_to_the_broker() -> None:
    """The ATR form trails in the engine at every broker."""
    table = trailing_at_the_broker(trail_atr_mult="2", trail_atr_period="5")
    protect(table, 31)
    (stop,) = table.desk.orders.working(Purpose.STOP)
    assert stop.intent.ord_type is OrdType.STOP


def test_a_refused_trail_is_the_engines_own_at_once() -> None:
    """The position is under a plain stop in the same minute, and the broker is not asked again."""
    table = trailing_at_the_broker(stop_pct_open="", target_pct_open="")
    table.broker.reject_next = [("bad_type", "no trailing stops today")]
    protect(table, 31)
    (stop,) = table.desk.orders.working(Purpose.STOP)
    assert stop.intent.ord_type is OrdType.STOP
    assert float(stop.intent.stop_price) == 100.0 * (1.0 - 0.015)
    bar = table.desk.bars["AAA"][-1]
    table.desk.bars["AAA"].append(bar._replace(minute=31, high=110.0))
    protect(table, 32, opened=False)
    (stop,) = table.desk.orders.working(Purpose.STOP)
    assert float(stop.intent.stop_price) == 110.0 * (1.0 - 0.015)
    asked = [order.intent.ord_type for order in table.desk.orders.of("AAA")]
    assert asked == [OrdType.MARKET, OrdType.TRAILING_STOP, OrdType.STOP, OrdType.STOP]


def test_a_refused_tightening_keeps_the_position_under_a_stop() -> None:
    """The broker keeps the wide trail and refuses the tight one: a plain stop takes its place."""
    table = trailing_at_the_broker(stop_pct_open="", target_pct_open="")
    protect(table, 31)
    table.show(range(31, 58))
    table.broker.reject_next = [("busy", "not now")]
    protect(table, 58, opened=False)
    (stop,) = table.desk.orders.working(Purpose.STOP)
    assert (stop.intent.ord_type, stop.intent.qty) == (OrdType.STOP, 100)
    assert float(stop.intent.stop_price) == 100.0 * (1.0 - 0.0075)


def test_a_broker_that_replaces_nothing_cancels_first() -> None:
    """BROKERS §6.1: where replacing is not supported the old order ends, then the new one rests."""
    table = holding()
    table.broker.capabilities = replace(table.broker.capabilities, native_replace=False)
    protect(table, 31)
    old = table.desk.orders.working(Purpose.STOP)[0]
    table.show(range(31, 33))
    position = table.desk.portfolio.positions["AAA"]
    position.track.best = 110.0
    protect(table, 33)
    (stop,) = table.desk.orders.working(Purpose.STOP)
    assert old.status is OrdStatus.CANCELED
    assert stop.intent.replaces == ""
    assert stop.intent.stop_price == Decimal("108.35")
    assert table.broker.count("replace") == 0


def test_a_level_waits_while_the_old_order_cannot_be_cancelled() -> None:
    """Two resting stops would sell twice: the old one stays alone."""
    table = holding()
    table.broker.capabilities = replace(table.broker.capabilities, native_replace=False)
    protect(table, 31)
    table.broker.refuse_cancels = 1
    table.desk.portfolio.positions["AAA"].track.best = 110.0
    protect(table, 32)
    (stop,) = table.desk.orders.working(Purpose.STOP)
    assert stop.intent.stop_price == 99


def test_an_exit_needs_no_bar() -> None:
    """A position whose symbol has shown no bar is closed all the same, at its entry's price."""
    table = holding()
    del table.desk.bars["AAA"]
    close(table)
    (order,) = table.desk.orders.working(Purpose.EXIT)
    assert order.intent.reference_price == 100


def without_stops(**overrides) -> Table:
    """As `holding`, at a broker that takes no stop orders."""
    table = holding(**overrides)
    kinds = table.broker.capabilities.ord_types - {OrdType.STOP, OrdType.TRAILING_STOP}
    table.broker.capabilities = replace(table.broker.capabilities, ord_types=kinds)
    return table


def see(table: Table, minute: int, **prices: float) -> bool:
    """Show one more bar of AAA and ask whether the engine's stop is hit."""
    bars = table.desk.bars["AAA"]
    bars.append(bars[-1]._replace(minute=minute, **prices))
    return protection.stop_is_hit(table.desk, table.desk.portfolio.positions["AAA"])


def test_a_broker_without_stop_orders_is_asked_for_none() -> None:
    """BROKERS: the target rests alone, and the engine holds the stop."""
    table = without_stops()
    protect(table, 31)
    (target,) = table.desk.orders.working()
    assert target.intent.purpose is Purpose.TARGET
    assert table.broker.count("submit") == 2


def test_the_engine_holds_the_stop_that_no_broker_holds() -> None:
    """SPEC §3a.5-6: 1 % below the entry of 100; from the entry bar on, at the level exactly."""
    table = without_stops()
    assert not see(table, 31, low=99.01)
    assert see(table, 32, low=99.0)
    assert see(table, 33, low=100.0)
    at_entry = without_stops()
    assert see(at_entry, 31, low=98.9)


def test_lows_before_the_entry_hit_no_stop() -> None:
    """The level exists since the fill at the open of minute 31."""
    table = without_stops()
    bars = table.desk.bars["AAA"]
    bars[-1] = bars[-1]._replace(low=50.0)
    assert not see(table, 31, low=99.5, high=100.0)


def test_the_stop_that_the_engine_holds_trails() -> None:
    """A peak of 110 of a bar that is complete: 108.35 ends it, and the peak's own bar does not."""
    table = without_stops(stop_pct_open="")
    assert not see(table, 31, high=110.0, low=99.0)
    assert not see(table, 32, high=109.0, low=108.36)
    assert see(table, 33, high=109.0, low=108.35)


def test_a_short_sides_stop_lies_above() -> None:
    """Mirrored: 1 % above the entry."""
    table = Table(**LEVELS)
    table.show(range(31))
    order = table.send(side=Side.SELL_SHORT, direction=Direction.SHORT)
    table.broker.now = table.desk.day.open + timedelta(minutes=31)
    table.broker.fill(order.intent.cl_ord_id, "100", "100")
    table.drain()
    kinds = table.broker.capabilities.ord_types - {OrdType.STOP}
    table.broker.capabilities = replace(table.broker.capabilities, ord_types=kinds)
    assert not see(table, 31, high=100.99, low=99.9)
    assert see(table, 32, high=101.0)


def test_a_stop_that_rests_at_the_broker_is_the_brokers() -> None:
    """What the broker's own stop closes the engine leaves to it; a refused one it holds itself."""
    table = holding()
    protect(table, 31)
    assert not see(table, 31, low=90.0)
    refused = holding()
    refused.broker.reject_next = [("not_allowed", "no stop orders in AAA today")]
    protect(refused, 31)
    assert see(refused, 31, low=90.0)


def test_a_session_at_a_broker_without_stops_ends_by_its_stop() -> None:
    """The bar after the one that crossed the level: at its open, as stop_loss, flat and closed."""
    bars = breaking(0.10, [25])
    bars[30] = bars[30]._replace(low=49.4)
    resting = world({"AAA": bars}, **LEVELS).run()
    held = world({"AAA": bars}, **LEVELS)

    def strip(broker: Broker) -> Broker:
        kinds = broker.capabilities.ord_types - {OrdType.STOP}
        broker.capabilities = replace(broker.capabilities, ord_types=kinds)
        return broker

    held.wrap_broker = strip
    held.run()
    (theirs,), (ours,) = resting.trades, held.trades
    assert theirs.exit_reason is ours.exit_reason is ExitReason.STOP_LOSS
    assert ours.entry_price == theirs.entry_price
    assert ours.exit_time > theirs.exit_time
    assert {each.ord_type for each in held.intents} == {OrdType.MARKET, OrdType.LIMIT}
    assert held.session.closed.flat


ENDS = {
    "stop": ({"stop_pct_open": "0.01"}, {30: {"low": 49.4}}, ExitReason.STOP_LOSS),
    "trail": ({"trail_pct_open": "0.015"}, {30: {"high": 51.0}, 31: {"low": 50.2}}, None),
    "target": ({"target_pct_open": "0.02"}, {30: {"high": 51.1}}, ExitReason.TARGET_HIT),
    "time": ({}, {}, ExitReason.TIMEOUT),
    "operator": ({}, {}, ExitReason.MANUAL),
}


@pytest.mark.parametrize("end", ENDS)
def test_each_way_out_has_its_reason(end: str) -> None:
    """S22: stop, trail, target, time and operator, each alone on the same bars; flat afterwards."""
    rules, moves, reason = ENDS[end]
    bars = breaking(0.10, [25])
    for minute, prices in moves.items():
        bars[minute] = bars[minute]._replace(**prices)
    run = world({"AAA": bars}, **({"trail_pct_open": "0.5"} | rules))
    run.run(run.ask_at(30, Command.STOP) if end == "operator" else lambda _: None)
    (trade,) = run.trades
    assert trade.exit_reason is (reason or ExitReason.STOP_LOSS)
    assert run.session.closed.flat
    minute = (trade.exit_time - run.day.open) // timedelta(minutes=1)
    assert minute == {"stop": 30, "trail": 31, "target": 30, "time": 60, "operator": 31}[end]
