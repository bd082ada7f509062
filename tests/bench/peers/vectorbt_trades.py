"""The trades of a vectorbt portfolio in the terms of the work."""

from __future__ import annotations

from tests.bench.peers.work import Bars, Fill


def fills_of(portfolio, bars: Bars) -> list[Fill]:
    """Return its trades in order of their entry."""
    rows = portfolio.trades.values
    entries, exits = rows["entry_idx"], rows["exit_idx"]
    return [
        Fill(*row)
        for row in zip(
            bars.day[entries].tolist(),
            (1 - 2 * rows["direction"]).tolist(),
            bars.minute[entries].tolist(),
            bars.minute[exits].tolist(),
            rows["entry_price"].tolist(),
            rows["exit_price"].tolist(),
            strict=True,
        )
    ]
