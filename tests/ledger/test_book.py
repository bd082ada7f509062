"""The ledger: posting, answers, crashes and rebuilding."""

from __future__ import annotations

import sqlite3
from collections import deque
from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from rigd.core.errors import LedgerError, StorageError
from rigd.core.events import CandidateJudged, Entry, Outcome, SessionResumed, Stage
from rigd.core.orders import ExecType
from rigd.core.values import Direction, Side
from rigd.ledger.book import Ledger
from rigd.ledger.mapping import MAPPING, EventType
from tests.ledger.books import (
    ACCOUNT,
    BOT,
    KEY,
    connect,
    entry,
    fill,
    ledger,
    post_all,
    started,
)

D = Decimal
DAY = (
    started(),
    fill("1", Side.BUY, "10", "100.5", commission="1.005", minute=1),
    fill("2", Side.BUY, "5", "101", commission="0.505", minute=2),
    fill("3", Side.SELL, "12", "110", commission="1.32", minute=3),
    fill("4", Side.SELL, "3", "90", commission="0.27", minute=4),
    fill("5", Side.SELL_SHORT, "2.5", "50", symbol="IBM", strategy="mid", minute=5),
    fill("6", Side.BUY_TO_COVER, "1.25", "40", symbol="IBM", strategy="mid", minute=6),
)


def test_a_day_worked_by_hand():
    """Cash, stock, shorts, gains and fees of six fills, to the millionth.

    SPY: 10 @ 100.5 = 1005 and 5 @ 101 = 505. Selling 12 @ 110 = 1320 costs 1005 + 2/5 of 505 = 202:
    gain 113. Selling 3 @ 90 = 270 costs 303: loss 33. IBM: short 2.5 @ 50 = 125, half of it (62.5)
    covered at 50: gain 12.5, 62.5 open. Fees 1.005 + 0.505 + 1.32 + 0.27 = 3.1. Cash 100000 - 1005
    - 505 + 1320 + 270 + 125 - 50 - 3.1 = 100151.9.
    """
    books = ledger()
    assert post_all(books, *DAY) == 7
    assert books.balances() == {
        1030: D("100151.9"),
        1111: 0,
        2100: D("-62.5"),
        3030: -100000,
        4010: D("-92.5"),
        5010: D("3.1"),
    }
    assert books.positions() == {"IBM": (D("-1.25"), D("62.5"))}
    assert books.realised() == (D("92.5"), D("3.1"), D("89.4"))
    assert books.realised("mid") == (D("12.5"), 0, D("12.5"))
    assert books.realised("open", date(2013, 10, 7)) == (80, D("3.1"), D("76.9"))
    assert books.realised(day=date(2013, 10, 8)) == (0, 0, 0)
    assert books.check() == []


def test_the_opening_is_posted_once_per_ledger():
    """Dr 1030 Cr 3030 for the first session; a later one adds nothing."""
    books = ledger()
    assert post_all(books, started("5000")) == 1
    assert books.balances() == {1030: D(5000), 3030: D(-5000)}
    assert post_all(books, started("5000"), key="2013-10-08_1") == 0
    assert books.balances() == {1030: D(5000), 3030: D(-5000)}
    assert books.check() == []


def test_a_broker_that_counts_other_cash_is_reported_not_posted():
    """The difference is flagged until a later session agrees."""
    books = ledger()
    post_all(books, started("5000"))
    assert post_all(books, started("4999"), key="2013-10-08_1") == 0
    assert books.balances()[1030] == D(5000)
    (problem,) = books.check()
    assert "cash_counts" in problem.where
    assert "4999000000 and 5000000000" in problem.message
    post_all(books, started("5000"), key="2013-10-09_1")
    assert books.check() == []


def test_the_trial_balance_balances():
    """Debits equal credits, each account on one side."""
    books = ledger()
    post_all(books, *DAY)
    rows = books.trial_balance()
    assert sum(row.debit for row in rows) == sum(row.credit for row in rows) == D("100155.0")
    assert all(row.debit >= 0 and row.credit >= 0 and not row.debit * row.credit for row in rows)
    assert [row.name for row in rows][:2] == ["Broker cash", "Broker equities"]


def test_lots_keep_their_age_and_cost():
    """What is open of a lot, and what it was."""
    books = ledger()
    post_all(books, *DAY[:4])
    (lot,) = books.lots()
    assert (lot.symbol, lot.direction, lot.number) == ("SPY", Direction.LONG, 3)
    assert (lot.quantity, lot.cost) == (5, 505)
    assert (lot.open_quantity, lot.open_cost) == (3, 303)
    assert lot.traded_at == DAY[2].ts


def test_posting_twice_posts_once():
    """The same records again, also from a journal that was numbered anew, change nothing."""
    books = ledger()
    post_all(books, *DAY)
    before = books.canonical_dump()
    assert post_all(books, *DAY) == 0
    assert post_all(books, *DAY[1:], first=100) == 0
    assert post_all(books, *DAY[1:], key="another") == 0
    assert books.canonical_dump() == before
    assert books.check() == []


def test_another_journal_under_the_same_key_is_refused():
    """The mark holds the record's hash."""
    books = ledger()
    post_all(books, *DAY)
    with pytest.raises(LedgerError, match="must hash to"):
        books.post(Entry(7, DAY[6].ts, DAY[6], "f" * 64), KEY)


def test_an_execution_key_with_other_content_is_queued():
    """Two different fills under one key: the second is not posted and is flagged."""
    books = ledger()
    post_all(books, started(), fill("1", Side.BUY, "1", "1"))
    assert post_all(books, fill("1", Side.BUY, "2", "1"), first=3) == 0
    assert books.positions()["SPY"].quantity == 1
    (problem,) = books.check()
    assert "unposted 1" in problem.where
    assert "same execution key" in problem.message


def test_an_unmapped_event_is_queued_and_flagged():
    """Without accounts for short sales nothing is posted; the flag survives a new start."""
    rules = {event: rule for event, rule in MAPPING.items() if event is not EventType.SELL_SHORT}
    connection = connect()
    books = Ledger(connection, identity=BOT, account=ACCOUNT, rules=rules)
    assert post_all(books, started(), fill("1", Side.SELL_SHORT, "1", "1")) == 1
    assert post_all(books, fill("2", Side.BUY, "1", "1"), first=3) == 1
    again = Ledger(connection, identity=BOT, account=ACCOUNT)
    (problem,) = again.check()
    assert "no accounts for sell_short" in problem.message
    assert again.balances()[1030] == D(99999)
    assert again.mark(KEY) == 3


def test_blocked_candidates_never_reach_the_books():
    """Only executed trades are recorded; other records advance the mark."""
    blocked = CandidateJudged(
        strategy="open",
        symbol="SPY",
        direction=Direction.LONG,
        minute=20,
        pool_rank=1,
        fallback_level=0,
        stage=Stage.ENHANCEMENT,
        outcome=Outcome.BLOCKED,
        rule="adx",
        reason="adx_above_threshold",
        measured="",
    )
    books = ledger()
    post_all(books, started())
    before = books.canonical_dump()
    assert post_all(books, blocked, SessionResumed(epoch=2, after_seq=2), first=2) == 0
    assert books.canonical_dump() == before
    assert books.mark(KEY) == 3


def test_a_ledger_belongs_to_one_bot_account_and_broker(tmp_path):
    """Another bot, broker or currency is refused; another bot has another file."""
    path = tmp_path / "ledger.db"
    books = ledger(path)
    post_all(books, *DAY)
    with pytest.raises(LedgerError, match="must belong to"):
        Ledger(connect(path), identity="RIGD_USA_SIM_02", account=ACCOUNT)
    for record in (
        started(bot="RIGD_USA_SIM_02"),
        started(currency="EUR"),
        fill("9", Side.BUY, "1", "1", broker="ALPACA"),
    ):
        with pytest.raises(LedgerError, match="the ledger's"):
            books.post(entry(50, record), KEY)
    other = Ledger(connect(tmp_path / "other.db"), identity="RIGD_USA_SIM_02", account=ACCOUNT)
    assert other.balances() == {}
    assert books.check() == []


def test_a_database_without_foreign_keys_is_refused():
    """Without them a commit of legs alone would go through."""
    with pytest.raises(LedgerError, match="foreign keys"):
        Ledger(connect(foreign_keys=False), identity=BOT, account=ACCOUNT)


def test_a_database_of_something_else_is_refused():
    """A ledger is not created beside foreign tables."""
    connection = connect()
    connection.execute("CREATE TABLE other(x)")
    with pytest.raises(LedgerError, match="other tables"):
        Ledger(connection, identity=BOT, account=ACCOUNT)


def test_a_full_disk_is_told_as_one_and_posts_nothing_of_the_record():
    """SQLite has rolled back by itself then (FAULTS M15); with room again the record is posted."""
    connection = connect()
    books = Ledger(connection, identity=BOT, account=ACCOUNT)
    post_all(books, started())
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages}")
    held = []

    def post(seq: int) -> int:
        held.append((seq, books.canonical_dump()))
        return books.post(entry(seq, fill(str(seq), Side.BUY, "1", "10", minute=1)), KEY)

    with pytest.raises(StorageError, match="disk is full") as caught:
        sum(map(post, range(2, 1000)))
    seq, before = held[-1]
    assert "free disk space" in caught.value.fix
    assert not connection.in_transaction
    assert books.canonical_dump() == before
    connection.execute("PRAGMA max_page_count=1000000")
    assert post(seq) == 1
    assert books.check() == []


def test_an_amount_beyond_64_bits_is_refused_whole():
    """What the database cannot hold is an error and leaves nothing."""
    books = ledger()
    post_all(books, started())
    before = books.canonical_dump()
    with pytest.raises(LedgerError, match="refused"):
        books.post(entry(2, fill("1", Side.BUY, "1000000000", "99999999")), KEY)
    assert books.canonical_dump() == before
    assert post_all(books, DAY[1], first=2) == 1


def correction(key, ref, side, qty, price, **more):
    return fill(key, side, qty, price, exec_type=ExecType.CORRECT, ref=ref, **more)


def bust(key, ref, **more):
    return fill(key, Side.BUY, "1", "1", exec_type=ExecType.BUST, ref=ref, **more)


def economic(books):
    """Return what a reader of the totals sees, whatever the way to it."""
    lots = [(lot.symbol, lot.open_quantity, lot.open_cost, lot.traded_at) for lot in books.lots()]
    return books.balances(), books.positions(), lots, books.realised()


def test_a_bust_undoes_a_fill_as_if_it_had_never_been():
    """Later fills of the symbol are closed against other lots, by reversing entries."""
    books, plain = ledger(), ledger()
    post_all(books, *DAY, bust("x", "1"))
    post_all(plain, DAY[0], *DAY[2:])
    assert economic(books) == economic(plain)
    assert books.check() == []
    reversed_ = [posted.row for posted in books.transactions() if posted.row.reverses]
    assert [row.reverses for row in reversed_] == [5, 4, 3, 2]


def test_a_correction_puts_the_right_fill_in_its_place():
    """The corrected fill takes the old one's place in the order of the lots."""
    books, plain = ledger(), ledger()
    post_all(books, *DAY, correction("x", "1", Side.BUY, "8", "99", minute=1))
    post_all(plain, DAY[0], fill("x", Side.BUY, "8", "99", minute=1), *DAY[2:])
    assert economic(books) == economic(plain)
    assert books.check() == []


def test_corrections_of_corrections_and_of_restated_fills():
    """A key is followed through its corrections, under the old name and the new one."""
    books, plain = ledger(), ledger()
    post_all(
        books,
        *DAY,
        correction("x", "1", Side.BUY, "8", "99", minute=1),
        correction("y", "x", Side.BUY, "9", "98", minute=1),
        correction("z", "1", Side.BUY, "9", "97", minute=1),
        bust("w", "3"),
    )
    post_all(
        plain, DAY[0], fill("z", Side.BUY, "9", "97", minute=1), DAY[2], DAY[4], DAY[5], DAY[6]
    )
    assert economic(books) == economic(plain)
    assert books.check() == []


def test_a_correction_is_posted_once():
    """The same correction again changes nothing."""
    books = ledger()
    post_all(books, *DAY, bust("x", "1"))
    before = books.canonical_dump()
    assert post_all(books, bust("x", "1"), first=20) == 0
    assert books.canonical_dump() == before


def test_a_correction_of_an_unknown_fill_is_queued():
    """What it refers to is named."""
    books = ledger()
    post_all(books, *DAY)
    assert post_all(books, bust("x", "nobody"), first=20) == 0
    assert post_all(books, bust("y", "1"), bust("z", "1"), first=21) == 7
    assert [("nobody" in str(problem), " z " in str(problem)) for problem in books.check()] == [
        (True, False),
        (False, True),
    ]


def test_a_sold_lot_that_is_busted_comes_back():
    """The bust of a sale opens its lot again at its old cost and age."""
    books = ledger()
    post_all(books, *DAY[:2], fill("s", Side.SELL, "10", "120", minute=9), bust("x", "s"))
    (lot,) = books.lots()
    assert (lot.number, lot.open_quantity, lot.open_cost) == (2, 10, 1005)
    assert books.check() == []


def random_fills(seed, count):
    draw = np.random.default_rng(seed)
    symbols = ["SPY", "IBM", "BAC"]
    held = dict.fromkeys(symbols, 0)
    for number in range(count):
        symbol = symbols[draw.integers(3)]
        quantity = int(draw.integers(1, 3_000_000)) * (10 ** int(draw.integers(0, 4)))
        sign = int(draw.choice([1, -1]))
        price = int(draw.integers(1, 400_000_000))
        fee = int(draw.integers(0, 3)) * int(draw.integers(0, 999_999))
        if sign > 0:
            side = Side.BUY_TO_COVER if held[symbol] < 0 else Side.BUY
        else:
            side = Side.SELL if held[symbol] > 0 else Side.SELL_SHORT
        held[symbol] += sign * quantity
        yield fill(
            f"E{number}",
            side,
            str(D(quantity).scaleb(-9)),
            str(D(price).scaleb(-6)),
            symbol=symbol,
            commission=str(D(fee).scaleb(-6)),
            minute=number,
        )


def oracle(fills):
    """Return cash, gains, fees and open cost by symbol [10⁻⁶] with fractions alone."""
    cash = gains = fees = 0
    lots: dict[str, deque] = {}
    for each in fills:
        size = Fraction(each.qty)
        sign = each.side.sign
        value = round(Fraction(each.price) * size * 10**6)
        fee = int(each.commission.scaleb(6))
        cash -= sign * value + fee
        fees += fee
        queue = lots.setdefault(each.symbol, deque())
        left = size
        out = 0
        while left and queue and queue[0][0] != sign:
            lot = queue[0]
            part = min(left, lot[3])
            cost_after = round(Fraction(lot[2]) * (lot[1] - lot[3] + part) / lot[1])
            out += cost_after - lot[4]
            lot[3], lot[4] = lot[3] - part, cost_after
            if not lot[3]:
                assert lot[4] == lot[2]
                queue.popleft()
            left -= part
        settled = round(value * (size - left) / size)
        gains -= sign * (settled - out) if size != left else 0
        if left:
            queue.append([sign, left, value - settled, left, 0])
    open_cost = {symbol: sum(lot[2] - lot[4] for lot in queue) for symbol, queue in lots.items()}
    return cash, gains, fees, open_cost


@pytest.mark.parametrize("seed", [1, 2])
def test_thousands_of_random_fills_equal_exact_fractions(seed):
    """Cash, gains, fees and the cost of what is open: difference zero millionths."""
    fills = list(random_fills(seed, 2500))
    books = ledger()
    post_all(books, started("0"))
    books.post_batch([entry(seq, each) for seq, each in enumerate(fills, start=2)], KEY)
    cash, gains, fees, open_cost = oracle(fills)
    balances = {number: int(amount.scaleb(6)) for number, amount in books.balances().items()}
    assert balances[1030] == cash
    assert -balances[4010] == gains
    assert balances[5010] == fees
    assert {
        symbol: int(position.cost.scaleb(6)) for symbol, position in books.positions().items()
    } == {symbol: cost for symbol, cost in open_cost.items() if cost}
    assert sum(balances.values()) == 0
    assert books.check() == []


def test_a_batch_gives_the_same_books_as_single_posts():
    """Byte for byte, whatever the size of the commits, with duplicates and corrections in it."""
    records = [started(), *random_fills(3, 300)]
    records += [records[5], bust("x", "E290")]
    entries = [entry(seq, record) for seq, record in enumerate(records, start=1)]
    single = ledger()
    for each in entries:
        single.post(each, KEY)
    for size in (1, 7, 1000):
        books = ledger()
        posted = books.post_batch(entries, KEY, size=size)
        assert posted == single.head[0]
        assert books.canonical_dump() == single.canonical_dump()
        assert books.post_batch(entries, KEY) == 0
        assert books.check() == []


class CrashError(Exception):
    """The machine stopped."""


class Fragile(sqlite3.Connection):
    """A connection that stops at its n-th statement."""

    left = 10**9
    once = False

    def execute(self, *arguments):
        self._count()
        return super().execute(*arguments)

    def executemany(self, *arguments):
        self._count()
        return super().executemany(*arguments)

    def _count(self):
        self.left -= 1
        if self.left == -1 or (self.left < 0 and not self.once):
            raise CrashError


def test_a_stop_at_any_statement_leaves_whole_transactions(tmp_path):
    """Stopped at each statement of a day, then resumed with a longer journal: the same books."""
    undisturbed = ledger()
    records = (*DAY[:4], bust("x", "1"))
    post_all(undisturbed, *records)
    stops = 0
    for left in range(1000):
        path = tmp_path / f"{left}.db"
        connection = sqlite3.connect(path, isolation_level=None, factory=Fragile)
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.left = left
        seen = 0
        try:
            books = Ledger(connection, identity=BOT, account=ACCOUNT)
            for seen, record in enumerate(records, start=1):
                books.post(entry(seen, record), KEY)
        except CrashError:
            stops += 1
        finished = connection.left >= 0
        connection.close()
        again = ledger(path)
        assert again.check() == []
        journal = (*records[:seen], SessionResumed(epoch=2, after_seq=seen), *records[seen:])
        post_all(again, *journal)
        assert again.canonical_dump() == undisturbed.canonical_dump()
        again.close()
        if finished:
            break
    assert stops > 100


def test_an_error_in_a_commit_leaves_the_ledger_usable():
    """After a failed post the same ledger goes on from what is in the file."""
    connection = sqlite3.connect(":memory:", isolation_level=None, factory=Fragile)
    connection.execute("PRAGMA foreign_keys=ON")
    books = Ledger(connection, identity=BOT, account=ACCOUNT)
    post_all(books, *DAY[:3])
    posted = books.canonical_dump()
    connection.left, connection.once = 3, True
    with pytest.raises(CrashError):
        books.post(entry(4, DAY[3]), KEY)
    assert not connection.in_transaction
    assert books.canonical_dump() == posted
    assert post_all(books, *DAY) == 4
    plain = ledger()
    post_all(plain, *DAY)
    assert books.canonical_dump() == plain.canonical_dump()


def test_books_rebuilt_from_the_journal_are_byte_equal():
    """A journal with the records of a crash in it gives the same books as one without."""
    plain, crashed = ledger(), ledger()
    post_all(plain, *DAY)
    with_crash = (*DAY[:3], SessionResumed(epoch=2, after_seq=3), DAY[2], *DAY[3:])
    post_all(crashed, *with_crash)
    assert crashed.canonical_dump() == plain.canonical_dump()
    assert crashed.head == plain.head


def test_damaged_books_take_no_posting():
    """A changed row is found before the next post."""
    connection = connect()
    post_all(Ledger(connection, identity=BOT, account=ACCOUNT), *DAY)
    connection.execute("DROP TRIGGER transactions_no_update")
    connection.execute("PRAGMA ignore_check_constraints=ON")
    connection.execute("UPDATE transactions SET amount1 = amount1 + 1 WHERE txn = 3")
    books = Ledger(connection, identity=BOT, account=ACCOUNT)
    with pytest.raises(LedgerError, match="damaged"):
        books.post(entry(8, fill("8", Side.BUY, "1", "1")), KEY)
    with pytest.raises(LedgerError, match="damaged"):
        books.balances()
