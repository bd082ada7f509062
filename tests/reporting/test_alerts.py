"""What an alert says, where it goes, and what its silence means."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest

from rigd.config.choices import AlertChannel
from rigd.core.events import AlertRaised, Entry, OrderIntent, TradeClosed
from rigd.core.orders import OrdType, Purpose, Side
from rigd.core.values import Direction, ExitReason
from rigd.reporting.alerts import (
    Alert,
    AlertFold,
    Silence,
    channel_of,
    escalation,
    is_number,
    routes_of,
    silence,
    step_of,
)
from tests.reporting.journals import session

EMAIL, SLACK, SMS, PAGERDUTY = AlertChannel
AT = datetime(2024, 3, 4, 15, 0, tzinfo=UTC)
ALERT = Alert(
    number="2024-03-04_1-7",
    timestamp="2024-03-04T15:00:00Z",
    bot="RIGD_USA_SIM_01",
    profile="TEST",
    critical=True,
    event="broker down",
    cause="silent for 15 s",
)


def settings(critical=EMAIL, routine=SLACK, *, failure=True) -> SimpleNamespace:
    return SimpleNamespace(
        critical_alert_channel=critical,
        routine_alert_channel=routine,
        notify_on_failure=failure,
    )


def test_the_payload_has_the_fields_of_the_documents() -> None:
    """A7: timestamp, strategy, ticker, trade size, PnL, cause; the text shows each."""
    fields = ALERT.fields()
    assert list(fields)[:6] == ["timestamp", "strategy", "ticker", "trade_size", "PnL", "cause"]
    assert all(f"{name}: " in ALERT.text() for name in fields)
    assert ALERT.title == "[RIGD_USA_SIM_01 TEST] CRITICAL: broker down"


def test_one_alert_has_one_dedup_key() -> None:
    """The same however often it is sent; another one for another alert or bot."""
    assert ALERT.dedup == replace(ALERT, timestamp="later").dedup
    assert ALERT.dedup != replace(ALERT, number="2024-03-04_1-8").dedup
    assert ALERT.dedup != replace(ALERT, bot="RIGD_USA_SIM_02").dedup


@pytest.mark.parametrize(
    ("critical", "event", "which", "wanted"),
    [
        (True, "broker down", {}, EMAIL),
        (False, "heartbeat", {}, SLACK),
        (True, "broker down", {"critical": None}, None),
        (False, "heartbeat", {"routine": None}, None),
        (False, "heartbeat", {"failure": False}, None),
        (True, "broker down", {"failure": False}, EMAIL),
        (False, "entry filled", {"failure": False}, SLACK),
        (False, "session summary", {"failure": False}, SLACK),
        (False, "session summary", {"routine": None}, None),
    ],
)
def test_critical_and_routine_channels(critical, event, which, wanted) -> None:
    """A5, A6, A10: by urgency; NOTIFY_ON_FAILURE mutes failures that are not critical."""
    alert = replace(ALERT, critical=critical, event=event)
    assert channel_of(alert, settings(**which)) is wanted


@pytest.mark.parametrize("critical", [True, False])
@pytest.mark.parametrize("event", ["entry filled", "exit filled"])
@pytest.mark.parametrize("strategy", ["open", "mid", "close"])
def test_each_event_and_strategy_has_its_route(critical, event, strategy) -> None:
    """A8: the first that fits; none mutes what is not critical alone."""
    routes = routes_of("entry_filled/open=sms, */mid=none, exit_filled/*=pagerduty")
    alert = replace(ALERT, critical=critical, event=event, strategy=strategy)
    usual = EMAIL if critical else SLACK
    wanted = {
        ("entry filled", "open"): SMS,
        ("entry filled", "mid"): usual if critical else None,
        ("entry filled", "close"): usual,
        ("exit filled", "open"): PAGERDUTY,
        ("exit filled", "mid"): PAGERDUTY if critical else None,
        ("exit filled", "close"): PAGERDUTY,
    }
    assert channel_of(alert, settings(), routes) is wanted[event, strategy]


def test_escalation_goes_through_every_channel_once() -> None:
    """In the order that was asked for, else all that are set up."""
    there = (EMAIL, SMS, PAGERDUTY)
    assert escalation(SLACK, "", there) == (SLACK, EMAIL, SMS, PAGERDUTY)
    assert escalation(EMAIL, "pagerduty, email, slack", there) == (EMAIL, PAGERDUTY)
    assert [step_of(age, 3) for age in (0, 59.9, 60, 119, 120, 1000)] == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("ages", "wanted"),
    [
        ((), Silence.HEARD),
        ((59.9,), Silence.HEARD),
        ((1.0, 60.0), Silence.NO_ENTRIES),
        ((299.9,), Silence.NO_ENTRIES),
        ((300.0, 2.0), Silence.STOP),
    ],
)
def test_what_follows_from_silence(ages, wanted) -> None:
    """A11: 60 s and 5 min; the oldest decides."""
    assert silence({str(number): age for number, age in enumerate(ages)}) is wanted


def test_an_alert_of_a_trade_has_its_size_and_pnl() -> None:
    """Read off the journal: the order that the text names, and the round trip of its symbol."""
    order = OrderIntent(
        cl_ord_id="c-1",
        replaces="",
        strategy="open",
        symbol="FB",
        direction=Direction.LONG,
        side=Side.SELL,
        qty=Decimal(10),
        ord_type=OrdType.MARKET,
        limit_price=None,
        stop_price=None,
        oco_group="",
        purpose=Purpose.EXIT,
        signal_minute=3,
        reference_price=Decimal(50),
        verdict_id="",
        exit_reason=ExitReason.TIMEOUT,
        note="",
        epoch=1,
    )
    closed = TradeClosed(
        strategy="open",
        symbol="FB",
        direction=Direction.LONG,
        size=Decimal(10),
        signal_time=AT,
        entry_time=AT,
        exit_time=AT,
        entry_price=Decimal(49),
        exit_price=Decimal(50),
        pnl=Decimal("9.5"),
        commission=Decimal("0.5"),
        broker="SIM",
        exit_reason=ExitReason.TIMEOUT,
        error_code="",
    )
    text = "open: sell 10 FB at 50 (1 executions, order c-1)"
    raised = AlertRaised(critical=False, event="exit filled", text=text)
    fold = AlertFold("2024-03-04_1", "RIGD_USA_SIM_01", "TEST")
    records = (order, closed, raised)
    found = [fold.alert(Entry(n, AT, record, "")) for n, record in enumerate(records, 1)]
    assert found[:2] == [None, None]
    alert = found[2]
    assert (alert.number, alert.strategy, alert.ticker) == ("2024-03-04_1-3", "open", "FB")
    assert (alert.size, alert.pnl, alert.cause) == ("10", "9.5", text)


def summary_of(entries) -> Alert:
    """The only alert of a session whose orders were told nobody."""
    fold = AlertFold("2013-10-07_1", "RIGD_USA_SIM_01", "TEST")
    (found,) = filter(None, (fold.alert(entry) for entry in entries))
    return found


def test_a_session_that_ended_tells_its_summary() -> None:
    """N17: 14.80, -2 and 0 on 1000, 681 and 1400 are 12.80 or 0.42 % of 3081 (journals.py)."""
    found = summary_of(session())
    assert (found.event, found.critical, found.pnl) == ("session summary", False, "12.8")
    assert found.cause == (
        "CLOSED, session_end, flat: 3 trades, PnL +12.80 net of commission, "
        "0.42 % of 3,081.00 spent"
    )


def test_a_summary_without_a_trade_is_0_percent() -> None:
    """A14: nothing was spent, so that nothing is divided."""
    quiet = [entry for entry in session() if not isinstance(entry.record, TradeClosed)]
    assert summary_of(quiet).cause.endswith(
        "0 trades, PnL 0.00 net of commission, 0.00 % of 0.00 spent"
    )


def test_numbers() -> None:
    """Session and record."""
    assert is_number("2024-03-04_1-7")
    assert not is_number("2024-03-04_1-7/..")
