"""A small market for the tests of the simulated exchange."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from rigd.broker.simulated.exchange import SimExchange
from rigd.broker.simulated.model import SimModel
from rigd.core.draws import Draws
from rigd.core.orders import OrderRequest, OrdType
from rigd.core.values import Bar, MarketSlice, Side
from tests.fakes.chainlog import ListLog

DAY = date(2026, 11, 20)
OPENS = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
ACCOUNT = "RIGD_USA_SIM_01"


def at_minute(minute: int) -> datetime:
    return OPENS + timedelta(minutes=minute)


def minute_of(minute: int, **bars: tuple[float, float, float, float]) -> MarketSlice:
    """One slice from ``SYMBOL=(open, high, low, close)``."""
    rows = {symbol: Bar(minute, *prices, 1000.0) for symbol, prices in bars.items()}
    return MarketSlice(minute, at_minute(minute), rows)


def order(
    cl_ord_id: str,
    side: Side = Side.BUY,
    qty: str = "100",
    symbol: str = "AAA",
    *,
    stop: str | None = None,
    limit: str | None = None,
    trail: str | None = None,
    group: str = "",
) -> OrderRequest:
    kind = OrdType.STOP if stop else OrdType.LIMIT if limit else OrdType.MARKET
    if trail:
        kind = OrdType.TRAILING_STOP
    return OrderRequest(
        cl_ord_id=cl_ord_id,
        symbol=symbol,
        side=side,
        qty=Decimal(qty),
        ord_type=kind,
        stop_price=Decimal(stop) if stop else None,
        limit_price=Decimal(limit) if limit else None,
        trail_fraction=Decimal(trail) if trail else None,
        oco_group=group,
    )


def exchange_on(
    log: ListLog | None = None, model: SimModel | None = None, seed: int = 7, *, begun: bool = True
) -> SimExchange:
    exchange = SimExchange(
        log if log is not None else ListLog(), model or SimModel(), Draws(seed), ACCOUNT, "USD"
    )
    if begun:
        exchange.begin_session(DAY, 1, OPENS)
    return exchange


def play(exchange: SimExchange, slice_: MarketSlice) -> None:
    """Both phases of a minute, with nothing in between."""
    exchange.open_bar(slice_)
    exchange.trade_through(slice_)
