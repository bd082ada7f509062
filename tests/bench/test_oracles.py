"""Two independent simulators make our trades: backtrader's broker and vectorbt's order simulation.

Under the stated conditions: stop and target of at least 0.6 %, no bar of an entry that reaches them
(both peers let levels act from the next bar on), no bar that opens beyond the target and reaches
the stop as well (backtrader's broker takes the stop), prices equal to 2e-6, as ours are rounded.
backtrader runs where the peers' environment is, which `make bench` sets up; vectorbt, which takes
a minute to compile, with the system tests. `make bench` runs both.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from tests.bench import ours
from tests.bench.peer import BENCH_PYTHON, PLACES, Peer, unlike
from tests.bench.peers import work
from tests.strategy.days import real_days, synthetic_days

ORACLES = (
    pytest.param(
        "backtrader",
        marks=pytest.mark.skipif(
            not BENCH_PYTHON.exists(), reason="needs the peers' environment: make bench sets it up"
        ),
    ),
    pytest.param(
        "from_order_func",
        marks=[
            pytest.mark.system,
            pytest.mark.skipif(find_spec("vectorbt") is None, reason="needs the extra research"),
        ],
    ),
)
STOPS = ((0.006, 0.012), (0.01, 0.006))
"""Stop and target, fractions of the entry's price."""

SETS = ("seeded", "synthetic", "real")


def columns(days) -> work.Bars:
    """Return days of bars as columns; the day counts from 0."""
    rows = [(number, *bar) for number, day in enumerate(days) for bar in day]
    found = work.Bars(*(np.array(column) for column in zip(*rows, strict=True)))
    return found._replace(day=found.day.astype(np.int64), minute=found.minute.astype(np.int64))


def whole(day, flat_minute) -> bool:
    """Tell whether a day has its first bar and one at or after the flat minute."""
    return bool(day) and day[0].minute == 0 and day[-1].minute >= flat_minute


def sets(name, number):
    """Return days under one name; only those on which a trade can be closed at the flat minute."""
    flat = work.Rules().flat_minute
    if name == "seeded":
        return work.year(seed=11 + number, days=60)
    days = real_days() if name == "real" else synthetic_days(2028 + number, 250)
    return columns([day for day in days if whole(day, flat)])


def within(bars, rules, fills) -> tuple[work.Bars, int]:
    """Return the bars without the days that break the conditions, and how many those were."""
    broken = {fill.day for fill in fills if breaks(bars, rules, fill)}
    keep = ~np.isin(bars.day, list(broken))
    _, day = np.unique(bars.day[keep], return_inverse=True)
    return work.Bars(*(column[keep] for column in bars))._replace(day=day), len(broken)


def breaks(bars, rules, fill) -> bool:
    """Tell whether a trade ends in the bar of its entry, or in one that goes by both levels."""
    at = np.flatnonzero((bars.day == fill.day) & (bars.minute == fill.exit_minute))[0]
    side, paid = fill.direction, fill.entry_price
    worst = bars.low[at] if side > 0 else bars.high[at]
    beyond = side * bars.open[at] >= side * paid * (1.0 + side * rules.target)
    stopped = side * worst <= side * paid * (1.0 - side * rules.stop)
    return fill.entry_minute == fill.exit_minute or bool(beyond and stopped)


def joined(parts) -> work.Bars:
    """Return the days of several sets one after the other: each day trades on its own."""
    first, moved = 0, []
    for bars in parts:
        moved.append(bars._replace(day=bars.day + first))
        first += int(bars.day[-1]) + 1
    return work.Bars(*(np.concatenate(column) for column in zip(*moved, strict=True)))


@pytest.mark.parametrize("number", range(len(STOPS)))
@pytest.mark.parametrize("oracle", ORACLES)
def test_the_oracle_makes_our_trades(oracle, number, tmp_path) -> None:
    """Seeded whole days, days with jumps and missing minutes, every real day: the same trades."""
    stop, target = STOPS[number]
    rules = work.Rules(stop=stop, target=target)
    kept = []
    for name in SETS:
        bars = sets(name, number)
        bars, left_out = within(bars, rules, ours.fills_of(ours.one_backtest(bars, rules)()))
        fills = ours.fills_of(ours.one_backtest(bars, rules)())
        assert {fill.direction for fill in fills} == {1, -1}
        assert len(fills) > (20 if name == "real" else 50)
        assert left_out == 0 or name == "synthetic"
        assert left_out < len(fills) / 4
        kept.append(bars)
    bars = joined(kept)
    fills = ours.fills_of(ours.one_backtest(bars, rules)())
    with Peer.on_bars(oracle, bars, rules, tmp_path) as peer:
        assert unlike(fills, peer.fills()) == []


def test_a_trade_that_differs_is_seen() -> None:
    """Another side, minute or price, a missing trade, a second one on a day: each is unlike."""
    one = work.Fill(0, 1, 16, 40, 100.0, 101.0)
    assert unlike([one], [one._replace(exit_price=101.000001)]) == []
    for change in ({"direction": -1}, {"exit_minute": 41}, {"exit_price": 101.01}, {"day": 1}):
        assert unlike([one], [one._replace(**change)])
    assert unlike([one], [])
    assert unlike([one], [one, one])


def test_the_loop_in_c_makes_our_trades(tmp_path) -> None:
    """Whether or not it stops a day with its trade, on whole days and on broken ones."""
    library = ours.build_c(tmp_path)
    if library is None:
        pytest.skip("needs gcc")
    for bars in (work.year(seed=5, days=60), columns(synthetic_days(2029, 100))):
        rules = work.Rules(stop=0.003, target=0.004)
        run = ours.one_backtest(bars, rules)
        rows = run()
        fills = ours.fills_of(rows[~rows["stale"]])
        for each_bar in (False, True):
            found = ours.c_loop(library, bars, rules, whole=each_bar)()
            assert [work.Fill(*row) for row in found.tolist()] == fills
        assert len(fills) > 30


def test_every_peer_has_its_module() -> None:
    """A peer that is named can be started."""
    folder = ours.C_FILE.parent
    assert all((folder / f"{place.module}.py").is_file() for place in PLACES.values())
