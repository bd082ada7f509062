"""Approval: limits in order, then the size; and the caps over any sequence of signals."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from rigd.core.errors import LogicError
from rigd.core.values import Reference, Verdict
from rigd.risk import approval
from rigd.risk.approval import Approval, approve, verdict_id
from tests.factories import candidate, settings
from tests.risk.views import view

D = Decimal
FLOAT = D(100_000)


def test_an_approval_carries_size_id_and_every_verdict():
    """INVENTORY S7: the id names the verdict that an order's intent refers to."""
    answer = approve(candidate(), view(), settings())
    assert isinstance(answer, Approval)
    assert (answer.qty, answer.notional, answer.verdict_id) == (D(8), D(800), "open:SPY:23:1")
    assert len(answer.verdicts) == 12
    assert answer.verdict.rule == "sizing"
    assert answer.verdict.measured == "8 at 100 = 800 of 800"
    assert answer.warnings == ()


def test_the_id_is_the_same_for_the_same_signal():
    """Replay gives the same id; another bar gives another one."""
    assert verdict_id(candidate()) == verdict_id(candidate())
    assert verdict_id(candidate(minute=24)) == "open:SPY:24:1"


def test_missing_data_comes_along_as_warnings():
    """SPEC §3a.9: each missing number is one counted warning."""
    answer = approve(candidate(), view(reference=Reference()), settings())
    assert isinstance(answer, Approval)
    assert [warning.reason for warning in answer.warnings] == [
        "missing_volume",
        "missing_gap",
        "missing_market_cap",
    ]


def test_the_first_no_is_the_answer():
    """With several violations the earliest rule of the table speaks."""
    answer = approve(candidate(reference_price=D(1)), view(window_entries=9), settings())
    assert isinstance(answer, Verdict)
    assert (answer.allow, answer.rule) == (False, "max_trades")


def test_a_size_below_the_minimum_is_a_no():
    """SPEC §3a.11: the size is the last rule."""
    answer = approve(
        candidate(reference_price=D(290)), view(fractional=False, session_cap=D(20)), settings()
    )
    assert isinstance(answer, Verdict)
    assert (answer.allow, answer.reason) == (False, "below_minimum")


def test_a_rule_that_raises_blocks(monkeypatch):
    """INVENTORY E5, FAULTS §3.7: an exception in a risk check is a no, whatever the policy."""

    def price(*_):
        msg = "no price table"
        raise ValueError(msg)

    monkeypatch.setattr(approval, "RULES", (price,))
    answer = approve(candidate(), view(), settings(ENHANCEMENT_FAIL_POLICY="open"))
    assert isinstance(answer, Verdict)
    assert (answer.allow, answer.rule, answer.reason) == (False, "price", "check_failed")
    assert answer.measured == "ValueError: no price table"


@pytest.mark.parametrize("price", [D("NaN"), D("sNaN"), D("Infinity"), D(0), D(-5)])
def test_a_price_that_is_no_price_is_a_no(price):
    """FAULTS §4.5 X02: NaN, infinite, zero and negative prices never become an order."""
    answer = approve(candidate(reference_price=price), view(), settings())
    assert isinstance(answer, Verdict)
    assert answer.allow is False


def test_settings_that_cannot_be_read_are_a_no():
    """INVENTORY E5: limits that cannot be computed block."""
    answer = approve(candidate(), view(), object())  # type: ignore[arg-type]
    assert isinstance(answer, Verdict)
    assert (answer.allow, answer.rule, answer.reason) == (False, "limits", "check_failed")


def test_running_out_of_memory_passes_through(monkeypatch):
    """A fatal error stops the session, it is no verdict."""

    def price(*_):
        raise MemoryError

    monkeypatch.setattr(approval, "RULES", (price,))
    with pytest.raises(MemoryError):
        approve(candidate(), view(), settings())


def test_an_approval_with_a_no_in_it_does_not_exist():
    """INVENTORY S7: an approval rests on yeses alone."""
    no = Verdict(allow=False, rule="price", reason="price_below_minimum")
    with pytest.raises(LogicError, match="yeses"):
        Approval(qty=D(1), notional=D(1), verdict_id="x", verdicts=(no,))


@dataclass
class Book:
    """A little book of entries, counted apart from the code under test."""

    amount: Decimal
    cap: Decimal
    symbols: dict[str, tuple[str, str, Decimal]] = field(default_factory=dict)
    """Symbol -> (window, working | open | closed, notional) of every entry not rejected."""

    def exposure(self, window):
        return sum(
            (n for w, state, n in self.symbols.values() if w == window and state != "closed"), D(0)
        )

    def entries(self, window):
        return sum(1 for w, _, _ in self.symbols.values() if w == window)

    def open(self):
        return sum(1 for _, state, _ in self.symbols.values() if state != "closed")

    def view(self, window, symbol):
        return view(
            float_amount=self.amount,
            session_cap=self.cap,
            window_exposure=self.exposure(window),
            window_entries=self.entries(window),
            open_positions=self.open(),
            symbol_busy=symbol in self.symbols,
        )


signals = st.tuples(
    st.just("signal"),
    st.sampled_from(["open", "mid", "close"]),
    st.sampled_from([f"S{number}" for number in range(9)]),
    st.decimals(min_value="2", max_value="300", places=2),
)
events = st.tuples(
    st.sampled_from(["fill", "reject", "close"]), st.integers(0, 8).map(lambda n: f"S{n}")
)
books = st.lists(signals | events, max_size=50)
weights = st.permutations([D("0.1"), D("0.2"), D("0.3"), D("0.4")])


def walk(sequence, chosen):
    """Yield the book and the approval after each approved signal of a sequence."""
    book = Book(amount=FLOAT, cap=FLOAT * chosen.total_allocation)
    for kind, *rest in sequence:
        if kind == "signal":
            window, symbol, price = rest
            asked = candidate(strategy=window, symbol=symbol, reference_price=price)
            answer = approve(asked, book.view(window, symbol), chosen)
            if isinstance(answer, Approval):
                assert symbol not in book.symbols, "a busy symbol was approved"
                book.symbols[symbol] = (window, "working", answer.qty * price)
                yield book, answer, window
            continue
        (symbol,) = rest
        window, state, cost = book.symbols.get(symbol, ("", "", D(0)))
        if kind == "fill" and state == "working":
            book.symbols[symbol] = (window, "open", cost)
        elif kind == "reject" and state == "working":
            del book.symbols[symbol]
        elif kind == "close" and state == "open":
            book.symbols[symbol] = (window, "closed", cost)


CAP_TEST = hypothesis_settings(max_examples=80, deadline=None)


@CAP_TEST
@given(sequence=books, chosen=weights)
def test_total_allocation_is_never_exceeded(sequence, chosen):
    """INVENTORY S8: open plus working of a window never exceed float x TOTAL_ALLOCATION."""
    limits = settings(WEIGHTS=tuple(chosen))
    for book, _, window in walk(sequence, limits):
        assert book.exposure(window) <= D(2_000)


@CAP_TEST
@given(sequence=books, part=st.decimals(min_value="0.001", max_value="0.01", places=4))
def test_max_risk_per_trade_is_never_exceeded(sequence, part):
    """INVENTORY S8: no single entry costs more than float x MAX_RISK_PER_TRADE."""
    chosen = settings(MAX_RISK_PER_TRADE=part)
    for _, answer, _ in walk(sequence, chosen):
        assert answer.notional <= FLOAT * part


@CAP_TEST
@given(sequence=books, limit=st.integers(0, 4))
def test_max_trades_is_never_exceeded(sequence, limit):
    """INVENTORY S8: a window never has more filled and working entries than MAX_TRADES."""
    chosen = settings(MAX_TRADES=limit, WEIGHTS=(D("0.2"),) * limit)
    for book, _, window in walk(sequence, chosen):
        assert book.entries(window) <= limit


@CAP_TEST
@given(sequence=books, limit=st.integers(0, 6))
def test_max_open_positions_is_never_exceeded(sequence, limit):
    """INVENTORY S8: over all windows no more than MAX_OPEN_POSITIONS are open or working."""
    chosen = settings(MAX_OPEN_POSITIONS=limit)
    for book, _, _ in walk(sequence, chosen):
        assert book.open() <= limit


@CAP_TEST
@given(sequence=books)
def test_one_symbol_never_has_two_entries_at_once(sequence):
    """INVENTORY S8 (concurrency): each approved symbol was free, and is listed once."""
    approved = [answer.verdict_id for _, answer, _ in walk(sequence, settings())]
    assert len(approved) <= sum(event[0] == "signal" for event in sequence)


@CAP_TEST
@given(
    spread=st.floats(min_value=0, max_value=0.02),
    volume=st.floats(min_value=0, max_value=2e6),
    cap=st.floats(min_value=0, max_value=2e10),
    slippage=st.floats(min_value=0, max_value=0.03),
    opened=st.floats(min_value=50, max_value=150),
    price=st.decimals(min_value="0.5", max_value="500", places=2),
)
def test_no_approval_is_outside_a_limit_of_the_symbol(spread, volume, cap, slippage, opened, price):
    """INVENTORY S8 (spread, volume, market cap, price, gap, slippage): approved means inside."""
    seen = view(
        spread=spread,
        reference=Reference(previous_close=100.0, previous_volume=volume, market_cap=cap),
        expected_slippage=slippage,
        session_open_price=opened,
    )
    inside = (
        spread <= 0.005
        and volume >= 500_000
        and 300e6 <= cap <= 10e9
        and slippage <= 0.01
        and abs(opened / 100.0 - 1.0) <= 0.1
        and 2 <= price <= 300
    )
    answer = approve(candidate(reference_price=price), seen, settings())
    assert isinstance(answer, Approval) is inside
