"""Act on what the watchdog found, at the top of a slice, by the table of emergencies.

What the table leaves to us: a clock that jumped is compared with the broker's before new risk is
taken again (FAULTS T02); after a stall the broker is asked first (T03); a fill that never came is
an unresolved order (document 090).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.core.emergencies import Effect, Emergency, response_to
from rigd.core.errors import BrokerError
from rigd.core.events import NoteMade
from rigd.engine import sending
from rigd.engine.watchdog import CLOCK_TOLERANCE, HealthReport, Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rigd.engine.desk import Desk

TOPIC = "watchdog"
"""Topic of the notes on what came back."""


async def keep(desk: Desk, reports: Sequence[HealthReport]) -> None:
    """Act on what the watchdog found since the last slice.

    Parameters
    ----------
    desk
        The session's desk.
    reports
        What it found.
    """
    for report in reports:
        if report.healthy:
            _note_recovery(desk, report)
        elif report.part is Part.BROKER:
            await _lose_broker(desk, report)
        elif report.part is Part.DATA:
            _lose_data(desk, report)
        elif report.part is Part.CLOCK:
            await _check_clock(desk, report)
        elif report.part is Part.HEARTBEAT:
            await _wake(desk, report)
        else:
            _miss_fill(desk, report)


def _note_recovery(desk: Desk, report: HealthReport) -> None:
    if report.part is Part.DATA:
        desk.data_down = False
    else:
        desk.gap_seen = True
    desk.recorder.record(NoteMade(topic=TOPIC, text=f"{report.part}: {report.detail}"))


async def _lose_broker(desk: Desk, report: HealthReport) -> None:
    """Meet the outage once; while the session closes, every minute that it lasts (SPEC §9a)."""
    suspends = (
        Effect.SUSPEND in response_to(Emergency.BROKER_DOWN, desk.recorder.facts.state).effects
    )
    if not (report.repeated and suspends):
        desk.meet(Emergency.BROKER_DOWN, report.detail)
    if suspends:
        await desk.reconcile("broker")


def _lose_data(desk: Desk, report: HealthReport) -> None:
    desk.data_down = True
    desk.meet(Emergency.DATA_DOWN, report.detail)


async def _check_clock(desk: Desk, report: HealthReport) -> None:
    """Freeze new risk, compare our time with the broker's, then go on or halt."""
    desk.held_back.add(Part.CLOCK)
    sending.suspend(desk, report.detail)
    try:
        theirs = (await desk.broker.clock()).now
    except BrokerError as error:
        sending.record_error(desk, error, "", "the broker's time after a jump of the clock")
        desk.alerts.raise_alert("clock", f"{report.detail}; the broker is silent", critical=True)
        sending.halt(desk, "the clock jumped and the broker's time is not known")
        return
    apart = desk.clock.now() - theirs
    if abs(apart) > CLOCK_TOLERANCE:
        found = f"{apart.total_seconds():+.1f} s from the broker's time"
        desk.alerts.raise_alert("clock", f"{report.detail}; we are {found}", critical=True)
        sending.halt(desk, f"the clock jumped and is {found}")
        return
    desk.held_back.discard(Part.CLOCK)
    await desk.reconcile("clock")


async def _wake(desk: Desk, report: HealthReport) -> None:
    """Ask the broker first: what we knew is older than the lease (FAULTS T03)."""
    desk.alerts.raise_alert("heartbeat", report.detail, critical=False)
    sending.suspend(desk, report.detail)
    await desk.reconcile("wake")


def _miss_fill(desk: Desk, report: HealthReport) -> None:
    """Tell that an order got no fill, and look it up: an unresolved order."""
    order = desk.orders.get(report.subject)
    strategy = order.intent.strategy if order else ""
    error = BrokerError(f"order {report.subject}: {report.detail}")
    sending.record_error(desk, error, strategy, f"missing fill of order {report.subject}")
    desk.alerts.raise_alert("missing fill", f"{report.subject}: {report.detail}", critical=False)
    desk.gap_seen = True
