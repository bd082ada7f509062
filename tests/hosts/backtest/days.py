"""Histories for the tests of the backtest host, and the session's own answer to each day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from rigd.calendar.exchange import session, sessions
from rigd.core.events import CandidateJudged, PoolRanked, TradeClosed
from rigd.core.values import Profile, Reading
from rigd.enhancements.contract import Sources
from rigd.hosts.backtest.history import History
from rigd.hosts.backtest.played import Terms
from rigd.market.feed import DayFeed
from rigd.market.vix import VixHistory
from tests.engine.world import IDENTITY, World
from tests.engine.world import settings as trading_settings
from tests.fakes.sources import FakeFundamentals
from tests.strategy.days import SPANS, days_of, synthetic_days

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rigd.core.events import Entry
    from rigd.core.values import Bar

CASH = Decimal(100_000)
VIX = VixHistory((Reading(25.0, date(2000, 1, 3)),))

CASES = {
    "long only": {},
    "both sides, levels and friction": {
        "short_type_open": "ShortSell",
        "short_type_mid": "ShortSell",
        "short_type_close": "ShortSell",
        "max_trades": "3",
        "weights": "0.5,0.3,0.2",
        "max_open_positions": "2",
        "stop_pct_open": "0.002",
        "target_pct_open": "0.003",
        "trail_pct_mid": "0.004",
        "stop_pct_close": "0.001",
        "adx_threshold": "60",
        "slippage_simulation_type": "randomized",
        "slippage_mean_pct": "0.0004",
        "slippage_stddev_pct": "0.0003",
        "simulated_latency_ms": "700",
        "sim_commission_pct": "0.0001",
    },
    "inverse ETF, fade, range trail, whole shares": {
        "short_type_open": "ShortSell",
        "short_type_mid": "InverseETF",
        "short_type_close": "ShortSell",
        "strat_close_mode": "fade",
        "max_trades": "2",
        "weights": "0.5,0.5",
        "trail_atr_mult": "2",
        "trail_pct_open": "0.003",
        "adx_filter_enabled": "false",
        "fractional": "false",
        "total_allocation": "0.2",
        "slippage_simulation_type": "randomized",
        "slippage_mean_pct": "0.0004",
        "slippage_stddev_pct": "0.0003",
    },
}
"""Ways to trade: all strategies, sides, exit kinds, caps and frictions between them."""


def terms(**overrides: str) -> Terms:
    """Terms of a backtest under the settings with which the real days trade."""
    return Terms(
        settings=trading_settings(**overrides),
        identity=IDENTITY,
        profile=Profile.TEST,
        sources=Sources(fundamentals=FakeFundamentals()),
    )


def history_of(bars: dict[date, dict[str, Sequence[Bar]]]) -> History:
    """A history of some days."""
    feeds = []
    for day, per_symbol in sorted(bars.items()):
        found = session(day)
        inside = {
            s: [b for b in each if b.minute < found.minutes] for s, each in per_symbol.items()
        }
        feeds.append(DayFeed(found, inside, label="test bars", vix=VIX))
    return History(feeds=tuple(feeds))


def synthetic(seed: int, count: int, symbols: Sequence[str] = ("SPY",)) -> History:
    """Seeded days with jumps, missing minutes and cut ends; half days among them."""
    span = sessions(date(2013, 6, 24), date(2015, 12, 31))[:count]
    data = {s: synthetic_days(seed * 100 + i, count) for i, s in enumerate(symbols)}
    return history_of({
        day.day: {symbol: data[symbol][number] for symbol in symbols}
        for number, day in enumerate(span)
    })


def real() -> History:
    """Every real day of the shared files, its symbols together."""
    found: dict[date, dict[str, Sequence[Bar]]] = {}
    for name in SPANS:
        for text, bars in days_of(name).items():
            found.setdefault(date.fromisoformat(text), {})[name.partition("_")[0]] = bars
    return history_of(found)


def by_session(run: Terms, history: History, number: int, cash: Decimal = CASH) -> Sequence[Entry]:
    """The journal of a day by the session engine over the real wiring, exchange log included."""
    feed = history.feeds[number]
    world = World(
        settings=run.settings.model_copy(update={"sim_starting_cash": cash}),
        bars=feed.bars,
        day=feed.session,
        sources=run.sources,
        inverse_etfs=run.inverse_etfs,
        bought_only=run.bought_only(feed, history.asked),
    )
    return world.run().journal.entries()


def trades_of(entries: Sequence[Entry]) -> list[TradeClosed]:
    """The round trips of a journal; those of one minute in the order of their symbols."""
    return in_order([e.record for e in entries if isinstance(e.record, TradeClosed)])


def in_order(trades: Sequence[TradeClosed]) -> list[TradeClosed]:
    """Round trips by the minute of their end and their symbol."""
    return sorted(trades, key=lambda trade: (trade.exit_time, trade.symbol, trade.strategy))


def judged(entries: Sequence[Entry]) -> list[CandidateJudged | PoolRanked]:
    """What a journal says of pools and candidates, in its order."""
    return [e.record for e in entries if isinstance(e.record, CandidateJudged | PoolRanked)]
