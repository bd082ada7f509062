"""Planted bugs: each is put into the code in memory, and the simulator must find it (FAULTS §5.5).

A mutant replaces one function for as long as its runs last. No file changes, and nothing that
trades knows of this module.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rigd.core.errors import LedgerError, OrderRejected, OutcomeUnknown
from rigd.core.orders import OrderSnapshot, OrdStatus, Purpose
from rigd.engine import protection, recovery, sending, session
from rigd.engine.orders import OrderBook
from rigd.engine.portfolio import Portfolio
from rigd.engine.recorder import Recorder
from rigd.hosts.simulate.oracle import Violation
from rigd.hosts.simulate.runner import Run, run_seed
from rigd.hosts.simulate.swarm import Profile
from rigd.ledger import book
from rigd.ledger.book import Ledger
from rigd.risk import approval
from rigd.risk.kill_switch import KillSwitch

if TYPE_CHECKING:
    from rigd.engine.desk import Desk

MOST_SEEDS = 2000
"""Within so many seeds a planted bug must be found."""

Bug = Callable[[Any], Any]
"""Takes the right function and returns the wrong one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One planted bug.

    Parameters
    ----------
    name
        What it is.
    owner, attribute
        Which function is replaced.
    bug
        Makes the wrong one.
    by
        The invariant that must find it; blank where any may.
    """

    name: str
    owner: Any
    attribute: str
    bug: Bug
    by: str = ""

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Put the bug in, and take it out again.

        Yields
        ------
        None
            While the code is wrong.
        """
        right = self.owner.__dict__[self.attribute]
        plain = right.__func__ if isinstance(right, staticmethod) else right
        wrong = self.bug(plain)
        setattr(
            self.owner,
            self.attribute,
            staticmethod(wrong) if isinstance(right, staticmethod) else wrong,
        )
        try:
            yield
        finally:
            setattr(self.owner, self.attribute, right)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """What became of a mutant: the seed that found it and what failed; None if nothing did."""

    name: str
    seeds: int
    violation: Violation | None
    seed: int


def hunt(mutant: Mutant, most: int = MOST_SEEDS, minutes: int = 400) -> Caught:
    """Run seeds with a planted bug until one fails.

    Parameters
    ----------
    mutant
        The bug.
    most
        How many seeds may be tried.
    minutes
        The longest day.

    Returns
    -------
    Caught
        With the violation that found it, or without one.
    """
    with mutant.planted():
        for seed in range(most):
            run: Run = run_seed(seed, Profile.SWARM, minutes)
            if run.violation is not None and mutant.by in {"", run.violation.invariant}:
                return Caught(
                    name=mutant.name, seeds=seed + 1, violation=run.violation, seed=run.seed
                )
    return Caught(name=mutant.name, seeds=most, violation=None, seed=-1)


def hunt_all(jobs: int, told: Callable[[Caught], None] = lambda _: None) -> list[Caught]:
    """Hunt every planted bug.

    Parameters
    ----------
    jobs
        How many processes share them.
    told
        Called with each outcome, in the order of the bugs.

    Returns
    -------
    list of Caught
        In the order of the bugs.
    """
    outcomes = []
    if jobs <= 1:
        for number in range(len(MUTANTS)):
            outcomes.append(_hunt_number(number))
            told(outcomes[-1])
        return outcomes
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for caught in pool.map(_hunt_number, range(len(MUTANTS))):
            outcomes.append(caught)
            told(caught)
    return outcomes


def _hunt_number(number: int) -> Caught:
    return hunt(MUTANTS[number])


# The wrong functions. Each takes the right one and does nearly the same.


def _send_unsynced(right: Any) -> Any:  # noqa: ANN401 - any function
    def record(self: Recorder, record: Any, *, durable: bool = False) -> None:  # noqa: ANN401 - any record
        del durable
        right(self, record)

    return record


def _journal_after_send(_: Any) -> Any:  # noqa: ANN401 - any function
    async def send(desk: Desk, intent: Any) -> Any:  # noqa: ANN401 - an intent and an order
        with suppress(OrderRejected, OutcomeUnknown):
            await desk.broker.submit(_request_of(intent))
        desk.recorder.record(intent, durable=True)
        order = desk.orders.get(intent.cl_ord_id)
        await sending.drain(desk)
        return order

    return send


def _request_of(intent: Any) -> Any:  # noqa: ANN401 - an intent and a request
    lonely = OrderBook()
    lonely.fold(intent)
    order = lonely.get(intent.cl_ord_id)
    assert order is not None  # noqa: S101 - folded in the line above
    return order.request()


def _send_again(right: Any) -> Any:  # noqa: ANN401 - any function
    async def transmit(desk: Desk, order: Any) -> None:  # noqa: ANN401 - an order
        await right(desk, order)
        if order.in_doubt:
            await right(desk, order)

    return transmit


def _doubt_is_no(_: Any) -> Any:  # noqa: ANN401 - any function
    def doubt_about(self: OrderBook, order: Any, reason: str) -> Any:  # noqa: ANN401 - an order and a record
        return self.rejection_of(order, reason, evidence="not sent")

    return doubt_about


def _gone_at_once(_: Any) -> Any:  # noqa: ANN401 - any function
    async def is_gone(desk: Desk, order: Any) -> bool:  # noqa: ANN401 - an order
        del desk
        return bool(order.in_doubt)

    return is_gone


def _no_memory_of_fills(right: Any) -> Any:  # noqa: ANN401 - any function
    def fill_for(self: OrderBook, fill: Any, broker: str, commission: Any) -> Any:  # noqa: ANN401 - a fill and a record
        known = dict(self._fills)
        self._fills.clear()
        try:
            return right(self, fill, broker, commission)
        finally:
            self._fills.update(known)

    return fill_for


def _fills_that_look_alike(right: Any) -> Any:  # noqa: ANN401 - any function
    def fill_for(self: OrderBook, fill: Any, broker: str, commission: Any) -> Any:  # noqa: ANN401 - a fill and a record
        for known in self._fills.values():
            same = (known.cl_ord_id, known.qty, known.price)
            if same == (fill.cl_ord_id, fill.qty, fill.price) and known.exec_type is fill.exec_type:
                return None
        return right(self, fill, broker, commission)

    return fill_for


def _no_late_fills(right: Any) -> Any:  # noqa: ANN401 - any function
    def fill_for(self: OrderBook, fill: Any, broker: str, commission: Any) -> Any:  # noqa: ANN401 - a fill and a record
        record = right(self, fill, broker, commission)
        return None if record is not None and record.anomaly == "late" else record

    return fill_for


def _no_overfills(right: Any) -> Any:  # noqa: ANN401 - any function
    def fill_for(self: OrderBook, fill: Any, broker: str, commission: Any) -> Any:  # noqa: ANN401 - a fill and a record
        record = right(self, fill, broker, commission)
        return None if record is not None and record.anomaly == "overfill" else record

    return fill_for


def _reopened(_: Any) -> Any:  # noqa: ANN401 - any function
    def admissible(order: Any, snapshot: Any) -> Any:  # noqa: ANN401 - an order, a snapshot, a status
        del order
        return snapshot.ord_status

    return admissible


def _no_busts(_: Any) -> Any:  # noqa: ANN401 - any function
    def correct(self: Portfolio, word: Any, intent: Any) -> None:  # noqa: ANN401 - a record and an intent
        del self, word, intent

    return correct


def _nothing(_: Any) -> Any:  # noqa: ANN401 - any function
    def do_nothing(*_: Any, **__: Any) -> None:  # noqa: ANN401 - any arguments
        return None

    return do_nothing


def _fee_twice(right: Any) -> Any:  # noqa: ANN401 - any function
    def execution(fill: Any, *, because: str = "") -> Any:  # noqa: ANN401 - a fill and an execution
        return right(replace(fill, commission=2 * fill.commission), because=because)

    return execution


def _cents(right: Any) -> Any:  # noqa: ANN401 - any function
    def execution(fill: Any, *, because: str = "") -> Any:  # noqa: ANN401 - a fill and an execution
        whole = right(fill, because=because)
        floated = round(float(fill.price) * float(fill.qty), 1)
        return whole._replace(notional=int(floated * 1_000_000))

    return execution


def _mark_first(_: Any) -> Any:  # noqa: ANN401 - any function
    def commit(self: Any, entry: Any, session_key: str, take: Any) -> int:  # noqa: ANN401 - of the ledger
        connection, posted = self._connection, 0
        for step in (lambda: self._append_mark(entry, session_key) or 0, take):
            connection.execute("BEGIN IMMEDIATE")
            try:
                posted = int(step())
                connection.execute("COMMIT")
            except Exception as error:
                self._roll_back()
                raise LedgerError(str(error)) from error
        self._load().marks[session_key] = (entry.seq, entry.hash)
        return posted

    return commit


def _naive_rollback(_: Any) -> Any:  # noqa: ANN401 - any function
    def roll_back(self: Any) -> None:  # noqa: ANN401 - of the ledger
        self._state = None
        self._connection.execute("ROLLBACK")

    return roll_back


def _send_before_reconciled(right: Any) -> Any:  # noqa: ANN401 - any function
    async def agree(self: session.Session, reason: str) -> Any:  # noqa: ANN401 - a record
        await self._send_unsent()
        return await right(self, reason)

    return agree


def _forget_the_kill(_: Any) -> Any:  # noqa: ANN401 - any function
    def interrupted_closing(self: session.Session) -> None:
        del self

    return interrupted_closing


def _never_too_late(_: Any) -> Any:  # noqa: ANN401 - any function
    def too_late(self: session.Session, order: Any) -> str:  # noqa: ANN401 - an order
        del self, order
        return ""

    return too_late


def _close_twice(right: Any) -> Any:  # noqa: ANN401 - any function
    async def close_position(desk: Desk, position: Any, label: int, reason: Any) -> None:  # noqa: ANN401 - a position and a reason
        await right(desk, position, label, reason)
        known, desk.orders._working = desk.orders._working, {}  # noqa: SLF001 - a mutant reaches in
        try:
            await right(desk, position, label + 100_000, reason)
        finally:
            desk.orders._working = known | desk.orders._working  # noqa: SLF001 - a mutant reaches in

    return close_position


def _all_is_sound(_: Any) -> Any:  # noqa: ANN401 - any function
    def sound(slice_: Any) -> Any:  # noqa: ANN401 - a slice
        return slice_

    return sound


def _no_loss(right: Any) -> Any:  # noqa: ANN401 - any function
    def worst(ours: Any, theirs: Any) -> Any:  # noqa: ANN401 - profits
        found = right(ours, theirs)
        return found if found is None else max(found, Decimal(0))

    return worst


def _nan_is_no_loss(right: Any) -> Any:  # noqa: ANN401 - any function
    # The switch's self-check asks it for NaN, so that no session begins with this one: V-4.
    def observe(self: KillSwitch, *, pnl: Any, stale: bool, at: Any, day: Any = None) -> Any:  # noqa: ANN401 - of the switch
        del pnl
        return right(self, pnl=self.limit, stale=stale, at=at, day=day)

    return observe


def _no_rules(rules: Any) -> Any:  # noqa: ANN401 - the table of rules
    off = {"max_open_positions", "max_trades"}
    return tuple(rule for rule in rules if rule.__name__ not in off)


def _exit_too_large(right: Any) -> Any:  # noqa: ANN401 - a record's class
    def intent(**fields: Any) -> Any:  # noqa: ANN401 - of the record
        if fields["purpose"] is Purpose.EXIT:
            fields["qty"] *= 2
        return right(**fields)

    return intent


def _cancelled_whatever(right: Any) -> Any:  # noqa: ANN401 - any function
    async def cancel(desk: Desk, order: Any, reason: str) -> None:  # noqa: ANN401 - an order
        await right(desk, order, reason)
        if order.working:
            snapshot = OrderSnapshot(
                cl_ord_id=order.intent.cl_ord_id,
                broker_order_id=order.broker_order_id,
                symbol=order.intent.symbol,
                side=order.intent.side,
                qty=order.intent.qty,
                cum_qty=order.cum_qty,
                avg_px=None,
                ord_status=OrdStatus.CANCELED,
                updated_at=desk.clock.now(),
            )
            update = desk.orders.update_for(snapshot, "event")
            assert update is not None  # noqa: S101 - a working order is cancelled
            desk.recorder.record(update)

    return cancel


def _no_differences(right: Any) -> Any:  # noqa: ANN401 - any function
    def record(desk: Desk, outcome: Any) -> Any:  # noqa: ANN401 - a record
        return right(desk, replace(outcome, position_differences=(), cash_difference=Decimal(0)))

    return record


def _no_cash_difference(_: Any) -> Any:  # noqa: ANN401 - any function
    async def cash_difference(desk: Desk, opening_cash: Decimal) -> Decimal:
        del desk, opening_cash
        return Decimal(0)

    return cash_difference


MUTANTS: tuple[Mutant, ...] = (
    Mutant(name="journal after send", owner=sending, attribute="send", bug=_journal_after_send),
    Mutant(
        name="intent not synced before send",
        owner=Recorder,
        attribute="record",
        bug=_send_unsynced,
    ),
    Mutant(name="send again on 504", owner=sending, attribute="transmit", bug=_send_again),
    Mutant(
        name="unknown is rejected by timeout",
        owner=OrderBook,
        attribute="doubt_about",
        bug=_doubt_is_no,
    ),
    Mutant(
        name="not found once is never arrived",
        owner=sending,
        attribute="_is_gone",
        bug=_gone_at_once,
    ),
    Mutant(
        name="no execution is remembered",
        owner=OrderBook,
        attribute="fill_for",
        bug=_no_memory_of_fills,
    ),
    Mutant(
        name="fills compared by quantity and price",
        owner=OrderBook,
        attribute="fill_for",
        bug=_fills_that_look_alike,
    ),
    Mutant(name="late fill dropped", owner=OrderBook, attribute="fill_for", bug=_no_late_fills),
    Mutant(name="overfill dropped", owner=OrderBook, attribute="fill_for", bug=_no_overfills),
    Mutant(name="overfill does not halt", owner=sending, attribute="halt", bug=_nothing),
    Mutant(
        name="status taken as the broker says it",
        owner=OrderBook,
        attribute="_admissible",
        bug=_reopened,
    ),
    Mutant(name="bust ignored", owner=Portfolio, attribute="_correct", bug=_no_busts),
    Mutant(name="fee posted twice", owner=book, attribute="execution", bug=_fee_twice),
    Mutant(name="money in floats", owner=book, attribute="execution", bug=_cents),
    Mutant(name="half a posting", owner=Ledger, attribute="_commit", bug=_mark_first),
    Mutant(
        name="rollback without in_transaction",
        owner=Ledger,
        attribute="_roll_back",
        bug=_naive_rollback,
    ),
    Mutant(
        name="start before reconcile",
        owner=session.Session,
        attribute="_agree",
        bug=_send_before_reconciled,
        by="I-14",
    ),
    Mutant(
        name="kill not latched",
        owner=session.Session,
        attribute="_interrupted_closing",
        bug=_forget_the_kill,
    ),
    Mutant(
        name="what was cut off is sent whatever happened since",
        owner=session.Session,
        attribute="_too_late",
        bug=_never_too_late,
    ),
    Mutant(name="close sent twice", owner=protection, attribute="close_position", bug=_close_twice),
    Mutant(name="NaN is a price", owner=session, attribute="_sound", bug=_all_is_sound),
    Mutant(name="NaN is no loss", owner=KillSwitch, attribute="observe", bug=_nan_is_no_loss),
    Mutant(name="no loss is seen", owner=session, attribute="worst", bug=_no_loss, by="I-11"),
    Mutant(name="limits say yes", owner=approval, attribute="RULES", bug=_no_rules),
    Mutant(
        name="exit larger than what is held",
        owner=protection,
        attribute="OrderIntent",
        bug=_exit_too_large,
    ),
    Mutant(
        name="refused cancel taken for a cancel",
        owner=sending,
        attribute="cancel",
        bug=_cancelled_whatever,
    ),
    Mutant(
        name="no difference is told",
        owner=recovery,
        attribute="_record",
        bug=_no_differences,
    ),
    Mutant(
        name="difference of cash not told",
        owner=recovery,
        attribute="_cash_difference",
        bug=_no_cash_difference,
    ),
)
"""The planted bugs that a simulated core can show."""

ELSEWHERE: tuple[tuple[str, str], ...] = (
    ("duplicate id is rejected", "an adapter's answer: conformance C04 and the loopback clients"),
    ("synchronous=NORMAL", "needs a real disk: power-loss images"),
    ("no fsync of the folder", "needs a real disk: power-loss images"),
    ("state file written in place", "needs files: crash matrix"),
    ("lockf instead of flock", "needs two processes: tests/system/test_one_owner.py"),
    ("no epoch check", "needs two processes: tests/system/test_one_owner.py"),
    ("fixed UTC windows", "tests/calendar/test_windows.py over the changes of the clocks"),
    ("wall clock for durations", "the control clock of a simulation never jumps"),
    (
        "stale flag starts",
        "tests/store/test_control.py; no session of the core is started by a flag",
    ),
    ("TEST_MODE read mid-session", "tests/hosts/test_planted_bugs.py, over a real session"),
    ("role check only in the widget", "tests/hosts/test_planted_bugs.py, over real requests"),
    ("log with token", "tests/hosts/test_planted_bugs.py, over the logs of access and errors"),
    ("rotation without manifest", "tests/hosts/test_planted_bugs.py, cut at every call"),
    (
        "iteration over a set in reconcile",
        "needs two processes: tests/hosts/simulate/test_trace.py",
    ),
)
"""The planted bugs of FAULTS §5.5 that it cannot show, and what does."""
