"""The answer file of the real days: which trades SPEC §3a demands on them, by the pandas reading.

``python -m tests.hosts.real_trades`` writes `real_trades.csv` anew from `tests.strategy.oracle`,
which shares no code with the product. Do that only when SPEC §3a is meant to change.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.strategy import oracle
from tests.strategy.days import SPANS, days_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ANSWERS = Path(__file__).with_name("real_trades.csv")
COLUMNS = (
    *("case", "strategy", "symbol", "day", "direction", "signal", "entry", "exit"),
    *("entry_price", "exit_price", "reason", "stale"),
)


class Params(NamedTuple):
    """What the reading needs to find a signal; fields that a strategy lacks are not read."""

    start: int
    analysis_end: int
    breakout_end: int
    buffer: float = 0.0
    threshold: float = 0.0
    mode: int = 1


class Rules(NamedTuple):
    """Exit rules as fractions; NaN is off."""

    stop_fraction: float
    target_fraction: float
    trail_fraction: float = 0.02
    tighten_factor: float = 0.5
    tighten_buffer_s: float = 150.0
    vwap_touch: bool = False
    atr_mult: float = float("nan")
    atr_period: int = 14


class Plan(NamedTuple):
    """When entries and the trade end, and what a market order costs."""

    entry_end: int
    exit_minute: int
    latency_fraction: float
    slippage: float
    shorts: bool


PARAMS = {
    "open": Params(0, 20, 30, buffer=0.0003),
    "mid": Params(150, 165, 175, threshold=0.0005),
    "close": Params(364, 369, 372, threshold=0.0005),
}
"""Windows and triggers as SPEC §3a works them out for a full day; small enough to trade."""

ENDS = {"open": (60, 60), "mid": (205, 205), "close": (372, 387)}
"""The minute before which an entry must fill, and the minute of the time exit."""

OFF = float("nan")


class Case(NamedTuple):
    """One way to trade: the settings of the session and the same in the reading's terms."""

    settings: Mapping[str, str]
    stop: float
    target: float
    trail: float
    latency_fraction: float
    slippage: float
    shorts: bool
    mode: int


def _each(key: str, value: str) -> dict[str, str]:
    return {f"{key}_{name}": value for name in PARAMS}


CASES = {
    "long": Case({}, OFF, OFF, 0.02, 0.0, 0.0, shorts=False, mode=1),
    "both sides, fade": Case(
        {**_each("short_type", "ShortSell"), "strat_close_mode": "fade"},
        *(OFF, OFF, 0.02, 0.0, 0.0),
        shorts=True,
        mode=-1,
    ),
    "levels and friction": Case(
        {
            **_each("short_type", "ShortSell"),
            **_each("stop_pct", "0.001"),
            **_each("target_pct", "0.0015"),
            **_each("trail_pct", "0.0025"),
            "slippage_simulation_type": "rule_based",
            "slippage_mean_pct": "0.0003",
            "slippage_stddev_pct": "0",
            "simulated_latency_ms": "250",
        },
        *(0.001, 0.0015, 0.0025, 250 / 60_000, 0.0003),
        shorts=True,
        mode=1,
    ),
}


def demanded() -> Iterator[tuple[str, ...]]:
    """Yield a row of the answer file for every trade, in its order."""
    for label, case in CASES.items():
        for name, params in PARAMS.items():
            rules = Rules(case.stop, case.target, case.trail, vwap_touch=name == "mid")
            plan = Plan(*ENDS[name], case.latency_fraction, case.slippage, case.shorts)
            for span in SPANS:
                for day, bars in days_of(span).items():
                    found = oracle.trade(
                        name,
                        oracle.day_table(bars),
                        params._replace(mode=case.mode),
                        rules,
                        plan,
                    )
                    if found is not None:
                        symbol = span.partition("_")[0]
                        yield (label, name, symbol, day, *told(found))


def told(trade: tuple) -> tuple[str, ...]:
    """Return a trade as the columns of the answer file; prices to six places."""
    side, signal, entry, leave, entry_price, exit_price, reason, stale = trade
    return (
        *map(str, (side, signal, entry, leave)),
        *(f"{price:.6f}" for price in (entry_price, exit_price)),
        str(reason),
        str(stale).lower(),
    )


def stored() -> list[tuple[str, ...]]:
    """Return the rows of the answer file."""
    with ANSWERS.open(encoding="utf-8", newline="") as lines:
        reader = csv.reader(lines)
        assert tuple(next(reader)) == COLUMNS
        return [tuple(row) for row in reader]


def main() -> None:
    """Write the answer file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(demanded())
    ANSWERS.write_text(text.getvalue(), encoding="utf-8")


if __name__ == "__main__":
    main()
