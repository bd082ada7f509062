"""Tests of the simulated exchange: fill prices worked by hand from SPEC §3a, and its laws."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rigd.broker.simulated.exchange import SimExchange
from rigd.broker.simulated.model import SimModel, SlippageKind
from rigd.core.draws import Draws
from rigd.core.errors import (
    ConfigError,
    DataError,
    LogicError,
    OrderRejected,
    OutcomeUnknown,
    Unavailable,
)
from rigd.core.orders import CancelAck, Fill, OrderSnapshot, OrdStatus
from rigd.core.values import Side
from tests.broker.market import (
    ACCOUNT,
    DAY,
    OPENS,
    at_minute,
    exchange_on,
    minute_of,
    order,
    play,
)
from tests.fakes.chainlog import ListLog

FLAT = (50.0, 50.0, 50.0, 50.0)
SLIPPING = SimModel(slippage=SlippageKind.RULE_BASED, slippage_mean=0.001)


def prices(exchange: SimExchange) -> list[Decimal]:
    return [fill.price for fill in exchange.fills(OPENS)]


def long_position(model: SimModel | None = None, log: ListLog | None = None) -> SimExchange:
    """100 AAA bought at 50 at the open of minute 0, which has been opened but not traded."""
    exchange = exchange_on(log, model)
    exchange.submit(order("E"))
    exchange.open_bar(minute_of(0, AAA=FLAT))
    return exchange


def short_position(model: SimModel | None = None) -> SimExchange:
    """100 AAA sold short at 50 at the open of minute 0, which has been opened but not traded."""
    exchange = exchange_on(model=model)
    exchange.submit(order("E", Side.SELL_SHORT))
    exchange.open_bar(minute_of(0, AAA=FLAT))
    return exchange


def bracket(exchange: SimExchange, side: Side, stop: str, target: str, qty: str = "100") -> None:
    exchange.submit(order("STP", side, qty, stop=stop, group="G"))
    exchange.submit(order("TGT", side, qty, limit=target, group="G"))


class TestMarketFills:
    """SPEC §3a.3-4."""

    def test_market_order_waits_for_the_next_open(self) -> None:
        """An order sent on the close of minute 3 fills at the open of minute 4, not before."""
        exchange = exchange_on()
        play(exchange, minute_of(3, AAA=(40.0, 41.0, 39.0, 40.5)))
        exchange.submit(order("E"))
        assert exchange.fills(OPENS) == []
        exchange.open_bar(minute_of(4, AAA=(42.0, 43.0, 41.0, 42.5)))
        (fill,) = exchange.fills(OPENS)
        assert (fill.price, fill.qty, fill.ts) == (Decimal(42), Decimal(100), at_minute(4))

    def test_latency_moves_the_fill_along_the_line_to_the_close(self) -> None:
        """15 s of 60 s on a bar from 100 to 104 is 101."""
        exchange = exchange_on(model=SimModel(latency_ms=15_000))
        exchange.submit(order("E"))
        exchange.open_bar(minute_of(0, AAA=(100.0, 105.0, 99.0, 104.0)))
        assert prices(exchange) == [Decimal(101)]

    @pytest.mark.parametrize(
        ("side", "expected"), [(Side.BUY, "101.101"), (Side.SELL_SHORT, "100.899")]
    )
    def test_slippage_comes_after_latency_and_against_us(self, side: Side, expected: str) -> None:
        """0.1 % of 101 is 0.101: a buy pays it on top, a short sale receives it less."""
        model = SimModel(latency_ms=15_000, slippage=SlippageKind.RULE_BASED, slippage_mean=0.001)
        exchange = exchange_on(model=model)
        exchange.submit(order("E", side))
        exchange.open_bar(minute_of(0, AAA=(100.0, 105.0, 99.0, 104.0)))
        assert prices(exchange) == [Decimal(expected)]

    @pytest.mark.parametrize(
        ("build", "side", "expected"),
        [(long_position, Side.SELL, "59.94"), (short_position, Side.BUY_TO_COVER, "60.06")],
    )
    def test_exits_slip_against_us_too(self, build, side: Side, expected: str) -> None:
        """Selling at 60 with 0.1 % gives 59.94, covering costs 60.06."""
        exchange = build(SLIPPING)
        exchange.submit(order("X", side))
        exchange.open_bar(minute_of(1, AAA=(60.0, 60.0, 60.0, 60.0)))
        assert prices(exchange)[-1] == Decimal(expected)

    def test_fill_prices_have_six_decimals(self) -> None:
        """One third of the way from 10 to 11 is 10.333333."""
        exchange = exchange_on(model=SimModel(latency_ms=20_000))
        exchange.submit(order("E"))
        exchange.open_bar(minute_of(0, AAA=(10.0, 11.0, 10.0, 11.0)))
        assert prices(exchange) == [Decimal("10.333333")]

    def test_symbol_without_a_bar_waits(self) -> None:
        """A market order acts on its symbol's next bar, however late that is."""
        exchange = exchange_on()
        exchange.submit(order("E"))
        play(exchange, minute_of(0, BBB=FLAT))
        play(exchange, minute_of(1, BBB=FLAT))
        assert exchange.fills(OPENS) == []
        play(exchange, minute_of(2, AAA=(51.0, 51.0, 51.0, 51.0)))
        (fill,) = exchange.fills(OPENS)
        assert (fill.price, fill.ts) == (Decimal(51), at_minute(2))

    def test_orders_fill_in_order_of_acceptance(self) -> None:
        """Two symbols fill at one open in the order in which their orders came in."""
        exchange = exchange_on()
        exchange.submit(order("E2", symbol="ZZZ"))
        exchange.submit(order("E1", symbol="AAA"))
        exchange.open_bar(minute_of(0, AAA=FLAT, ZZZ=FLAT))
        assert [fill.cl_ord_id for fill in exchange.fills(OPENS)] == ["E2", "E1"]

    def test_commission_is_a_fraction_of_each_fill(self) -> None:
        """0.05 % of 100 x 50 is 2.50, and leaves the cash with the price."""
        exchange = long_position(SimModel(commission_fraction=Decimal("0.0005")))
        (fill,) = exchange.fills(OPENS)
        assert fill.commission == Decimal("2.5")
        assert exchange.account().cash == Decimal(100_000) - Decimal(5_000) - Decimal("2.5")


class TestLevels:
    """SPEC §3a.5-6."""

    def test_stop_in_the_entry_bar_is_tested_without_the_open(self) -> None:
        """Placed after the open at 50, a stop at 51 does not gap: the low of 50 hits it at 51."""
        exchange = long_position()
        bracket(exchange, Side.SELL, "51", "60")
        exchange.trade_through(minute_of(0, AAA=(50.0, 52.0, 50.0, 52.0)))
        assert prices(exchange)[-1] == Decimal(51)

    def test_stop_gaps_at_the_open_of_a_later_bar(self) -> None:
        """A bar that opens at 47, below the stop of 49, exits at 47."""
        exchange = long_position()
        bracket(exchange, Side.SELL, "49", "60")
        exchange.trade_through(minute_of(0, AAA=FLAT))
        exchange.open_bar(minute_of(1, AAA=(47.0, 61.0, 46.0, 50.0)))
        fill = exchange.fills(OPENS)[-1]
        assert (fill.cl_ord_id, fill.price, fill.ts) == ("STP", Decimal(47), at_minute(1))

    def test_target_gaps_at_the_open_of_a_later_bar(self) -> None:
        """A bar that opens at 62, above the target of 60, exits at 62, before its low is seen."""
        exchange = long_position()
        bracket(exchange, Side.SELL, "49", "60")
        exchange.trade_through(minute_of(0, AAA=FLAT))
        exchange.open_bar(minute_of(1, AAA=(62.0, 62.0, 40.0, 41.0)))
        fill = exchange.fills(OPENS)[-1]
        assert (fill.cl_ord_id, fill.price) == ("TGT", Decimal(62))

    def test_stop_comes_before_target_inside_a_bar(self) -> None:
        """A bar that reaches both 49 and 60 exits at the stop, though the target came in first."""
        exchange = long_position()
        exchange.submit(order("TGT", Side.SELL, limit="60", group="G"))
        exchange.submit(order("STP", Side.SELL, stop="49", group="G"))
        exchange.trade_through(minute_of(0, AAA=(50.0, 61.0, 48.0, 55.0)))
        fill = exchange.fills(OPENS)[-1]
        assert (fill.cl_ord_id, fill.price) == ("STP", Decimal(49))

    def test_short_side_is_mirrored(self) -> None:
        """A short's stop of 51 lies above: a high of 52 covers at 51, before the target of 45."""
        exchange = short_position()
        bracket(exchange, Side.BUY_TO_COVER, "51", "45")
        exchange.trade_through(minute_of(0, AAA=(50.0, 52.0, 44.0, 46.0)))
        fill = exchange.fills(OPENS)[-1]
        assert (fill.cl_ord_id, fill.price) == ("STP", Decimal(51))

    @pytest.mark.parametrize(
        ("build", "side", "stop", "target", "low_high", "expected"),
        [
            (long_position, Side.SELL, "49", "60", (48.0, 51.0), "48.951"),
            (long_position, Side.SELL, "49", "60", (49.5, 61.0), "60"),
            (short_position, Side.BUY_TO_COVER, "51", "45", (49.0, 52.0), "51.051"),
            (short_position, Side.BUY_TO_COVER, "51", "45", (44.0, 50.5), "45"),
        ],
    )
    def test_stops_slip_and_targets_do_not(
        self, build, side: Side, stop: str, target: str, low_high, expected: str
    ) -> None:
        """0.1 % of 49 is 0.049 and of 51 is 0.051; a limit fills at its level."""
        exchange = build(SLIPPING)
        bracket(exchange, side, stop, target)
        low, high = low_high
        exchange.trade_through(minute_of(0, AAA=(50.0, high, low, 50.0)))
        assert prices(exchange)[-1] == Decimal(expected)

    def test_resident_stop_has_no_latency(self) -> None:
        """A stop that gaps fills at the open itself, whatever the latency of market orders."""
        exchange = exchange_on(model=SimModel(latency_ms=30_000))
        exchange.submit(order("E"))
        exchange.open_bar(minute_of(0, AAA=FLAT))
        bracket(exchange, Side.SELL, "49", "60")
        exchange.trade_through(minute_of(0, AAA=FLAT))
        exchange.open_bar(minute_of(1, AAA=(48.0, 60.0, 48.0, 60.0)))
        assert prices(exchange)[-1] == Decimal(48)

    def test_level_that_is_just_reached_counts(self) -> None:
        """A low equal to the stop exits there (low <= stop)."""
        exchange = long_position()
        bracket(exchange, Side.SELL, "49", "60")
        exchange.trade_through(minute_of(0, AAA=(50.0, 50.0, 49.0, 50.0)))
        assert prices(exchange)[-1] == Decimal(49)

    def test_fill_cancels_the_siblings(self) -> None:
        """When the stop fills, the target of its group is cancelled by the exchange."""
        exchange = long_position()
        bracket(exchange, Side.SELL, "49", "60")
        exchange.trade_through(minute_of(0, AAA=(50.0, 50.0, 48.0, 50.0)))
        sibling = exchange.find("TGT")
        assert sibling is not None
        assert (sibling.ord_status, sibling.reason) == (OrdStatus.CANCELED, "oco")
        assert exchange.open_orders() == []

    def test_time_exit_comes_before_a_level_at_the_same_open(self) -> None:
        """With its group cancelled first, an exit fills at the open that gaps the old stop."""
        exchange = long_position(SLIPPING)
        bracket(exchange, Side.SELL, "49", "60")
        exchange.trade_through(minute_of(0, AAA=FLAT))
        exchange.cancel("STP")
        exchange.cancel("TGT")
        exchange.submit(order("X", Side.SELL))
        exchange.open_bar(minute_of(1, AAA=(47.0, 47.0, 47.0, 47.0)))
        fill = exchange.fills(OPENS)[-1]
        assert (fill.cl_ord_id, fill.price) == ("X", Decimal("46.953"))

    def test_replaced_stop_acts_with_its_new_level(self) -> None:
        """A stop moved from 45 to 49 exits at 49, and the old one is told as REPLACED."""
        exchange = long_position()
        bracket(exchange, Side.SELL, "45", "60")
        exchange.trade_through(minute_of(0, AAA=FLAT))
        new = exchange.replace("STP", order("STP2", Side.SELL, stop="49", group="G"))
        assert new.ord_status is OrdStatus.NEW
        old = exchange.find("STP")
        assert old is not None
        assert old.ord_status is OrdStatus.REPLACED
        play(exchange, minute_of(1, AAA=(50.0, 50.0, 48.0, 48.0)))
        fill = exchange.fills(OPENS)[-1]
        assert (fill.cl_ord_id, fill.price) == ("STP2", Decimal(49))
        target = exchange.find("TGT")
        assert target is not None
        assert target.ord_status is OrdStatus.CANCELED

    def test_nearest_of_several_levels_acts(self) -> None:
        """Of two stops in a group the higher one protects a long, of two targets the lower one."""
        exchange = long_position()
        for name, level in (("S1", "45"), ("S2", "48")):
            exchange.submit(order(name, Side.SELL, stop=level, group="G"))
        for name, level in (("T1", "60"), ("T2", "52")):
            exchange.submit(order(name, Side.SELL, limit=level, group="G"))
        exchange.trade_through(minute_of(0, AAA=(50.0, 61.0, 49.0, 50.0)))
        assert exchange.fills(OPENS)[-1].cl_ord_id == "T2"

    def test_resting_entry_fills_at_its_limit(self) -> None:
        """A limit to buy at 49 fills at 49 when the low reaches it, without slippage."""
        exchange = exchange_on(model=SLIPPING)
        exchange.submit(order("L", limit="49"))
        play(exchange, minute_of(0, AAA=(50.0, 50.0, 48.5, 49.5)))
        assert prices(exchange) == [Decimal(49)]


class TestReduceOnly:
    """No exit ever turns a position round."""

    def test_group_never_sells_more_than_is_held(self) -> None:
        """A stop for 250 on a position of 100 sells 100, and what is left of it is cancelled."""
        exchange = long_position()
        bracket(exchange, Side.SELL, "49", "60", qty="250")
        exchange.trade_through(minute_of(0, AAA=(50.0, 50.0, 48.0, 50.0)))
        assert exchange.positions() == []
        stop = exchange.find("STP")
        assert stop is not None
        assert (stop.cum_qty, stop.ord_status) == (Decimal(100), OrdStatus.CANCELED)

    def test_group_is_cancelled_when_the_position_is_gone(self) -> None:
        """A market exit that flattens takes the resident orders of the symbol with it."""
        exchange = long_position()
        bracket(exchange, Side.SELL, "30", "90")
        exchange.submit(order("X", Side.SELL))
        play(exchange, minute_of(1, AAA=FLAT))
        assert exchange.open_orders() == []
        stop = exchange.find("STP")
        assert stop is not None
        assert (stop.ord_status, stop.reason) == (OrdStatus.CANCELED, "position_gone")

    @pytest.mark.parametrize(
        ("request_", "code"),
        [
            (order("X", Side.SELL), "no_position"),
            (order("X", Side.BUY_TO_COVER), "no_position"),
            (order("X", Side.SELL, stop="40", group="G"), "no_position"),
            (order("X", Side.BUY, stop="40", group="G"), "bad_group"),
            (order("X", qty="0.0000001"), "bad_quantity"),
            (order("X", qty="1e12"), "bad_quantity"),
            (order("X", limit="-5"), "bad_price"),
            (order("X", limit="NaN"), "bad_price"),
            (order("X", qty="2001"), "insufficient_funds"),
            (order("X", Side.SELL_SHORT, qty="2001"), "insufficient_funds"),
            (order("X", qty="0.019"), "below_minimum"),
            (order("x y"), "bad_id"),
            (order("X" * 33), "bad_id"),
        ],
    )
    def test_refusals_on_a_flat_account(self, request_, code: str) -> None:
        """With 100000 and a mark of 50, each of these is refused with its code."""
        exchange = exchange_on()
        play(exchange, minute_of(0, AAA=FLAT))
        with pytest.raises(OrderRejected) as caught:
            exchange.submit(request_)
        assert caught.value.code == code
        assert exchange.open_orders() == []

    def test_most_that_the_cash_buys_is_accepted(self) -> None:
        """2000 shares at 50 are exactly 100000."""
        exchange = exchange_on()
        play(exchange, minute_of(0, AAA=FLAT))
        assert exchange.submit(order("X", qty="2000")).ord_status is OrdStatus.NEW

    def test_working_entries_take_their_part_of_the_funds(self) -> None:
        """After an order for 60000 one for 50000 is refused and one for 40000 is not."""
        exchange = exchange_on()
        play(exchange, minute_of(0, AAA=FLAT))
        exchange.submit(order("A", qty="1200"))
        with pytest.raises(OrderRejected, match="insufficient_funds"):
            exchange.submit(order("B", qty="1000"))
        exchange.submit(order("C", qty="800"))
        assert exchange.account().buying_power == 0

    @pytest.mark.parametrize(
        ("build", "request_", "code"),
        [
            (long_position, order("X", Side.SELL, qty="101"), "oversell"),
            (long_position, order("X", Side.SELL_SHORT), "opposite_position"),
            (long_position, order("X", Side.BUY_TO_COVER), "no_position"),
            (short_position, order("X", Side.BUY_TO_COVER, qty="101"), "oversell"),
            (short_position, order("X", Side.BUY), "opposite_position"),
        ],
    )
    def test_refusals_on_an_open_position(self, build, request_, code: str) -> None:
        """No order may exceed or turn round a position of 100."""
        exchange = build()
        with pytest.raises(OrderRejected) as caught:
            exchange.submit(request_)
        assert caught.value.code == code

    def test_second_exit_of_the_same_shares_is_refused(self) -> None:
        """While an exit for all 100 works, another one is an oversell."""
        exchange = long_position()
        exchange.submit(order("X1", Side.SELL))
        with pytest.raises(OrderRejected, match="oversell"):
            exchange.submit(order("X2", Side.SELL))

    def test_entries_both_ways_in_one_symbol_are_refused(self) -> None:
        """While a buy waits, a short sale in the symbol is refused."""
        exchange = exchange_on()
        exchange.submit(order("A"))
        with pytest.raises(OrderRejected, match="opposite_order"):
            exchange.submit(order("B", Side.SELL_SHORT))

    def test_group_of_two_symbols_is_refused(self) -> None:
        """Orders of a group share symbol and side."""
        exchange = exchange_on()
        exchange.submit(order("A"))
        exchange.submit(order("B", symbol="BBB"))
        exchange.open_bar(minute_of(0, AAA=FLAT, BBB=FLAT))
        exchange.submit(order("S", Side.SELL, stop="40", group="G"))
        with pytest.raises(OrderRejected, match="bad_group"):
            exchange.submit(order("T", Side.SELL, symbol="BBB", limit="60", group="G"))


class TestAccount:
    """Positions, average prices, equity."""

    def test_average_price_of_two_buys(self) -> None:
        """100 at 50 and 50 at 53 average 51; selling does not change it."""
        exchange = long_position()
        exchange.submit(order("B", qty="50"))
        play(exchange, minute_of(1, AAA=(53.0, 53.0, 53.0, 53.0)))
        (position,) = exchange.positions()
        assert (position.qty, position.avg_px) == (Decimal(150), Decimal(51))
        exchange.submit(order("C", Side.SELL, qty="30"))
        play(exchange, minute_of(2, AAA=(60.0, 60.0, 60.0, 60.0)))
        (position,) = exchange.positions()
        assert (position.qty, position.avg_px) == (Decimal(120), Decimal(51))

    def test_equity_of_a_long_follows_the_mark(self) -> None:
        """100 shares from 50 to 52 gain 200; the cash stays."""
        exchange = long_position()
        exchange.trade_through(minute_of(0, AAA=(50.0, 52.0, 50.0, 52.0)))
        account = exchange.account()
        assert (account.cash, account.equity) == (Decimal(95_000), Decimal(100_200))

    def test_equity_of_a_short_falls_with_the_mark(self) -> None:
        """100 shares short from 50 to 52 lose 200; the sale's proceeds are in the cash."""
        exchange = short_position()
        exchange.trade_through(minute_of(0, AAA=(50.0, 52.0, 50.0, 52.0)))
        account = exchange.account()
        assert (account.cash, account.equity) == (Decimal(105_000), Decimal(99_800))
        assert account.buying_power == Decimal(105_000) - 2 * Decimal(5_200)
        (position,) = exchange.positions()
        assert (position.qty, position.avg_px) == (Decimal(-100), Decimal(50))

    def test_round_trip_leaves_the_difference(self) -> None:
        """Bought at 50, stopped at 49: 100 lost and nothing held."""
        exchange = long_position()
        bracket(exchange, Side.SELL, "49", "60")
        exchange.trade_through(minute_of(0, AAA=(50.0, 50.0, 48.0, 48.0)))
        account = exchange.account()
        assert (account.cash, account.equity) == (Decimal(99_900), Decimal(99_900))


class TestFaults:
    """Partial fills, rejects and lost replies come as drawn, and the same after a restart."""

    def test_partial_entry_fills_at_two_opens(self) -> None:
        """Part fills at the first open and the rest at the next one; the sum is the order."""
        exchange = exchange_on(model=SimModel(partial_fill_rate=1.0))
        exchange.submit(order("E"))
        exchange.open_bar(minute_of(0, AAA=FLAT))
        (first,) = exchange.fills(OPENS)
        assert 0 < first.qty < 100
        assert first.qty == first.qty.to_integral_value()
        snapshot = exchange.find("E")
        assert snapshot is not None
        assert snapshot.ord_status is OrdStatus.PARTIALLY_FILLED
        exchange.trade_through(minute_of(0, AAA=FLAT))
        exchange.open_bar(minute_of(1, AAA=(51.0, 51.0, 51.0, 51.0)))
        first, second = exchange.fills(OPENS)
        assert (first.qty + second.qty, second.price) == (Decimal(100), Decimal(51))
        snapshot = exchange.find("E")
        assert snapshot is not None
        assert snapshot.ord_status is OrdStatus.FILLED
        exact = (first.qty * 50 + second.qty * 51) / 100
        assert snapshot.avg_px == exact

    def test_cancelled_rest_does_not_fill(self) -> None:
        """After a cancel only the first part is held."""
        exchange = exchange_on(model=SimModel(partial_fill_rate=1.0))
        exchange.submit(order("E"))
        play(exchange, minute_of(0, AAA=FLAT))
        assert exchange.cancel("E") is CancelAck.REQUESTED
        play(exchange, minute_of(1, AAA=FLAT))
        (fill,) = exchange.fills(OPENS)
        (position,) = exchange.positions()
        assert position.qty == fill.qty < 100

    def test_single_share_is_never_split(self) -> None:
        """One whole share fills at once, however often partial fills are drawn."""
        exchange = exchange_on(model=SimModel(partial_fill_rate=1.0))
        exchange.submit(order("E", qty="1"))
        play(exchange, minute_of(0, AAA=FLAT))
        assert [fill.qty for fill in exchange.fills(OPENS)] == [Decimal(1)]

    def test_exit_is_never_split(self) -> None:
        """Where every entry fills in two parts, an exit by market still fills at one open."""
        exchange = exchange_on(model=SimModel(partial_fill_rate=1.0))
        exchange.submit(order("E"))
        play(exchange, minute_of(0, AAA=FLAT))
        play(exchange, minute_of(1, AAA=FLAT))
        exchange.submit(order("X", Side.SELL))
        play(exchange, minute_of(2, AAA=FLAT))
        assert exchange.positions() == []

    def test_drawn_reject_is_told_and_kept(self) -> None:
        """A refused order raises, is found as REJECTED and never fills."""
        exchange = exchange_on(model=SimModel(reject_rate=1.0))
        with pytest.raises(OrderRejected) as caught:
            exchange.submit(order("E"))
        assert caught.value.code == "simulated"
        snapshot = exchange.find("E")
        assert snapshot is not None
        assert (snapshot.ord_status, snapshot.reason) == (
            OrdStatus.REJECTED,
            "simulated: refused at random",
        )
        play(exchange, minute_of(0, AAA=FLAT))
        assert exchange.positions() == []

    def test_refused_replacement_leaves_the_old_order(self) -> None:
        """A replacement for another symbol is refused and the stop works on."""
        exchange = long_position()
        exchange.submit(order("STP", Side.SELL, stop="49"))
        with pytest.raises(OrderRejected, match="other_order"):
            exchange.replace("STP", order("N", Side.SELL, symbol="BBB", stop="48"))
        with pytest.raises(OrderRejected, match="not_working"):
            exchange.replace("none", order("N2", Side.SELL, stop="48"))
        assert [snapshot.cl_ord_id for snapshot in exchange.open_orders()] == ["STP"]

    def test_lost_reply_of_an_accepted_order(self) -> None:
        """The caller hears nothing, the order exists once and fills."""
        exchange = exchange_on(model=SimModel(lost_reply_rate=1.0))
        with pytest.raises(OutcomeUnknown):
            exchange.submit(order("E"))
        assert [snapshot.cl_ord_id for snapshot in exchange.open_orders()] == ["E"]
        assert exchange.submit(order("E")).ord_status is OrdStatus.NEW
        play(exchange, minute_of(0, AAA=FLAT))
        assert len(exchange.fills(OPENS)) == 1

    def test_lost_reply_of_a_refused_order(self) -> None:
        """The caller hears nothing, and the look-up tells the refusal."""
        exchange = exchange_on(model=SimModel(lost_reply_rate=1.0, reject_rate=1.0))
        with pytest.raises(OutcomeUnknown):
            exchange.submit(order("E"))
        snapshot = exchange.find("E")
        assert snapshot is not None
        assert snapshot.ord_status is OrdStatus.REJECTED

    def test_refused_cancel_leaves_the_order_working(self) -> None:
        """TOO_LATE is answered, and the order fills at the next open."""
        exchange = exchange_on(model=SimModel(refused_cancel_rate=1.0))
        exchange.submit(order("E"))
        assert exchange.cancel("E") is CancelAck.TOO_LATE
        assert [snapshot.cl_ord_id for snapshot in exchange.open_orders()] == ["E"]
        play(exchange, minute_of(0, AAA=FLAT))
        assert len(exchange.fills(OPENS)) == 1

    def test_same_id_twice_is_one_order(self) -> None:
        """The second submit answers the first one's state, whatever it asks for."""
        exchange = exchange_on()
        first = exchange.submit(order("E"))
        assert exchange.submit(order("E", qty="999")) == first
        assert len(exchange.open_orders()) == 1


class TestSession:
    """Sessions begin and end once; what waits at the end is settled."""

    def test_waiting_exit_fills_at_the_last_mark_flagged(self) -> None:
        """SPEC §3a.8: an exit that found no bar fills at the last close, without slippage."""
        exchange = long_position(SLIPPING)
        exchange.trade_through(minute_of(0, AAA=(50.0, 52.0, 50.0, 51.5)))
        exchange.submit(order("X", Side.SELL))
        exchange.end_session()
        fill = exchange.fills(OPENS)[-1]
        assert (fill.price, fill.synthetic, fill.ts) == (Decimal("51.5"), True, at_minute(1))
        snapshot = exchange.find("X")
        assert snapshot is not None
        assert (snapshot.ord_status, snapshot.reason) == (OrdStatus.FILLED, "stale_exit")
        assert exchange.positions() == []

    def test_given_marks_win_over_own_ones(self) -> None:
        """The marks that end a session are those of the caller."""
        exchange = long_position()
        exchange.submit(order("X", Side.SELL))
        exchange.end_session({"AAA": 48.25})
        assert prices(exchange)[-1] == Decimal("48.25")

    def test_everything_else_expires(self) -> None:
        """Entries and resident orders that are left at the end expire and never fill."""
        exchange = long_position()
        exchange.submit(order("S", Side.SELL, stop="40"))
        exchange.submit(order("E2", symbol="BBB"))
        exchange.end_session({"BBB": 10.0})
        for name in ("S", "E2"):
            snapshot = exchange.find(name)
            assert snapshot is not None
            assert snapshot.ord_status is OrdStatus.EXPIRED
        assert len(exchange.fills(OPENS)) == 1

    def test_ended_session_takes_no_order(self) -> None:
        """After the end the market is closed, and before the first session too."""
        exchange = exchange_on()
        exchange.end_session()
        with pytest.raises(OrderRejected, match="market_closed"):
            exchange.submit(order("E"))
        assert exchange.clock().is_open is False
        with pytest.raises(OrderRejected, match="market_closed"):
            exchange_on(begun=False).submit(order("E"))

    def test_session_is_taken_up_again(self) -> None:
        """Beginning the present session again changes nothing, also after its end."""
        log = ListLog()
        exchange = long_position(log=log)
        rows = len(log.rows)
        exchange.begin_session(DAY, 1, OPENS)
        assert len(log.rows) == rows
        exchange.end_session()
        exchange.begin_session(DAY, 1, OPENS)
        assert exchange.clock().is_open is False

    def test_positions_carry_into_the_next_session_and_orders_do_not(self) -> None:
        """A second session of the day finds the shares, and the forgotten order expired."""
        exchange = long_position()
        exchange.submit(order("S", Side.SELL, stop="40"))
        exchange.begin_session(DAY, 2, OPENS)
        assert [position.qty for position in exchange.positions()] == [Decimal(100)]
        snapshot = exchange.find("S")
        assert snapshot is not None
        assert snapshot.ord_status is OrdStatus.EXPIRED
        exchange.submit(order("X", Side.SELL))
        exchange.open_bar(minute_of(0, AAA=FLAT))
        assert exchange.positions() == []

    def test_ended_session_does_not_begin_again_after_another(self) -> None:
        """A session that is over stays over."""
        exchange = exchange_on()
        exchange.end_session()
        exchange.begin_session(DAY, 2, OPENS)
        with pytest.raises(LogicError, match="2026-11-20_1"):
            exchange.begin_session(DAY, 1, OPENS)

    def test_minute_must_be_opened_before_it_trades(self) -> None:
        """The driver's phases come in order."""
        exchange = exchange_on()
        with pytest.raises(LogicError, match="minute 0 must be opened"):
            exchange.trade_through(minute_of(0, AAA=FLAT))

    def test_phases_need_a_session(self) -> None:
        """No bar is taken before a session has begun, and the exchange has no time."""
        exchange = exchange_on(begun=False)
        with pytest.raises(LogicError, match="session must begin"):
            exchange.open_bar(minute_of(0, AAA=FLAT))
        with pytest.raises(Unavailable):
            exchange.clock()
        assert exchange.account().cash == Decimal(100_000)


class TestLog:
    """The log is the truth: durable first, one entry per step, nothing when nothing happened."""

    def test_quiet_minutes_write_nothing(self) -> None:
        """Ten minutes with a waiting stop that nothing reaches add no entry."""
        log = ListLog()
        exchange = long_position(log=log)
        exchange.submit(order("S", Side.SELL, stop="10"))
        rows = len(log.rows)
        exchange.trade_through(minute_of(0, AAA=FLAT))
        for minute in range(1, 11):
            play(exchange, minute_of(minute, AAA=FLAT))
        assert len(log.rows) == rows

    def test_every_entry_is_durable_and_a_phase_is_one_entry(self) -> None:
        """Two symbols that fill at one open make one entry, synced like all others."""
        log = ListLog()
        exchange = exchange_on(log)
        exchange.submit(order("A"))
        exchange.submit(order("B", symbol="BBB"))
        exchange.open_bar(minute_of(0, AAA=FLAT, BBB=FLAT))
        assert [row[2] for row in log.rows] == ["begin", "submit", "submit", "open"]
        assert all(log.durable)

    def test_failed_write_stops_the_exchange(self) -> None:
        """When the log fails, the outcome is unknown and nothing more is answered or told."""
        log = ListLog()
        exchange = exchange_on(log)
        log.fail_with = OSError(28, "No space left on device")
        with pytest.raises(OutcomeUnknown, match="No space"):
            exchange.submit(order("E"))
        for ask in (exchange.open_orders, exchange.account, lambda: exchange.events(0)):
            with pytest.raises(Unavailable):
                ask()
        log.fail_with = None
        assert exchange_on(log).find("E") is None

    def test_bad_bar_stops_the_exchange_and_leaves_the_log_whole(self) -> None:
        """A NaN open in the second symbol fills neither; opened again, both orders wait."""
        log = ListLog()
        exchange = exchange_on(log)
        exchange.submit(order("A"))
        exchange.submit(order("B", symbol="BBB"))
        nan = float("nan")
        with pytest.raises(DataError):
            exchange.open_bar(minute_of(0, AAA=FLAT, BBB=(nan, nan, nan, nan)))
        with pytest.raises(Unavailable):
            exchange.positions()
        again = exchange_on(log)
        assert again.positions() == []
        assert len(again.open_orders()) == 2

    def test_log_of_another_account_is_refused(self) -> None:
        """A truth file belongs to one account and currency."""
        log = ListLog()
        exchange_on(log)
        with pytest.raises(ConfigError, match=ACCOUNT):
            SimExchange(log, SimModel(), Draws(7), "OTHER", "USD")

    def test_starting_cash_is_that_of_the_log(self) -> None:
        """Another starting cash in the settings does not touch an existing account."""
        log = ListLog()
        exchange_on(log)
        again = exchange_on(log, SimModel(starting_cash=Decimal(5)))
        assert again.account().cash == Decimal(100_000)

    def test_order_after_a_quiet_open_does_not_fill_in_that_minute_after_a_restart(self) -> None:
        """Sent after minute 5 traded, it fills in minute 6 also when minute 5 is played again."""
        log = ListLog()
        exchange = exchange_on(log)
        for minute in range(6):
            play(exchange, minute_of(minute, AAA=FLAT))
        exchange.submit(order("E"))
        again = exchange_on(log)
        for minute in range(6):
            play(again, minute_of(minute, AAA=(10.0, 10.0, 10.0, 10.0)))
        assert again.fills(OPENS) == []
        play(again, minute_of(6, AAA=(51.0, 51.0, 51.0, 51.0)))
        assert prices(again) == [Decimal(51)]

    def test_stop_of_the_entry_bar_keeps_its_rule_after_a_restart(self) -> None:
        """Placed after the open of minute 0, it is tested without that open after a restart."""
        log = ListLog()
        bracket(long_position(log=log), Side.SELL, "51", "60")
        again = exchange_on(log)
        slice_ = minute_of(0, AAA=(50.0, 52.0, 50.0, 52.0))
        again.open_bar(slice_)
        assert len(again.fills(OPENS)) == 1
        again.trade_through(slice_)
        assert prices(again)[-1] == Decimal(51)


class TestEvents:
    """The stream of events is numbered and complete."""

    def test_events_tell_fill_before_status(self) -> None:
        """NEW, then the fill, then FILLED; the cursor moves past them."""
        exchange = long_position()
        events, cursor = exchange.events(0)
        assert [type(event) for event in events] == [OrderSnapshot, Fill, OrderSnapshot]
        assert exchange.events(cursor) == ([], cursor)

    def test_cursor_of_minus_one_skips_the_past(self) -> None:
        """A client that connects hears of what happens from then on."""
        exchange = long_position()
        events, cursor = exchange.events(-1)
        assert events == []
        exchange.submit(order("S", Side.SELL, stop="10"))
        events, _ = exchange.events(cursor)
        assert [event.cl_ord_id for event in events] == ["S"]


TRAILING = SimModel(native_trailing=True)


def test_trailing_stop_follows_complete_bars_and_fills_at_its_level() -> None:
    """SPEC §3a.5-6 at the broker: a bar's own high does not lift the level inside it."""
    exchange = long_position(TRAILING)
    exchange.submit(order("T", Side.SELL, stop="49", trail="0.02"))
    exchange.trade_through(minute_of(0, AAA=FLAT))
    for minute, bar in ((1, (50.0, 55.0, 49.5, 54.5)), (2, (54.5, 54.6, 53.0, 53.5))):
        slice_ = minute_of(minute, AAA=bar)
        exchange.open_bar(slice_)
        exchange.trade_through(slice_)
    assert prices(exchange) == [50, Decimal("53.9")]  # 55 × 0.98; the low of 49.5 came before it


def test_trailing_stop_of_a_short_follows_the_lows_and_gaps_at_the_open() -> None:
    """The mirror: 2 % over the low of 45 is 45.9, and the next open lies beyond it."""
    exchange = short_position(TRAILING)
    exchange.submit(order("T", Side.BUY_TO_COVER, stop="51", trail="0.02"))
    exchange.trade_through(minute_of(0, AAA=(50.0, 50.0, 45.0, 45.5)))
    exchange.open_bar(minute_of(1, AAA=(47.0, 47.0, 47.0, 47.0)))
    assert prices(exchange) == [50, 47]


def test_trailed_level_survives_the_exchange() -> None:
    """Opened again over its log, the exchange trails on from where the level was."""
    log = ListLog()
    exchange = long_position(TRAILING, log)
    exchange.submit(order("T", Side.SELL, stop="49", trail="0.02"))
    exchange.trade_through(minute_of(0, AAA=(50.0, 55.0, 50.0, 54.5)))
    again = exchange_on(ListLog(log.rows), TRAILING)
    slice_ = minute_of(1, AAA=(54.5, 54.6, 53.0, 53.5))
    again.open_bar(slice_)
    again.trade_through(slice_)
    assert prices(again) == [50, Decimal("53.9")]


def test_trailing_stop_is_refused_where_the_broker_has_none() -> None:
    """Without the option the type is unknown, and the position keeps what it has."""
    exchange = long_position()
    with pytest.raises(OrderRejected, match="bad_type"):
        exchange.submit(order("T", Side.SELL, stop="49", trail="0.02"))


def test_trailing_stop_and_target_are_one_group() -> None:
    """The target fills and takes the trailing stop with it."""
    exchange = long_position(TRAILING)
    exchange.submit(order("T", Side.SELL, stop="49", trail="0.02", group="G"))
    exchange.submit(order("L", Side.SELL, limit="52", group="G"))
    exchange.trade_through(minute_of(0, AAA=(50.0, 52.5, 50.0, 52.0)))
    assert prices(exchange) == [50, 52]
    found = exchange.find("T")
    assert found is not None
    assert found.ord_status is OrdStatus.CANCELED


class TestNobodyPlays:
    """The market stands still because its player is dead, and a person closes the account."""

    def test_exits_fill_at_the_last_mark_without_slippage(self) -> None:
        """The last close of the bars, marked synthetic; the session stays open."""
        exchange = long_position(SLIPPING)
        exchange.trade_through(minute_of(0, AAA=(50.0, 51.0, 49.0, 49.5)))
        exchange.submit(order("X", Side.SELL))
        exchange.fill_at_marks()
        found = exchange.find("X")
        assert found is not None
        assert (found.ord_status, found.avg_px) == (OrdStatus.FILLED, Decimal("49.5"))
        assert found.reason == "last_mark"
        assert exchange.fills(OPENS)[-1].synthetic
        assert exchange.positions() == []
        assert exchange.clock().is_open

    def test_a_symbol_without_a_mark_fills_at_its_average_price(self) -> None:
        """After a restart the marks of a position that never traded on are not known."""
        log = ListLog()
        long_position(log=log)
        again = exchange_on(log, begun=False)
        again._book.marks.clear()
        again.submit(order("X", Side.SELL))
        again.fill_at_marks()
        assert prices(again)[-1] == Decimal(50)

    def test_entries_and_resident_orders_are_left_alone(self) -> None:
        """Nobody gets a position from a market that does not move."""
        exchange = long_position()
        bracket(exchange, Side.SELL, "45", "60")
        exchange.submit(order("E2", symbol="BBB"))
        before = len(exchange.open_orders())
        exchange.fill_at_marks()
        assert len(exchange.open_orders()) == before == 3

    def test_what_it_filled_outlives_the_process(self) -> None:
        """The fill is durable before the caller hears of it."""
        log = ListLog()
        exchange = long_position(log=log)
        exchange.submit(order("X", Side.SELL))
        exchange.fill_at_marks()
        assert exchange_on(log, begun=False).positions() == []

    def test_after_the_session_it_does_nothing(self) -> None:
        """What is closed stays closed."""
        exchange = long_position()
        exchange.end_session()
        exchange.fill_at_marks()
        assert len(prices(exchange)) == 1
