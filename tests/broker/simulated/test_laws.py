"""Laws of the simulated exchange over random sessions: conservation, replay, and crashes."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rigd.broker.simulated.model import SimModel, SlippageKind
from rigd.core.errors import OrderRejected, OutcomeUnknown
from rigd.core.values import Side
from tests.broker.market import OPENS, exchange_on, minute_of, order
from tests.fakes.chainlog import ListLog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rigd.broker.simulated.exchange import SimExchange

FAULTY = SimModel(
    latency_ms=9_000,
    slippage=SlippageKind.RANDOMIZED,
    slippage_mean=0.001,
    slippage_stddev=0.002,
    commission_fraction=Decimal("0.0003"),
    partial_fill_rate=0.5,
    reject_rate=0.1,
    lost_reply_rate=0.1,
    refused_cancel_rate=0.2,
    native_trailing=True,
)

Step = tuple[Any, ...]


def script_of(seed: int) -> list[Step]:
    """Round trips in two symbols, interleaved, with whatever else a client may try."""
    dice = Random(seed)  # noqa: S311 - a test's dice
    queues = [list(trips(dice, symbol)) for symbol in ("AAA", "BBB")]
    script: list[Step] = []
    while any(queues):
        queue = dice.choice([queue for queue in queues if queue])
        script.append(queue.pop(0))
        if dice.random() < 0.4:
            script.append(minute(dice))
        if dice.random() < 0.1:
            script.append(("cancel", dice.randrange(6)))
    return [*script, minute(dice), minute(dice)]


def trips(dice: Random, symbol: str) -> Iterator[Step]:
    for trip in range(3):
        enter, leave = dice.choice([(Side.BUY, Side.SELL), (Side.SELL_SHORT, Side.BUY_TO_COVER)])
        below, above = (dice.randint(90, 99), dice.randint(101, 110))
        stop, limit = (below, above) if leave is Side.SELL else (above, below)
        qty, group = dice.choice(["1", "10", "33.333333", "500"]), f"{symbol}{trip}"
        yield "submit", symbol, enter, "market", 0, qty, ""
        yield minute(dice)
        yield "submit", symbol, leave, dice.choice(["stop", "trail"]), stop, qty, group
        yield "submit", symbol, leave, "limit", limit, qty, group
        yield minute(dice)
        if dice.random() < 0.5:
            yield "replace", dice.randrange(3), dice.randint(90, 110)
        if dice.random() < 0.5:
            yield "submit", symbol, leave, "market", 0, qty, ""
        yield minute(dice)


def minute(dice: Random) -> Step:
    bars = {}
    for symbol in ("AAA", "BBB"):
        if dice.random() < 0.85:
            four = [float(dice.randint(92, 108)) for _ in range(4)]
            bars[symbol] = (four[0], max(four), min(four), four[3])
    return "minute", bars


_scripts = st.integers(0, 10**9).map(script_of)
_quick = settings(max_examples=30, deadline=None, derandomize=True)


class Script:
    """Plays steps; every step is a call or two of the exchange."""

    def __init__(self) -> None:
        self.played = 0
        self.names: list[str] = []

    def step(self, exchange: SimExchange, step: Step) -> None:
        with suppress(OrderRejected, OutcomeUnknown):
            getattr(self, step[0])(exchange, *step[1:])

    def submit(self, exchange, symbol, side, kind, level, qty, group) -> None:
        name = f"O{len(self.names)}"
        self.names.append(name)
        levels = {kind: str(level)} if kind != "market" else {}
        if kind == "trail":
            levels = {"stop": str(level), "trail": "0.03"}
        exchange.submit(order(name, side, qty, symbol, group=group, **levels))

    def cancel(self, exchange, back) -> None:
        exchange.cancel(self.names[-1 - back] if back < len(self.names) else "none")

    def replace(self, exchange, back, level) -> None:
        old = exchange.find(self.names[-1 - back]) if back < len(self.names) else None
        if old is not None:
            name = f"O{len(self.names)}"
            self.names.append(name)
            new = order(name, old.side, str(old.qty), old.symbol, limit=str(level))
            exchange.replace(old.cl_ord_id, new)

    def minute(self, exchange, bars) -> None:
        slice_ = minute_of(self.played, **bars)
        exchange.open_bar(slice_)
        exchange.trade_through(slice_)
        self.played += 1


def truth(exchange: SimExchange) -> tuple[Any, ...]:
    """All that an exchange can be asked for, but for its marks."""
    return (
        exchange.events(0),
        exchange.open_orders(),
        exchange.fills(OPENS),
        exchange.positions(),
        exchange.account().cash,
    )


@_quick
@given(_scripts)
def test_cash_and_positions_are_the_sums_of_the_fills(script: list[Step]) -> None:
    """Cash = start - signed notionals - commissions; positions = signed quantities."""
    exchange, player = exchange_on(model=FAULTY), Script()
    for step in script:
        player.step(exchange, step)
    cash, held = Decimal(100_000), dict.fromkeys(("AAA", "BBB"), Decimal(0))
    for fill in exchange.fills(OPENS):
        traded = (fill.price * fill.qty).quantize(Decimal("0.000001"))
        assert fill.commission is not None
        cash -= fill.side.sign * traded + fill.commission
        held[fill.symbol] += fill.side.sign * fill.qty
    assert exchange.account().cash == cash
    assert {p.symbol: p.qty for p in exchange.positions()} == {s: q for s, q in held.items() if q}


@_quick
@given(_scripts)
def test_no_order_fills_beyond_itself_and_no_exit_turns_a_position(
    script: list[Step],
) -> None:
    """Filled <= ordered; an exit never opens, an entry never closes; keys are unique."""
    exchange, player = exchange_on(model=FAULTY), Script()
    for step in script:
        player.step(exchange, step)
    held = dict.fromkeys(("AAA", "BBB"), Decimal(0))
    filled: dict[str, Decimal] = {}
    for fill in exchange.fills(OPENS):
        before = held[fill.symbol]
        after = before + fill.side.sign * fill.qty
        assert abs(after) > abs(before) if fill.side.opens else abs(after) < abs(before)
        assert before * after >= 0
        held[fill.symbol] = after
        filled[fill.cl_ord_id] = filled.get(fill.cl_ord_id, Decimal(0)) + fill.qty
    for name, quantity in filled.items():
        snapshot = exchange.find(name)
        assert snapshot is not None
        assert quantity == snapshot.cum_qty <= snapshot.qty
    keys = [fill.exec_key for fill in exchange.fills(OPENS)]
    assert len(set(keys)) == len(keys)


@_quick
@given(_scripts)
def test_every_prefix_of_the_log_is_the_state_of_its_time(script: list[Step]) -> None:
    """Opened at any prefix of its log, the exchange tells what it told when it was written."""
    log = ListLog()
    exchange, player = exchange_on(log, FAULTY), Script()
    told = {len(log.rows): truth(exchange)}
    for step in script:
        player.step(exchange, step)
        told[len(log.rows)] = truth(exchange)
    for rows, expected in told.items():
        again = exchange_on(ListLog(log.rows[:rows]), FAULTY, begun=False)
        assert truth(again) == expected


@_quick
@given(_scripts)
def test_killed_between_any_two_calls_nothing_is_lost(script: list[Step]) -> None:
    """Opened anew before every step, and the minutes so far played again, it ends the same."""
    calm = SimModel(latency_ms=9_000, partial_fill_rate=0.5, refused_cancel_rate=0.2)
    smooth, player = exchange_on(model=calm), Script()
    log = ListLog()
    killed, again = exchange_on(log, calm), Script()
    minutes: list[Step] = []
    for step in script:
        player.step(smooth, step)
        killed = exchange_on(log, calm)
        again.played = 0
        for seen in minutes:
            again.step(killed, seen)
        again.step(killed, step)
        minutes += [step] if step[0] == "minute" else []
    assert truth(killed) == truth(smooth)
    assert killed.account() == smooth.account()
