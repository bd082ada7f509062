"""Orders and positions are compared with the broker while a session runs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from rigd.core.events import ErrorCaptured, Reconciled
from rigd.core.lifecycle import RiskMode
from rigd.core.orders import BrokerPosition, OrderRequest, OrderSnapshot
from rigd.core.values import Side
from rigd.engine.comparison import Comparison
from tests.engine.test_candidates import breaking, world
from tests.engine.world import Table
from tests.fakes.broker import FakeBroker


class Counting(FakeBroker):
    """Counts how often orders and positions are asked for."""

    asked = (0, 0)

    async def open_orders(self) -> list[OrderSnapshot]:
        self.asked = (self.asked[0] + 1, self.asked[1])
        return await super().open_orders()

    async def positions(self) -> list[BrokerPosition]:
        self.asked = (self.asked[0], self.asked[1] + 1)
        return await super().positions()


def asked(table: Table) -> tuple[int, int]:
    """How often orders and positions were asked for."""
    return table.broker.asked


def holding(**overrides: object) -> Table:
    """100 AAA held, and an order in BBB that works."""
    table = Table(**overrides)
    table.broker.__class__ = Counting
    table.show(range(31))
    order = table.send()
    table.broker.fill(order.intent.cl_ord_id, "100", "100")
    table.drain()
    table.send("other", symbol="BBB")
    return table


def look(comparison: Comparison) -> None:
    asyncio.run(comparison.look())


def test_each_is_compared_when_its_time_has_come() -> None:
    """OPEN_ORDER_CHECK_S and POSITION_CHECK_S, by the market's clock."""
    table = holding(open_order_check_s="120", position_check_s="180")
    comparison, first = Comparison(table.desk), asked(table)
    counts = []
    for _ in range(7):
        look(comparison)
        counts.append(tuple(now - then for now, then in zip(asked(table), first, strict=True)))
        table.desk.clock.advance(table.desk.clock.now() + timedelta(minutes=1))
    assert counts == [(1, 1), (1, 1), (2, 1), (2, 2), (3, 2), (3, 2), (4, 3)]
    assert not table.desk.gap_seen


def test_a_changed_interval_counts_from_the_next_look() -> None:
    """Both keys may change while the session runs."""
    table = holding(open_order_check_s="3600", position_check_s="3600")
    comparison = Comparison(table.desk)
    look(comparison)
    before = asked(table)
    table.desk.settings = table.desk.settings.model_copy(update={"position_check_s": 60.0})
    table.desk.clock.advance(table.desk.clock.now() + timedelta(minutes=1))
    look(comparison)
    assert asked(table) == (before[0], before[1] + 1)


def test_what_agrees_leaves_nothing_and_nothing_open_asks_nothing() -> None:
    """No record, no gap; an idle session sends no request."""
    table = holding()
    records = len(table.journal.entries())
    look(Comparison(table.desk))
    assert len(table.journal.entries()) == records
    idle = Table()
    idle.broker.__class__ = Counting
    before = asked(idle)
    look(Comparison(idle.desk))
    assert asked(idle) == before


def test_a_position_that_changed_without_us_is_a_gap() -> None:
    """FAULTS O11: somebody sold 40 of ours at the broker's own site."""
    table = holding()
    sold = OrderRequest(cl_ord_id="theirs", symbol="AAA", side=Side.SELL, qty=Decimal(40))
    table.broker.add_foreign(sold)
    table.broker.fill("theirs", "40", "100", silent=True)
    look(Comparison(table.desk))
    assert table.desk.gap_seen


@pytest.mark.parametrize("event", ["gone", "filled"])
def test_an_order_that_is_not_as_we_know_it_is_a_gap(event: str) -> None:
    """Its event never came: it ended, or it filled in part."""
    table = holding()
    (order,) = table.desk.orders.working()
    name = order.intent.cl_ord_id
    if event == "gone":
        del table.broker.orders[name]
    else:
        table.broker.orders[name] = replace(table.broker.orders[name], cum_qty=Decimal(40))
    look(Comparison(table.desk))
    assert table.desk.gap_seen


def test_a_view_that_lags_is_given_its_time() -> None:
    """FAULTS O08: a broker whose lists lag is not at odds with us before it had time to settle."""
    table = holding()
    kind = replace(
        table.broker.capabilities, authoritative_lookup=False, settle=timedelta(minutes=2)
    )
    table.broker.capabilities = kind
    (order,) = table.desk.orders.working()
    table.broker.hidden.add(order.intent.cl_ord_id)
    comparison, seen = Comparison(table.desk), []
    for _ in range(3):
        look(comparison)
        seen.append(table.desk.gap_seen)
        table.desk.clock.advance(table.desk.clock.now() + timedelta(minutes=1))
    assert seen == [False, False, True]


def test_a_view_that_caught_up_in_time_is_no_gap() -> None:
    """The time counts anew when it differs again."""
    table = holding()
    kind = replace(
        table.broker.capabilities, authoritative_lookup=False, settle=timedelta(minutes=2)
    )
    table.broker.capabilities = kind
    (order,) = table.desk.orders.working()
    comparison, name = Comparison(table.desk), order.intent.cl_ord_id
    for hidden in (True, False, True, True):
        table.broker.hidden = {name} if hidden else set()
        look(comparison)
        table.desk.clock.advance(table.desk.clock.now() + timedelta(minutes=1))
    assert not table.desk.gap_seen


def test_a_broker_that_does_not_answer_is_a_gap() -> None:
    """Recorded, and the session reconciles when it answers again."""
    table = holding()
    table.broker.down = True
    look(Comparison(table.desk))
    assert table.desk.gap_seen
    assert table.journal.records(ErrorCaptured)[-1].context == "comparison with the broker"


def test_a_session_finds_the_difference_at_the_next_minute_and_takes_no_new_risk() -> None:
    """FAULTS O12: found without any event, explained by nothing, suspended until it agrees."""
    run = world({"AAA": breaking(0.10, [25])})
    seen: list[tuple[int, RiskMode]] = []

    def meddle(minute: int) -> None:
        if minute == 28:
            held = run.exchange._book.holdings
            held["AAA"] = replace(held["AAA"], qty=held["AAA"].qty - 1)
        seen.append((minute, run.session.desk.recorder.facts.risk_mode))

    run.run(meddle)
    modes = dict(seen)
    assert (modes[28], modes[29]) == (RiskMode.ACTIVE, RiskMode.REDUCING)
    assert [each.reason for each in run.journal.records(Reconciled)][:2] == ["start", "gap"]
