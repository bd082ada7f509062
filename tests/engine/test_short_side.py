"""How a short signal is taken: sold, mapped to a fund, or turned down with its reason."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from rigd.config.choices import ShortType
from rigd.config.inverse_etfs import InverseEtfs
from rigd.core.errors import OrderRejected
from rigd.core.events import CandidateJudged, NoteMade, PoolRanked
from rigd.core.values import Bar, Candidate, Direction, Reference, Side, Verdict
from rigd.engine.short_side import Instrument, instrument_of
from rigd.hosts import wiring
from rigd.reporting.funnel import explain_no_trade, why
from tests.engine.test_candidates import ALL, entries, judged, rows_of
from tests.engine.test_session import assert_sound
from tests.engine.world import DAY, Table, World, settings
from tests.strategy.days import flat

TABLE = InverseEtfs(version=5, dated=DAY, pairs=(("AAA", "INV"), ("BBB", "INV"), ("CCC", "GONE")))


def falling(width: float, signals: list[int], base: float = 50.0) -> list[Bar]:
    """Bars with an opening range of ± width that close below it on the given minutes."""
    rows = []
    for minute in range(70):
        close = base - width - 0.5 if minute in signals else base
        low = min(close, base - width) if minute < 20 else min(close, base)
        high = base + width if minute < 20 else base
        rows.append(Bar(minute, base, high, low, close, 1000.0))
    return rows


def world(bars, *, bought_only=("INV",), filters=False, **overrides) -> World:
    extra = {key: overrides.pop(key) for key in ("wrap_broker", "references") if key in overrides}
    values = {"strategy_override": "open", "short_type_open": "InverseETF"} | ALL
    return World(
        settings=settings(**(values | overrides)),
        bars=bars,
        day=wiring.session_day(DAY),
        filters=filters,
        inverse_etfs=TABLE,
        bought_only=frozenset(bought_only),
        **extra,
    )


FUND = flat(range(70), 20.0)
ONE = {"AAA": falling(0.2, [25]), "INV": FUND}


def test_a_short_signal_buys_the_fund() -> None:
    """SPEC §3: the fund is bought at its own price, and rank, rows and signal are the symbol's."""
    run = world(ONE).run()
    (entry,) = entries(run)
    assert (entry.symbol, entry.direction, entry.side) == ("INV", Direction.LONG, Side.BUY)
    assert (entry.signal_symbol, entry.asked, entry.signal_minute) == ("AAA", "AAA", 25)
    assert entry.reference_price == 20
    assert entry.qty == Decimal(7500) / 20  # 75 % of 10 % of 100,000 at the fund's price
    assert judged(run, "AAA", 25)[0] == ("router", "allowed", "mapped")
    (row, *_) = rows_of(run)
    assert (row.rule, row.direction) == ("mapping", Direction.SHORT)
    assert row.measured == "short AAA is long INV at 20, version 5 of 2013-10-07"
    (trade,) = run.trades
    assert (trade.symbol, trade.direction, trade.strategy) == ("INV", Direction.LONG, "open")
    assert_sound(run)


def test_a_fund_that_is_only_bought_is_no_candidate() -> None:
    """It stands in no pool; asked for by name it does."""
    for bought_only, pool in ((("INV",), {"AAA"}), ((), {"AAA", "INV"})):
        run = world(ONE, bought_only=bought_only).run()
        (ranked,) = run.journal.records(PoolRanked)
        assert {member.symbol for member in ranked.pool} | set(dict(ranked.skipped)) == pool


def test_the_fund_rests_under_its_own_levels() -> None:
    """2 % under the fund's 20 is 19.6, whatever the symbol's price does."""
    fund = [*FUND[:40], Bar(40, 20.0, 20.0, 19.5, 19.9, 1000.0), *FUND[41:]]
    (trade,) = world({"AAA": falling(0.2, [25]), "INV": fund}).run().trades
    assert (trade.entry_price, trade.exit_price) == (20, Decimal("19.6"))
    assert trade.exit_reason == "stop_loss"


def test_limits_look_at_the_fund() -> None:
    """MAX_PRICE under the symbol's 50 and over the fund's 20 lets it pass; the other way not."""
    assert entries(world(ONE, max_price="30").run())
    run = world({"AAA": falling(0.2, [25]), "INV": flat(range(70), 80.0)}, max_price="60").run()
    assert judged(run, "AAA")[-1] == ("risk", "blocked", "price_above_maximum")
    thin = {"INV": Reference(previous_volume=10.0)}
    run = world(ONE, references=thin).run()
    assert judged(run, "AAA")[-1] == ("risk", "blocked", "volume_below_minimum")


@pytest.mark.parametrize(
    ("symbol", "reason", "measured"),
    [
        ("DDD", "no_mapping", "DDD has no inverse ETF in version 5 of 2013-10-07"),
        ("CCC", "not_in_feed", "GONE, the inverse of CCC, has no bars"),
    ],
)
def test_without_a_fund_the_next_candidate_is_asked(symbol, reason, measured) -> None:
    """The better-ranked symbol is turned down with its reason; the next one gets its weight."""
    bars = {symbol: falling(0.4, [25]), **ONE}
    run = world(bars).run()
    assert judged(run, symbol) == [("router", "blocked", reason)]
    row = next(row for row in rows_of(run) if row.symbol == symbol)
    assert (row.rule, row.measured, row.pool_rank) == ("mapping", measured, 1)
    (entry,) = entries(run)
    assert (entry.asked, entry.pool_rank, entry.fallback_level) == ("AAA", 2, 1)


def test_a_symbol_without_a_fund_may_still_rise() -> None:
    """The short is turned down on its bar alone; a later breakout upwards is a long."""
    rows = falling(0.2, [22])
    rows[25] = rows[25]._replace(high=51.0, close=51.0)
    run = world({"DDD": rows, "INV": FUND}).run()
    assert judged(run, "DDD", 22) == [("router", "blocked", "no_mapping")]
    (entry,) = entries(run)
    assert (entry.symbol, entry.signal_symbol, entry.direction) == ("DDD", "", Direction.LONG)


def test_nothing_is_decided_on_a_minute_without_a_bar_of_the_fund() -> None:
    """SPEC §3a.8: the signal of minute 25 waits, that of minute 26 counts."""
    fund = [bar for bar in FUND if bar.minute != 25]
    run = world({"AAA": falling(0.2, [25, 26]), "INV": fund}).run()
    assert judged(run, "AAA", 25) == [("router", "blocked", "no_bar_now")]
    assert [entry.signal_minute for entry in entries(run)] == [26]


def test_one_fund_is_bought_once_for_two_symbols() -> None:
    """While it is held it is busy, and afterwards the blocklist knows both names."""
    bars = {"AAA": falling(0.4, [25, 29]), "BBB": falling(0.2, [25, 29]), "INV": FUND}
    run = world(bars, filters=True).run()
    assert [entry.asked for entry in entries(run)] == ["AAA"]
    assert judged(run, "BBB", 25)[-1] == ("risk", "blocked", "symbol_busy")
    assert judged(run, "BBB", 29)[-1] == ("enhancement", "blocked", "already_traded")
    assert run.session.desk.portfolio.filled_symbols == {"AAA", "INV"}


def test_a_refused_fund_is_asked_for_by_the_next_symbol_under_another_id() -> None:
    """The broker refuses the first order; the second, in the same fund and minute, is another."""
    bars = {"AAA": falling(0.4, [25]), "BBB": falling(0.2, [25]), "INV": FUND}
    refused = []

    def wrap(broker):
        real = broker.submit

        async def submit(request):
            if request.side is Side.BUY and not refused:
                refused.append(request.cl_ord_id)
                raise OrderRejected("halted", "not now")
            return await real(request)

        broker.submit = submit
        return broker

    run = world(bars, wrap_broker=wrap).run()
    first, second = entries(run)
    assert (first.asked, second.asked) == ("AAA", "BBB")
    assert first.cl_ord_id == refused[0] != second.cl_ord_id
    assert judged(run, "AAA", 25)[-1] == ("broker", "rejected", "rejected")
    assert [trade.symbol for trade in run.trades] == ["INV"]


def test_every_crash_point_ends_like_the_undisturbed_session() -> None:
    """A mapped trade survives a crash after any record: same orders, same trade, nothing twice."""
    base = world(ONE).run()
    for count in range(1, len(base.journal.entries()) + 1):
        run = base.again(count, base.journal.marks[count - 1]).run()
        assert run.trades == base.trades, count
        assert [entry.cl_ord_id for entry in entries(run)] == [entries(base)[0].cl_ord_id], count
        rows = {(row.symbol, row.minute, row.stage, row.rule) for row in rows_of(run)}
        assert len(rows) == len(rows_of(run)), count


def test_the_table_in_use_is_on_record() -> None:
    """Version, date, digest and what is only bought stand among the first records."""
    run = world(ONE).run()
    notes = [n.text for n in run.journal.records(NoteMade) if n.topic == wiring.MAPPING_NOTE]
    assert notes == [f"version 5 of 2013-10-07, 3 pairs, {TABLE.digest[:16]}; bought only: INV"]
    run = world(ONE, short_type_open="ShortSell").run()
    assert all(n.topic != wiring.MAPPING_NOTE for n in run.journal.records(NoteMade))


def test_why_shows_the_mapping_under_both_names() -> None:
    """`rigd why` tells the chain from the symbol's rank to the fund's trade (X8)."""
    run = world({"DDD": falling(0.4, [25]), **ONE}).run()
    for name in ("AAA", "INV"):
        text = why(run.journal.entries(), name)
        for part in (
            "screener     AAA: rank 2 of 2",
            "router       allowed short: mapping: mapped (short AAA is long INV at 20",
            "order        send entry: buy 375 INV market",
            "order        send stop: sell 375 INV stop",
            "fill         entry: buy 375 INV at 20",
            "trade        long 375 INV: 20 to 20",
        ):
            assert part in text, (name, part)
    assert "mapping: no_mapping (DDD has no inverse ETF" in why(run.journal.entries(), "DDD")
    told = explain_no_trade(run.journal.entries())
    assert [line for line in told if "AAA" in line or "INV" in line] == []
    assert any(line.startswith("open DDD (rank 1): blocked by mapping") for line in told)


def candidate(direction: Direction) -> Candidate:
    return Candidate(
        strategy="open",
        symbol="AAA",
        direction=direction,
        minute=30,
        pool_rank=1,
        fallback_level=0,
        reference_price=Decimal(100),
    )


@pytest.mark.parametrize("how", list(ShortType))
def test_a_long_signal_trades_itself_whatever_the_short_side(how) -> None:
    """Only shorts are taken by other instruments."""
    table = Table(short_type_open="ShortSell")
    table.show(range(31))
    long = candidate(Direction.LONG)
    assert instrument_of(_as(table, how), long) == Instrument(long)


def test_a_short_sale_trades_the_symbol_itself() -> None:
    """And a strategy without a short side leaves the no to risk, with its reason."""
    table = Table()
    table.show(range(31))
    short = candidate(Direction.SHORT)
    for how in (ShortType.SHORT_SELL, ShortType.DISABLED):
        assert instrument_of(_as(table, how), short) == Instrument(short)


def test_a_long_put_needs_a_broker_with_options() -> None:
    """A broker without them turns the candidate down with the reason; one with them lets it on."""
    table = Table()
    table.show(range(31))
    short = candidate(Direction.SHORT)
    desk = _as(table, ShortType.LONG_PUT)
    answer = instrument_of(desk, short)
    assert isinstance(answer, Verdict)
    assert (answer.allow, answer.rule, answer.reason) == (False, "long_put", "options_unsupported")
    assert answer.measured == f"{table.broker.name} has no options"
    table.broker.capabilities = replace(table.broker.capabilities, options=True)
    assert instrument_of(desk, short) == Instrument(short)


def _as(table: Table, how: ShortType):
    """The table's desk with another short side of the open strategy."""

    class View:
        def strategy(self, name):
            assert name == "open"
            return type("Own", (), {"short_type": how})

    desk = table.desk
    desk.settings = View()
    return desk


def test_rows_of_a_mapped_candidate_are_never_about_the_fund() -> None:
    """One candidate, one name: no row of the journal is judged under the fund's."""
    run = world(ONE).run()
    assert {row.symbol for row in rows_of(run)} == {"AAA"}
    assert run.journal.records(CandidateJudged) == []
