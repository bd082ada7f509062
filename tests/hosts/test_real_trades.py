"""Sessions on the real days make the trades of the stored answer file, to the last place."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest

from rigd.hosts import wiring
from tests.engine.world import World, settings
from tests.hosts.real_trades import CASES, PARAMS, demanded, stored, told
from tests.strategy.days import SPANS, days_of


def session_rows(label: str, name: str) -> list[tuple[str, ...]]:
    """What sessions of one strategy trade on every real day, in the answer file's form."""
    values = settings(strategy_override=name, **CASES[label].settings)
    rows = []
    for span in SPANS:
        symbol = span.partition("_")[0]
        for text, bars in days_of(span).items():
            day = wiring.session_day(date.fromisoformat(text))
            run = World(settings=values, bars={symbol: bars}, day=day, filters=False).run()
            assert run.session.closed.flat
            for trade in run.trades:
                minutes = [
                    (at - day.open) // timedelta(minutes=1)
                    for at in (trade.signal_time, trade.entry_time, trade.exit_time)
                ]
                row = told((
                    trade.direction.sign,
                    *minutes,
                    trade.entry_price,
                    trade.exit_price,
                    trade.exit_reason,
                    trade.error_code == "stale_exit",
                ))
                rows.append((label, name, symbol, text, *row))
    return rows


@pytest.mark.parametrize("name", PARAMS)
@pytest.mark.parametrize("label", CASES)
def test_sessions_make_the_stored_trades(label, name) -> None:
    """January 2011 and the days of 2013 and 2014: every trade is the answer file's."""
    expected = [row for row in stored() if row[:2] == (label, name)]
    assert session_rows(label, name) == expected
    assert len(expected) > 5


def test_the_answer_file_is_the_independent_reading() -> None:
    """The stored trades are those of the pandas reading of SPEC §3a, and cover what matters."""
    assert list(demanded()) == stored()
    reasons = Counter((row[1], row[10]) for row in stored())
    assert {name for name, _ in reasons} == set(PARAMS)
    assert {reason for _, reason in reasons} == {"timeout", "stop_loss", "target_hit"}
    assert len({(row[2], row[3]) for row in stored()}) > 30
