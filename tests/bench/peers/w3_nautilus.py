"""W3 in nautilus_trader: many symbols on one day through its engine, a strategy for each.

The bars' day counts the symbols; its fills tell the day 0. Signals, levels and fills are its W1's.
"""

from __future__ import annotations

import nautilus_trader

from tests.bench.peers import nautilus_engine, serving
from tests.bench.peers.w1_nautilus import instrument_of, one_symbol
from tests.bench.peers.work import Bars, Rules


def prepare(bars: Bars, rules: Rules):
    """Return the run over bars made beforehand; engine and strategies are made anew for each."""
    parts = []
    for number in range(int(bars.day[-1]) + 1):
        own = Bars(*(column[bars.day == number] for column in bars))
        own = own._replace(day=own.day * 0)
        instrument = instrument_of(f"S{number:03d}", rules)
        bar_type = nautilus_engine.bar_type_of(instrument)
        parts.append((own, instrument, bar_type))
    data = [bar for own, _, bar_type in parts for bar in nautilus_engine.bars_of(own, bar_type)]
    data.sort(key=lambda bar: bar.ts_init)

    def ready():
        strategies = [
            one_symbol(rules, own, instrument, bar_type, tag=f"{number:03d}")
            for number, (own, instrument, bar_type) in enumerate(parts)
        ]
        return nautilus_engine.run_of([part[1] for part in parts], data, strategies)

    return ready


if __name__ == "__main__":
    serving.serve(prepare, f"nautilus_trader {nautilus_trader.__version__}")
