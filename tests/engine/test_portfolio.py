"""Positions, trades and cash as a fold over fills."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from rigd.core.events import FillRecorded, NoteMade, TradeClosed
from rigd.core.orders import ExecType, Purpose
from rigd.core.values import Direction, ExitReason, Side
from rigd.engine.portfolio import STALE_EXIT, Portfolio, minute_start
from tests.engine.world import Table

TABLE = Table()
OPEN = TABLE.desk.day.open


class Book:
    """A portfolio and the hand that feeds it."""

    def __init__(self) -> None:
        self.portfolio = Portfolio("SIM", OPEN)
        self.count = 0

    def mean(self, leg, **overrides):
        intent = TABLE.intent(leg, **overrides)
        self.portfolio.fold(intent)
        return intent

    def fill(self, intent, qty, price, commission="0", minute=21):
        self.count += 1
        record = FillRecorded(
            broker="SIM",
            exec_key=f"X{self.count}",
            exec_type=ExecType.TRADE,
            exec_ref_key="",
            cl_ord_id=intent.cl_ord_id,
            broker_order_id="",
            strategy=intent.strategy,
            symbol=intent.symbol,
            side=intent.side,
            qty=Decimal(qty),
            price=Decimal(price),
            commission=Decimal(commission),
            ts=minute_start(OPEN, minute),
            purpose=intent.purpose,
            anomaly="",
        )
        self.portfolio.fold(record)
        return record


EXIT = {
    "purpose": Purpose.EXIT,
    "side": Side.SELL,
    "exit_reason": ExitReason.TARGET_HIT,
}


def test_a_round_trip_in_parts_by_hand() -> None:
    """60 at 10 and 40 at 11, out 30 at 12 and 70 at 9.5, commissions 1.5: PnL -16.5."""
    book = Book()
    entry, out = book.mean("entry"), book.mean("exit", **EXIT)
    book.fill(entry, "60", "10", "0.5", 21)
    book.fill(entry, "40", "11", "0.25", 22)
    position = book.portfolio.positions["AAA"]
    assert (position.qty, position.entry_price) == (100, Decimal("10.4"))
    assert position.signed_qty == 100
    assert (position.entry_time, position.grown_at) == (
        minute_start(OPEN, 21),
        minute_start(OPEN, 22),
    )
    book.fill(out, "30", "12", "0.25", 30)
    assert position.unrealised(Decimal(12)) == 70 * 12 - Decimal(1040) * 70 / 100
    book.fill(out, "70", "9.5", "0.5", 31)
    assert book.portfolio.flat
    (trade,) = book.portfolio.take_closed()
    assert trade == TradeClosed(
        strategy="open",
        symbol="AAA",
        direction=Direction.LONG,
        size=Decimal(100),
        signal_time=OPEN + timedelta(minutes=20),
        entry_time=OPEN + timedelta(minutes=21),
        exit_time=OPEN + timedelta(minutes=31),
        entry_price=Decimal("10.4"),
        exit_price=Decimal("10.25"),
        pnl=Decimal("-16.5"),
        commission=Decimal("1.5"),
        broker="SIM",
        exit_reason=ExitReason.TARGET_HIT,
        error_code="",
    )
    assert book.portfolio.cash_flow == Decimal("-16.5")


def test_a_short_gains_when_it_is_covered_lower() -> None:
    """Sold at 10, covered at 9: +100 less commissions, and the mark's gain before."""
    book = Book()
    short = {"direction": Direction.SHORT}
    entry = book.mean("entry", side=Side.SELL_SHORT, **short)
    out = book.mean("exit", **(EXIT | {"side": Side.BUY_TO_COVER}), **short)
    book.fill(entry, "100", "10")
    assert book.portfolio.positions["AAA"].signed_qty == -100
    assert book.portfolio.unrealised({"AAA": Decimal("9.5")}) == 50
    book.fill(out, "100", "9", "1")
    (trade,) = book.portfolio.take_closed()
    assert (trade.direction, trade.pnl) == (Direction.SHORT, 99)


def test_a_closed_trade_counts_once_it_is_on_record() -> None:
    """Realised profit comes from recorded trades; a recorded trade is not offered again."""
    book = Book()
    entry, out = book.mean("entry"), book.mean("exit", **EXIT)
    book.fill(entry, "1", "10")
    book.fill(out, "1", "11")
    assert book.portfolio.realised() == 0
    (trade,) = book.portfolio.take_closed()
    book.portfolio.fold(trade)
    assert book.portfolio.take_closed() == []
    assert book.portfolio.realised() == book.portfolio.realised("open") == 1
    assert book.portfolio.realised("mid") == 0


def test_an_exit_beyond_the_position_opens_the_rest_the_other_way() -> None:
    """Fills are facts: 130 sold of 100 held leaves a short of 30 that nobody wanted."""
    book = Book()
    entry, out = book.mean("entry"), book.mean("exit", **EXIT)
    book.fill(entry, "100", "10")
    book.fill(out, "130", "11")
    turned = book.portfolio.positions["AAA"]
    assert (turned.signed_qty, turned.unwanted, turned.entry_price) == (-30, True, 11)
    assert [trade.pnl for trade in book.portfolio.take_closed()] == [100]


def test_a_late_exit_of_a_closed_position_is_a_position() -> None:
    """A stop that fills after the exit did is booked as what it is."""
    book = Book()
    out = book.mean("exit", **EXIT)
    book.fill(out, "5", "11")
    assert book.portfolio.positions["AAA"].signed_qty == -5
    assert book.portfolio.positions["AAA"].unwanted


def test_a_stale_exit_is_marked_by_its_note() -> None:
    """SPEC §3a.8: the flag reaches the trade; a note about nobody's position changes nothing."""
    book = Book()
    entry, out = book.mean("entry"), book.mean("exit", **EXIT)
    book.fill(entry, "1", "10")
    for symbol in ("AAA", "BBB"):
        book.portfolio.fold(NoteMade(topic=STALE_EXIT, text=symbol))
    book.fill(out, "1", "11")
    assert [trade.error_code for trade in book.portfolio.take_closed()] == [STALE_EXIT]


def test_entries_are_counted_by_strategy_and_symbol() -> None:
    """The blocklist counts fills: exits and working orders are none."""
    book = Book()
    entry, out = book.mean("entry"), book.mean("exit", symbol="BBB", **EXIT)
    book.mean("never", symbol="CCC")
    book.fill(entry, "1", "10")
    book.fill(out, "1", "10")
    assert book.portfolio.filled_symbols == {"AAA"}
    assert book.portfolio.entries == {"open": {"AAA"}}


TRADES = st.lists(
    st.tuples(
        st.sampled_from(["in", "out"]),
        st.integers(1, 10**6).map(lambda n: Decimal(n).scaleb(-6)),
        st.integers(1, 10**9).map(lambda n: Decimal(n).scaleb(-6)),
    ),
    max_size=30,
)


@given(TRADES)
@settings(deadline=None)
def test_position_and_money_equal_the_fills(trades) -> None:
    """Laws: held = Σ signed fills; cash flow = closed profit - cost of what is open."""
    book = Book()
    legs = {"in": book.mean("entry"), "out": book.mean("exit", **EXIT)}
    fills = [book.fill(legs[leg], qty, price) for leg, qty, price in trades]
    held = book.portfolio.positions.get("AAA")
    assert (held.signed_qty if held else 0) == sum(fill.side.sign * fill.qty for fill in fills)
    closed = sum(trade.pnl for trade in book.portfolio.take_closed())
    flow = Decimal(0)
    if held:
        flow = (held.exit_notional - held.entry_notional) * held.direction.sign
    assert book.portfolio.cash_flow == closed + flow


def word(fact: FillRecorded, kind: ExecType, **numbers) -> FillRecorded:
    """What the broker says later of an execution."""
    return replace(
        fact, exec_key=f"{fact.exec_key}/2", exec_ref_key=fact.exec_key, exec_type=kind, **numbers
    )


def test_an_entry_that_is_taken_back_leaves_nothing() -> None:
    """O10: no position, no cash, no profit; the round trip is flagged."""
    book = Book()
    fact = book.fill(book.mean("entry"), "100", "10", "1")
    book.portfolio.fold(word(fact, ExecType.BUST))
    assert (book.portfolio.flat, book.portfolio.cash_flow) == (True, 0)
    (trade,) = book.portfolio.take_closed()
    assert (trade.pnl, trade.error_code) == (0, "bust")


def test_an_exit_that_is_taken_back_is_held_again_and_unwanted() -> None:
    """O10: 100 in at 10, out at 11, the exit taken back: 100 are held and go at once."""
    book = Book()
    entry, out = book.mean("entry"), book.mean("exit", **EXIT)
    book.fill(entry, "100", "10")
    fact = book.fill(out, "100", "11", "1")
    book.portfolio.fold(word(fact, ExecType.BUST))
    held = book.portfolio.positions["AAA"]
    assert (held.signed_qty, held.unwanted) == (100, True)
    assert book.portfolio.cash_flow == -1000
    again = book.mean("exit/2", **EXIT)
    book.fill(again, "100", "12")
    trades = book.portfolio.take_closed()
    assert sum(trade.pnl for trade in trades) == book.portfolio.cash_flow == 200


def test_a_part_that_is_taken_back_is_not_held() -> None:
    """O10: 60 and 40 in, the 40 taken back: 60 are held."""
    book = Book()
    entry = book.mean("entry")
    book.fill(entry, "60", "10")
    fact = book.fill(entry, "40", "11")
    book.portfolio.fold(word(fact, ExecType.BUST))
    assert book.portfolio.positions["AAA"].signed_qty == 60
    assert book.portfolio.cash_flow == -600


def test_a_corrected_price_changes_average_and_cash() -> None:
    """O10: in at 10, corrected to 10.5; out at 11, corrected to 11.5: 100 less the commission."""
    book = Book()
    entry, out = book.mean("entry"), book.mean("exit", **EXIT)
    fact = book.fill(entry, "100", "10", "1")
    book.portfolio.fold(word(fact, ExecType.CORRECT, price=Decimal("10.5")))
    assert book.portfolio.positions["AAA"].entry_price == Decimal("10.5")
    assert book.portfolio.cash_flow == -1051
    fact = book.fill(out, "100", "11")
    (trade,) = book.portfolio.take_closed()
    book.portfolio.fold(trade)
    assert book.portfolio.realised() == 49
    book.portfolio.fold(word(fact, ExecType.CORRECT, price=Decimal("11.5")))
    assert book.portfolio.realised("open") == book.portfolio.realised() == 99
    assert (book.portfolio.realised("mid"), book.portfolio.cash_flow) == (0, 99)


def test_a_corrected_quantity_is_what_is_held() -> None:
    """O10: 100 in at 10, corrected to 90; an unknown reference changes nothing."""
    book = Book()
    fact = book.fill(book.mean("entry"), "100", "10")
    book.portfolio.fold(word(fact, ExecType.CORRECT, qty=Decimal(90)))
    assert book.portfolio.positions["AAA"].signed_qty == 90
    assert book.portfolio.cash_flow == -900
    book.portfolio.fold(replace(fact, exec_type=ExecType.BUST, exec_ref_key="nobody's"))
    assert book.portfolio.cash_flow == -900
