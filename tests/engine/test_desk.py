"""The desk: marks, ids, exposure and the session's profit."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from rigd.core.ids import client_order_id
from rigd.core.orders import Purpose
from rigd.core.values import Side
from tests.engine.world import DAY, Table


def held() -> Table:
    """100 AAA bought at 99 while its last close is 100."""
    table = Table()
    table.show(range(3))
    table.broker.now = table.desk.day.open + timedelta(minutes=3)
    table.broker.fill(table.send().intent.cl_ord_id, "100", "99", commission="1")
    table.drain()
    return table


def test_profit_is_realised_plus_unrealised_net_of_commissions() -> None:
    """100 × (100 - 99) - 1 = 99."""
    table = held()
    assert table.desk.marks() == {"AAA": Decimal(100)}
    assert table.desk.session_pnl() == 99


@pytest.mark.parametrize("close", [float("nan"), float("inf"), -1.0])
def test_profit_is_unknown_without_a_price(close) -> None:
    """A mark that is no price makes the PnL unknown, not zero."""
    table = held()
    bars = table.desk.bars["AAA"]
    bars[-1] = bars[-1]._replace(close=close)
    assert table.desk.session_pnl() is None


def test_profit_is_unknown_without_a_bar() -> None:
    """A held symbol that was never seen has no mark."""
    table = held()
    del table.desk.bars["AAA"]
    assert table.desk.session_pnl() is None


def test_order_ids_follow_from_the_signal() -> None:
    """SPEC §10: bot, date, session number, strategy, symbol, signal bar, leg."""
    table = Table()
    assert table.desk.order_id("open", "AAA", 20, "entry") == client_order_id(
        bot="RIGD_USA_SIM_01",
        day=DAY,
        number=1,
        strategy="open",
        symbol="AAA",
        signal_minute=20,
        leg="entry",
    )


def test_working_entries_are_told_by_strategy() -> None:
    """Stops, targets and exits are no entries."""
    table = Table()
    entry = table.send()
    other = table.send("other", strategy="mid", symbol="BBB")
    table.send("stop", purpose=Purpose.STOP, side=Side.SELL)
    assert table.desk.working_entries() == [entry, other]
    assert table.desk.working_entries("mid") == [other]


def test_a_runner_is_found_by_name() -> None:
    """Each strategy of the session has one."""
    table = Table()
    assert table.desk.runner("mid").name == "mid"
    assert not table.desk.runner("mid").off
