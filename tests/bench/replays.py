"""The ways in which our side replays a day of many symbols (PERFORMANCE P6)."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from rigd.core.values import Bar
from rigd.hosts.backtest.host import Host
from rigd.hosts.backtest.scanning import Lane
from tests.bench import ours
from tests.bench.peers import work
from tests.engine.world import World, settings
from tests.hosts.backtest.days import CASH, history_of, terms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rigd.core.events import TradeClosed
    from tests.bench.peers.work import Bars

DAY = date(2013, 10, 7)
SETTINGS = {
    "strategy_override": "open",
    "sim_starting_cash": "100000",
    "short_type_open": "ShortSell",
    "strat_open_buffer": "0.0005",
    "stop_pct_open": str(work.Rules().stop),
    "target_pct_open": str(work.Rules().target),
    "max_trades": "3",
    "weights": "0.5,0.3,0.2",
}

SESSION = "the session engine, event by event, with pool, risk, journal in memory"
HOST = "the backtest host, with pool, risk and records"
STEPPER = "rules and fills alone, each symbol by itself"


class Way(NamedTuple):
    """A replay of the day, which gives its trades, and how often it runs in a round."""

    run: Callable[[], Sequence[Any]]
    times: int


def ways(bars: Bars) -> dict[str, Way]:
    """Return the three ways; the bars' day counts the symbols."""
    rows, offsets = ours.packed(bars)
    per_symbol = {
        f"S{number:03d}": [Bar(*row) for row in rows[first:last].tolist()]
        for number, (first, last) in enumerate(pairwise(offsets))
    }
    step = ours.one_backtest(bars, work.Rules())
    step()
    return {
        SESSION: Way(lambda: session_trades(per_symbol), 1),
        HOST: Way(by_host(per_symbol), 5),
        STEPPER: Way(step, 20),
    }


def session_trades(per_symbol: dict[str, list[Bar]]) -> Sequence[TradeClosed]:
    """Run a session over the day."""
    return World(settings=settings(**SETTINGS), bars=per_symbol).run().trades


def by_host(per_symbol: dict[str, list[Bar]]) -> Callable[[], Sequence[TradeClosed]]:
    """Return the run of the backtest host over the day, compiled beforehand."""
    history = history_of({DAY: per_symbol})
    asked = terms(**SETTINGS)

    def run() -> Sequence[TradeClosed]:
        found = Host(asked, history, Lane.COMPILED).run(CASH)
        return [trade for day in found for trade in day.trades]

    run()
    return run
