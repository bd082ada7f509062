"""The oracle: what must hold, told from the broker's truth, the journal's records and the books.

It never reads an object of the bot. Letters as in FAULTS §5.4: B the broker's truth, J the durable
journal, L the ledger.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from rigd.core.events import (
    FillRecorded,
    Reconciled,
    SessionStarted,
    SettingsChanged,
    StateChanged,
)
from rigd.core.lifecycle import BotState, RiskMode, may_follow
from rigd.core.money import ZERO, notional, price_from_float
from rigd.core.orders import ExecType, OrdStatus, Purpose
from rigd.hosts.simulate.account import Account
from rigd.hosts.simulate.wire import SETTLE
from rigd.ledger.chart import CASH
from rigd.risk import last_door

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Collection

    from rigd.core.events import Entry, OrderIntent, SessionClosed
    from rigd.core.orders import Fill, OrderRequest
    from rigd.core.values import SessionDay
    from rigd.hosts.simulate.account import Meant
    from rigd.hosts.simulate.days import ChaosFeed
    from rigd.hosts.simulate.disk import Disk
    from rigd.hosts.simulate.swarm import Options
    from rigd.hosts.simulate.users import SimClock
    from rigd.hosts.simulate.venue import Venue

MINUTE = timedelta(minutes=1)
KILL_S = 1.0
"""After a kill no order that increases risk leaves later than this [s] (I-12)."""

AGREED_MINUTES = 2
"""After the last fault so many minutes may pass until we have reconciled (V-1): a minute's work is
done at its start and at its end."""

KNOWN_MINUTES = AGREED_MINUTES + SETTLE // MINUTE
"""After the last fault so many minutes may pass until no outcome is unknown (V-2): an order that is
not found may be on its way for as long as the broker says (FAULTS §4.2 O08)."""

FLAT_MINUTES = 3
"""After faults and kill so many minutes may pass until we are flat (V-3): the exit fills at the
next open, and one more attempt may be needed."""

_SHARE = 10**9
_MONEY = 10**6
_FLAT_STATES = frozenset({BotState.STOPPED, BotState.SHUTDOWN})


class Evidence(Protocol):
    """What the oracle may look at: everything that outlives a process, and nothing of the bot."""

    options: Options
    day: SessionDay
    feed: ChaosFeed
    venue: Venue
    disk: Disk
    clock: SimClock
    quiet_from: int
    epoch: int
    phases: Counter[str]
    executions: dict[str, Fill]

    def config_digests(self) -> Collection[str]:
        """Return the digests of every valid whole content that the settings' file ever had."""
        ...

    def has_strangers(self) -> bool:
        """Tell whether somebody else changed the account's positions or cash."""
        ...

    def rebuilt_books(self) -> tuple[bytes, bytes]:
        """Return the books made from the journal alone, and the books that were kept."""
        ...

    def book_problems(self) -> list[str]:
        """Return what is wrong with the chains and sums of the books."""
        ...

    def broken_link(self) -> int:
        """Return the number of the first record that does not fit the chain; 0 when all do."""
        ...


class Violated(BaseException):
    """An invariant does not hold."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(str(violation))
        self.violation = violation


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """What did not hold, and when [exchange time]."""

    invariant: str
    at: str
    text: str

    def __str__(self) -> str:
        """Return ``invariant=I-03 at t=…: text``."""
        return f"invariant={self.invariant} at t={self.at}: {self.text}"


class Oracle:
    """Watches one run.

    Parameters
    ----------
    world
        Everything that outlives a process.
    """

    def __init__(self, world: Evidence) -> None:
        self._world = world
        self.account = Account()
        self.posts: dict[str, int] = {}
        self.posted_here: set[str] = set()
        self.killed_at: float | None = None
        self.latched = False
        self._judged_orders = 0
        self._books_seen = -1
        self._found = 0
        self._reconciled = False
        self._sent_entries: list[tuple[str, int]] = []
        self._urgent_from: int | None = None

    # A process.

    def restart(self) -> None:
        """Begin with what the disk holds, as the process does."""
        edges = self.account.edges
        self.account = Account()
        for entry in self._world.disk.entries:
            self.account.take(entry)
        self.account.edges |= edges
        self._reconciled = False
        self.posted_here = set()
        self._found = len(self._world.disk.entries)
        self._check_faults()

    def appended(self, entry: Entry) -> None:
        """Check a record that was written."""
        account = self.account
        record = entry.record
        if isinstance(record, StateChanged):
            legal = record.previous is account.state and may_follow(account.state, record.state)
            self._require(legal, "I-17", f"{account.state}: {record.previous} to {record.state}")
        if isinstance(record, SessionStarted):
            theirs = self._world.venue.cash
            self._require(record.opening_cash == theirs, "I-09", f"B begins with {theirs}")
        if isinstance(record, FillRecorded):
            self._check_fill(record)
        if isinstance(record, SettingsChanged):
            written = record.config_digest in self._world.config_digests()
            self._require(written, "I-17", f"{record.changes} were never the settings' file")
        was = account.tripped
        account.take(entry)
        self._check_faults()
        if isinstance(record, Reconciled):
            self._reconciled = True
            if record.agreed:
                self._check_agreement(record)
        if account.tripped is not None and was is None:
            self.latched = True

    # The wire.

    def sending(self, request: OrderRequest) -> None:
        """Check an order before its first byte leaves."""
        name = request.cl_ord_id
        meant = self.account.orders.get(name)
        self._require(meant is not None, "I-01", f"{name} was never meant")
        assert meant is not None  # noqa: S101 - required above
        world = self._world
        durable = meant.seq <= world.disk.synced
        self._require(durable, "I-01", f"the intent of {name} is not durable")
        self._require(_says(meant.intent, request), "I-01", f"{name} is not what was meant")
        self._require(name not in self.posted_here, "I-02", f"{name} is on the wire again")
        self.posted_here.add(name)
        self.posts[name] = self.posts.get(name, 0) + 1
        closes = self.closing and meant.intent.purpose is Purpose.EXIT
        reconciled = self._reconciled or closes
        self._require(reconciled, "I-14", f"{name} is sent before the broker was reconciled")
        epoch, found = meant.intent.epoch, meant.seq <= self._found
        fits = epoch < world.epoch if found else epoch == world.epoch
        self._require(fits, "I-15", f"{name} of owner {epoch}, now {world.epoch}")
        if meant.entry:
            self._check_entry(meant)
        else:
            self._check_exit(meant)

    def flag_raised(self, command: str) -> None:
        """Note when a person asked for a kill."""
        if command == "kill" and self.killed_at is None:
            self.killed_at = self._world.clock.monotonic()
            self._world.phases[f"kill in {self.account.state}"] += 1

    @property
    def closing(self) -> bool:
        """Tell whether the records say that the session is on its way out."""
        account = self.account
        return account.tripped is not None or bool(account.commands) or account.fatal

    # Between events.

    def minute_done(self, minute: int) -> None:
        """Check what must hold between two minutes."""
        self._check_orders()
        self._check_books()
        self._check_urgency(minute)
        self._check_settled(minute)
        self._check_loss(minute)

    def process_ended(self) -> None:
        """Check what must hold when a process is gone."""
        self._check_orders()

    def session_over(self) -> None:
        """Check the end of the session: flat, agreed, in the books."""
        world, account = self._world, self.account
        closed = account.closed
        self._require(closed is not None, "V-4", "the session did not end")
        assert closed is not None  # noqa: S101 - required above
        self._check_orders()
        self._check_books()
        self._check_rebuilt()
        if closed.state in _FLAT_STATES or closed.status == "CLOSED":
            net = world.venue.net_of_ours()
            left = [order.number for order in world.venue.working.values() if not order.foreign]
            self._require(not net and not left, "I-13", f"{closed.state} with {net} and {left}")
        doubts = [name for name, order in account.orders.items() if order.in_doubt]
        self._require(not doubts, "V-2", f"still unknown: {doubts}")
        explained = world.has_strangers() or account.undone
        fine = closed.status == "CLOSED" or (closed.state is BotState.ERROR and explained)
        said = f"{closed.state} {closed.status} {closed.exit_reason}"
        self._require(fine, "V-4", f"ended {said}, last {account.reconciled}")
        if closed.flat and not explained:
            self._check_result(closed)
        if closed.state is BotState.ERROR and not closed.flat:
            told = account.reconciled is not None and not account.reconciled.agreed
            self._require(told, "V-4", f"ended {said} and no record says why")

    def _check_result(self, closed: SessionClosed) -> None:
        """V-4: flat and alone in the account, what was gained is what the broker's cash grew by."""
        started = self.account.started
        assert started is not None  # noqa: S101 - the session ended
        grown = self._world.venue.cash - started.opening_cash
        said = closed.realised_pnl
        self._require(said == grown, "V-4", f"a result of {said}, cash grew by {grown}")
        closing = closed.closing_cash == self._world.venue.cash
        self._require(closing, "V-4", f"closing cash {closed.closing_cash}")

    # The invariants.

    def _require(self, holds: object, invariant: str, text: str) -> None:
        if not holds:
            at = self._world.venue.now.isoformat()
            raise Violated(Violation(invariant=invariant, at=at, text=text))

    def _check_faults(self) -> None:
        if self.account.faults:
            invariant, _, text = self.account.faults[0].partition(" ")
            self._require(False, invariant, text)

    def _check_fill(self, record: FillRecorded) -> None:
        told = self._world.executions.get(record.exec_key)
        self._require(told is not None, "I-04", f"B has no execution {record.exec_key}")
        assert told is not None  # noqa: S101 - required above
        same = (told.cl_ord_id, told.symbol, told.side, told.qty, told.price, told.exec_type) == (
            record.cl_ord_id,
            record.symbol,
            record.side,
            record.qty,
            record.price,
            record.exec_type,
        )
        self._require(same, "I-04", f"execution {record.exec_key} is not as B has it")

    def _check_orders(self) -> None:
        """I-02 and I-06 at the broker: one order per intent, and none that we gave up."""
        venue = self._world.venue
        for order in venue.orders[self._judged_orders :]:
            if order.foreign:
                continue
            name = order.request.cl_ord_id
            taken = [
                o for o in venue.by_id[name] if o.status is not OrdStatus.REJECTED or o.cum_qty
            ]
            self._require(len(taken) <= 1, "I-02", f"{name} is {len(taken)} orders at the broker")
            meant = self.account.orders.get(name)
            if meant is not None and meant.not_sent and taken:
                self._require(False, "I-06", f"{name} was given up and is at the broker")
            if meant is not None and meant.entry and taken:
                self._check_signal(meant)
        self._judged_orders = len(venue.orders)

    def _check_signal(self, meant: Meant) -> None:
        intent = meant.intent
        signal = (intent.strategy, intent.symbol, intent.signal_minute)
        same = [
            name
            for name, other in self.account.orders.items()
            if other.entry
            and (other.intent.strategy, other.intent.symbol, other.intent.signal_minute) == signal
            and any(
                o.status is not OrdStatus.REJECTED for o in self._world.venue.by_id.get(name, ())
            )
        ]
        self._require(len(same) == 1, "I-02", f"one signal, orders {same}")

    def _check_agreement(self, record: Reconciled) -> None:
        """I-03, I-07, I-09: after a reconcile that agreed nothing is missing."""
        world = self._world
        theirs = {f.exec_key for f in world.venue.fills if not f.cl_ord_id.startswith("MANUAL-")}
        missing = sorted(theirs - self.account.fills.keys())
        self._require(not missing, "I-03", f"reconciled ({record.reason}) without {missing}")
        self._require(
            self.account.positions == world.venue.positions,
            "I-07",
            f"agreed: J {self.account.positions}, B {world.venue.positions}",
        )
        started = self.account.started
        assert started is not None  # noqa: S101 - the first record
        cash = started.opening_cash + self.account.cash
        self._require(cash == world.venue.cash, "I-09", f"J {cash}, B {world.venue.cash}")

    def _check_books(self) -> None:
        """I-03, I-04, I-07, I-08, I-09 in the ledger, which holds all that is in the journal."""
        connection = self._world.disk.books
        (count,) = connection.execute("SELECT count(*) FROM transactions").fetchone()
        if count == self._books_seen:
            return
        self._books_seen = count
        rows = connection.execute(
            "SELECT external_id, count(*) FROM transactions"
            " WHERE reverses = 0 AND because = '' AND quantity <> 0 GROUP BY external_id"
        ).fetchall()
        booked = {key: n for key, n in rows if key}
        twice = sorted(key for key, n in booked.items() if n != 1)
        self._require(not twice, "I-03", f"in the books more than once: {twice}")
        trades = {k for k, f in self.account.fills.items() if f.exec_type is ExecType.TRADE}
        made_up = sorted(booked.keys() - trades)
        self._require(not made_up, "I-04", f"in the books, not in the journal: {made_up}")
        missing = sorted(trades - booked.keys())
        self._require(not missing, "I-03", f"in the journal, not in the books: {missing}")
        (total,) = connection.execute("SELECT sum(amount) FROM postings").fetchone()
        self._require(not total, "I-08", f"the books sum to {total}")
        crooked = connection.execute(
            "SELECT txn FROM postings GROUP BY txn, currency HAVING sum(amount) <> 0"
        ).fetchall()
        self._require(not crooked, "I-08", f"transactions that do not balance: {crooked}")
        held = dict(
            connection.execute(
                "SELECT symbol, sum(quantity) FROM open_lots GROUP BY symbol"
                " HAVING sum(quantity) <> 0"
            ).fetchall()
        )
        ours = {s: int(q * _SHARE) for s, q in self.account.positions.items()}
        self._require(held == ours, "I-07", f"L {held}, J {ours}")
        (cash,) = connection.execute(
            "SELECT sum(amount) FROM postings WHERE account = ?", (CASH,)
        ).fetchone()
        started = self.account.started
        assert started is not None  # noqa: S101 - there is a transaction
        wanted = int((started.opening_cash + self.account.cash) * _MONEY)
        self._require(cash == wanted, "I-09", f"L {cash}, J {wanted}")

    def _check_rebuilt(self) -> None:
        rebuilt, kept = self._world.rebuilt_books()
        self._require(rebuilt == kept, "I-08", "books rebuilt from the journal differ")
        problems = self._world.book_problems()
        self._require(not problems, "I-10", f"the books: {problems[:1]}")
        broken = self._world.broken_link()
        self._require(not broken, "I-10", f"the journal's chain breaks at record {broken}")

    def _check_entry(self, meant: Meant) -> None:
        """I-11, I-12, I-16: an order that increases risk."""
        world, intent = self._world, meant.intent
        name = intent.cl_ord_id
        killed = self.killed_at
        late = killed is not None and world.clock.monotonic() > killed + KILL_S
        self._require(not late, "I-12", f"{name} is sent after the kill")
        self._require(not self.closing, "I-12", f"{name} is sent while closing")
        mode = self.account.mode
        self._require(mode is RiskMode.ACTIVE, "I-12", f"{name} is sent in risk mode {mode}")
        latched = world.disk.latch.tripped
        self._require(not latched, "I-12", f"{name} is sent while the latch is closed")
        over = [o.intent.cl_ord_id for o in self.account.orders.values() if o.overfilled]
        self._require(not over, "I-05", f"{name} is sent though {over} overfilled")
        self._check_quote(intent)
        self._check_limits(meant)

    def _check_quote(self, intent: OrderIntent) -> None:
        world = self._world
        shown = world.feed.shown_close(intent.symbol, intent.signal_minute)
        sound = not math.isnan(shown) and price_from_float(shown) == intent.reference_price
        self._require(sound, "I-16", f"{intent.cl_ord_id} at {intent.reference_price}, bar {shown}")
        now, day = world.venue.now, world.day
        self._require(
            day.open <= now < day.close, "I-16", f"{intent.cl_ord_id} outside the session"
        )
        age = now - (day.open + (intent.signal_minute + 1) * MINUTE)
        self._require(age <= 2 * MINUTE, "I-16", f"{intent.cl_ord_id} on a bar {age} old")

    def _check_limits(self, meant: Meant) -> None:
        world, account, intent = self._world, self.account, meant.intent
        settings, started = account.settings, account.started
        assert started is not None  # noqa: S101 - the first record
        entries = [order for order in account.orders.values() if order.entry]
        live = [order for order in entries if order.open or order is meant]
        symbols = {o.intent.symbol for o in live} | {s for s, q in account.positions.items() if q}
        most = int(settings["MAX_OPEN_POSITIONS"])
        self._require(len(symbols) <= most, "I-11", f"{len(symbols)} positions of {most}")
        own = [o for o in entries if o.intent.strategy == intent.strategy]
        count = sum(1 for o in own if o.open or o.filled or o is meant)
        limit = int(settings["MAX_TRADES"])
        self._require(count <= limit, "I-11", f"{count} entries of {limit} in {intent.strategy}")
        worst = notional(intent.reference_price, intent.qty)
        for order in own:
            if order is meant:
                continue
            left = max(order.intent.qty - order.filled, ZERO) if order.open else ZERO
            held = min(abs(account.net(order.intent.symbol)), order.filled)
            worst += notional(order.intent.reference_price, left + held)
        cap = account.session_cap
        self._require(worst <= cap, "I-11", f"{worst} of the session's {cap}")
        risk = Decimal(settings["MAX_RISK_PER_TRADE"]) * started.float_amount
        own_worth = notional(intent.reference_price, intent.qty)
        self._require(own_worth <= risk, "I-11", f"{own_worth} in one trade, {risk} allowed")
        sound = intent.qty <= Decimal(settings["MAX_ORDER_QUANTITY"])
        sound = sound and own_worth <= Decimal(settings["MAX_ORDER_NOTIONAL"])
        self._require(sound, "I-11", f"{intent.qty} worth {own_worth} in one order")
        minute = world.venue.phase // 2
        self._sent_entries.append((intent.symbol, minute))
        same = sum(1 for item in self._sent_entries if item == (intent.symbol, minute))
        in_minute = sum(1 for item in self._sent_entries if item[1] == minute)
        few = (
            same <= last_door.PER_SYMBOL_AND_MINUTE
            and in_minute <= last_door.PER_MINUTE
            and len(self._sent_entries) <= last_door.PER_SESSION
        )
        self._require(few, "I-11", f"{same} of a symbol, {in_minute} in a minute")

    def _check_exit(self, meant: Meant) -> None:
        """I-12: what reduces never turns a position round, as far as the bot can know."""
        intent, account = meant.intent, self.account
        known = account.net(intent.symbol)
        spoken_for = sum(
            (
                max(ZERO, order.intent.qty - order.filled)
                for order in account.orders.values()
                if order is not meant
                and order.open
                and not order.entry
                and order.intent.symbol == intent.symbol
                and order.intent.cl_ord_id != intent.replaces
                and (not order.intent.oco_group or order.intent.oco_group != intent.oco_group)
            ),
            ZERO,
        )
        reach = intent.side.sign * (intent.qty + spoken_for)
        holds = known * reach < 0 and abs(reach) <= abs(known)
        if intent.purpose is not Purpose.EXIT:
            holds = known * reach < 0
        text = f"{intent.cl_ord_id}: {reach} against a position of {known} in {intent.symbol}"
        self._require(holds, "I-12", text)

    def _check_settled(self, minute: int) -> None:
        """V-1, V-2: once nothing goes wrong, the broker is known and so is every order."""
        world = self._world
        if minute < world.quiet_from + AGREED_MINUTES or self.account.closed is not None:
            return
        self._require(self._reconciled, "V-1", "not reconciled since the last start")
        if minute < world.quiet_from + KNOWN_MINUTES:
            return
        doubts = [name for name, order in self.account.orders.items() if order.in_doubt]
        self._require(not doubts, "V-2", f"still unknown: {doubts}")

    def _check_loss(self, minute: int) -> None:
        """I-11: a day's loss by the broker's count that reached the limit has tripped the switch.

        Judged while nothing goes wrong and something is held: what a fault hides from the bot for
        a minute is no fault of its own.
        """
        world, account = self._world, self.account
        settled = self._reconciled and minute >= world.quiet_from + AGREED_MINUTES
        if not (settled and any(account.positions.values())) or account.tripped is not None:
            return
        started = account.started
        assert started is not None  # noqa: S101 - something is held
        limit = Decimal(account.settings["DAILY_LOSS_LIMIT"]) * started.opening_cash
        loss = started.opening_cash - world.venue.equity()
        text = f"a loss of {loss} at a limit of {limit}, and the kill switch is not tripped"
        self._require(loss < limit, "I-11", text)

    def _check_urgency(self, minute: int) -> None:
        """V-3: once nothing goes wrong, a kill ends flat within minutes."""
        world, account = self._world, self.account
        quiet = minute >= world.quiet_from and world.venue.is_quiet()
        if not (self.closing and quiet):
            self._urgent_from = None
            return
        if self._urgent_from is None:
            self._urgent_from = minute
        if minute - self._urgent_from < FLAT_MINUTES:
            return
        left = {
            symbol: qty
            for symbol, qty in world.venue.net_of_ours().items()
            if not world.venue.is_halted(symbol)
        }
        explained = world.has_strangers() or account.undone
        self._require(not left or explained, "V-3", f"still held: {left}")


def _says(intent: OrderIntent, request: OrderRequest) -> bool:
    return (
        intent.symbol,
        intent.side,
        intent.qty,
        intent.ord_type,
        intent.limit_price,
        intent.stop_price,
    ) == (
        request.symbol,
        request.side,
        request.qty,
        request.ord_type,
        request.limit_price,
        request.stop_price,
    )
