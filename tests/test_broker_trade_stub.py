"""Randomised micro-trades against the stub broker (document 070, test_broker_trade_stub)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pytest

from rigd.broker.adapters.sim import SimBroker
from rigd.broker.links import LocalLink
from rigd.broker.simulated.exchange import SimExchange
from rigd.broker.simulated.model import SimModel
from rigd.core.draws import Draws
from rigd.core.money import price_from_float
from rigd.core.orders import Fill, OrderRequest, OrdStatus
from rigd.core.values import Side
from rigd.hosts import wiring
from rigd.market.feed import DayFeed
from tests.engine.world import DAY, real_bars, settings
from tests.fakes.chainlog import ListLog
from tests.flags import run_by_hand

SYMBOLS = ("SPY", "IBM", "BAC")
TRIPS = 60
CASH = Decimal(100_000)


@dataclass
class Traded:
    """What a day of micro-trades left at the stub, and what it must have come to."""

    cash: Decimal
    positions: list[object]
    fills: list[Fill]
    expected: Decimal
    rejected: int


async def trade(seed: int) -> Traded:
    """Buy a few tenths of a share at random minutes and sell them two minutes later."""
    draws = np.random.default_rng(seed)
    day, bars = wiring.session_day(DAY), real_bars(DAY, *SYMBOLS)
    opens = {symbol: {bar.minute: bar.open for bar in rows} for symbol, rows in bars.items()}
    exchange = SimExchange(
        ListLog(), SimModel.from_settings(settings()), Draws(seed), "STUB", "USD"
    )
    exchange.begin_session(day.day, 1, day.open)
    broker = SimBroker(LocalLink(exchange), "STUB")
    await broker.connect()
    plan: dict[int, list[OrderRequest]] = {}
    expected = CASH
    for trip in range(TRIPS):
        symbol = str(draws.choice(SYMBOLS))
        first = int(draws.choice([m for m in opens[symbol] if m < 380]))
        qty = Decimal(int(draws.integers(1, 10))) / 10
        for side, minute in ((Side.BUY, first), (Side.SELL, first + 2)):
            order = OrderRequest(cl_ord_id=f"{side}{trip}", symbol=symbol, side=side, qty=qty)
            plan.setdefault(minute, []).append(order)
            fills_at = next(m for m in sorted(opens[symbol]) if m > minute)
            expected -= side.sign * qty * price_from_float(opens[symbol][fills_at])
    rejected, fills = 0, []
    for slice_ in DayFeed(day, bars, label="real bars").slices():
        exchange.open_bar(slice_)
        exchange.trade_through(slice_)
        for order in plan.get(slice_.minute, ()):
            rejected += (await broker.submit(order)).ord_status is OrdStatus.REJECTED
        fills += [event for event in broker.poll() if isinstance(event, Fill)]
    return Traded(
        cash=(await broker.account()).cash,
        positions=await broker.positions(),
        fills=fills,
        expected=expected,
        rejected=rejected,
    )


@pytest.mark.parametrize("seed", range(5))
def test_micro_trades_come_out_to_the_cent(seed: int) -> None:
    """V6: every order is taken, fills once at the next open, and cash is what paper says."""
    told = asyncio.run(trade(seed))
    assert told.rejected == 0
    assert len(told.fills) == len({fill.exec_key for fill in told.fills}) == 2 * TRIPS
    assert told.positions == []
    assert abs(told.cash - told.expected) < Decimal("0.01")


def test_the_same_seed_trades_the_same() -> None:
    """A stub is repeatable: the same draws give the same fills."""
    once, again = asyncio.run(trade(1)), asyncio.run(trade(1))
    assert once == again


if __name__ == "__main__":
    raise SystemExit(run_by_hand(__file__))
