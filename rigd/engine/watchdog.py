"""The watchdog: broker, market data, our own beat, the clock, and fills that never came.

It looks and says what changed, as `HealthReport` values; the session acts on them at the top of a
slice by the table of emergencies (ARCHITECTURE §3.4). Outages are measured on the market clock,
which a replay moves; jumps and stalls on the control clock, which nobody moves.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from rigd.core.clock import iso
from rigd.core.orders import OrdType
from rigd.core.values import SelfCheck

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from rigd.config.schema import Settings
    from rigd.core.ports import Clock, Connection, ControlClock
    from rigd.core.values import SessionDay
    from rigd.engine.broker_line import BrokerLine
    from rigd.engine.orders import Order

WRITER = "rigd.engine.watchdog"
"""Owner of ``heartbeat.log`` (document 070)."""

NO_BARS = timedelta(minutes=5)
"""A live feed without a bar of any symbol for this long is down (SPEC §10)."""

JUMP_S = 2.0
"""Wall clock against monotonic clock: more than this is a jump [seconds] (FAULTS T02)."""

CLOCK_TOLERANCE = timedelta(seconds=2)
"""How far the broker's time may be from ours [seconds] (FAULTS T02)."""

FILL_TIMEOUT = timedelta(minutes=3)
"""A market order that works for longer without a fill misses one."""

REPEAT = timedelta(minutes=1)
"""How often an outage that lasts is told again (SPEC §9a: alerts each minute)."""


class Part(StrEnum):
    """What is watched."""

    BROKER = "broker"
    DATA = "data"
    HEARTBEAT = "heartbeat"
    CLOCK = "clock"
    FILL = "fill"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """What the watchdog found of one part.

    Parameters
    ----------
    part
        What.
    healthy
        False when it failed, True when it came back.
    detail
        What was measured.
    repeated
        Whether it was told before and lasts.
    subject
        The order's id for a missing fill; blank for the rest.
    """

    part: Part
    healthy: bool
    detail: str
    repeated: bool = False
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchLimits:
    """How long each part may be silent, and how old the data of a decision may be when it is sent.

    BROKER_OUTAGE_S, MARKET_DATA_STALE_S, LEASE_S and STALE_QUOTE_S.
    """

    broker_outage: timedelta
    data_silent: timedelta
    lease_s: float
    decision_s: float


def limits_of(settings: Settings) -> WatchLimits:
    """Return what the settings allow."""
    return WatchLimits(
        broker_outage=timedelta(seconds=settings.broker_outage_s),
        data_silent=timedelta(seconds=settings.market_data_stale_s),
        lease_s=float(settings.lease_s),
        decision_s=float(settings.stale_quote_s),
    )


class Watchdog:
    """Watches one session.

    Parameters
    ----------
    limits
        How long each part may be silent.
    line
        The way to the broker, which counts.
    market, control
        The market clock and the control clock.
    connection
        A live feed's connection; None for a file replay, which never declares an outage.
    day
        The session: outside of it no bar is due.
    """

    def __init__(
        self,
        limits: WatchLimits,
        line: BrokerLine,
        market: Clock,
        control: ControlClock,
        connection: Connection | None,
        day: SessionDay,
    ) -> None:
        self._limits = limits
        self._lease_s = limits.lease_s
        self._line = line
        self._market = market
        self._control = control
        self._connection = connection
        self._day = day
        self._wall = control.now()
        self._monotonic = self._decided = control.monotonic()
        self._down: dict[Part, datetime] = {}
        self._last_bar: datetime | None = None
        self._waiting: dict[str, datetime] = {}
        self._told: set[str] = set()

    def set_limits(self, settings: Settings) -> None:
        """Replace BROKER_OUTAGE_S, MARKET_DATA_STALE_S, STALE_QUOTE_S and API_RETRY_LIMIT."""
        self._limits = limits_of(settings)
        self._line.set_retry_limit(settings.api_retry_limit)

    def saw_bar(self, at: datetime) -> None:
        """Note that a bar of some symbol arrived."""
        self._last_bar = at

    def decide(self) -> None:
        """Note that the decisions of a slice begin now: its data are new."""
        self._decided = self._control.monotonic()

    def too_old(self) -> bool:
        """Tell whether a live slice's decisions are too old to send (FAULTS T03, T04)."""
        # The bars of a file replay do not age: a slow machine must not change its trades.
        if self._connection is None:
            return False
        return not self._control.monotonic() - self._decided <= self._limits.decision_s

    def look(self, working: Collection[Order] = ()) -> list[HealthReport]:
        """Return what changed since the last look, and outages that last a minute longer.

        Parameters
        ----------
        working
            The orders that may still fill.

        Returns
        -------
        list of HealthReport
            Empty when all is well: clock first, then beat, broker, data and fills.
        """
        wall, monotonic = self._control.now(), self._control.monotonic()
        passed_s = monotonic - self._monotonic
        jump_s = (wall - self._wall).total_seconds() - passed_s
        self._wall, self._monotonic = wall, monotonic
        reports: list[HealthReport] = []
        if not (-JUMP_S <= jump_s <= JUMP_S and passed_s <= self._lease_s):
            self._tell_clocks(reports, jump_s, passed_s)
        if not (working or self._waiting or self._down) and self._sound():
            return reports
        now = self._market.now()
        if self._line.failing_since is not None or Part.BROKER in self._down:
            self._tell(reports, Part.BROKER, self._broker_trouble(now), now)
        if self._connection is not None:
            self._tell(reports, Part.DATA, self._data_trouble(self._connection, now), now)
        self._look_for_fills(reports, working, now)
        return reports

    def _sound(self) -> bool:
        """Tell whether no connection and no broker can be down."""
        return self._connection is None and self._line.failing_since is None

    def _tell_clocks(self, reports: list[HealthReport], jump_s: float, passed_s: float) -> None:
        if not abs(jump_s) <= JUMP_S:
            detail = f"the wall clock jumped by {jump_s:+.1f} s, at most {JUMP_S:g} s are allowed"
            reports.append(HealthReport(part=Part.CLOCK, healthy=False, detail=detail))
        if not passed_s <= self._lease_s:
            detail = f"no beat for {passed_s:.1f} s, the lease is {self._lease_s:g} s"
            reports.append(HealthReport(part=Part.HEARTBEAT, healthy=False, detail=detail))

    def _broker_trouble(self, now: datetime) -> str:
        line = self._line
        if line.failing_since is None:
            return ""
        silent = now - line.failing_since
        if line.exhausted:
            return f"no answer to {line.failures} attempts, {silent.total_seconds():.0f} s long"
        if silent >= self._limits.broker_outage:
            return f"no answer for {silent.total_seconds():.0f} s"
        return "" if Part.BROKER not in self._down else "no answer yet"

    def _data_trouble(self, connection: Connection, now: datetime) -> str:
        day, limits = self._day, self._limits
        if not day.open <= now < day.close:
            return ""
        silent = now - max(day.open, connection.last_heard())
        if silent > limits.data_silent:
            return f"the connection is silent for {silent.total_seconds():.0f} s"
        without = now - max(day.open, self._last_bar or day.open)
        if without >= NO_BARS:
            return f"no bar of any symbol for {without.total_seconds():.0f} s"
        return ""

    def _tell(self, reports: list[HealthReport], part: Part, trouble: str, now: datetime) -> None:
        """Report a part that failed, lasts or came back; nothing while nothing changed."""
        told = self._down.get(part)
        if trouble and (told is None or now - told >= REPEAT):
            self._down[part] = now
            reports.append(
                HealthReport(part=part, healthy=False, detail=trouble, repeated=told is not None)
            )
        elif not trouble and told is not None:
            del self._down[part]
            reports.append(HealthReport(part=part, healthy=True, detail="answers again"))

    def _look_for_fills(
        self, reports: list[HealthReport], working: Iterable[Order], now: datetime
    ) -> None:
        """Report a market order that works for too long without a fill, once."""
        waiting: dict[str, datetime] = {}
        for order in working:
            if order.intent.ord_type is not OrdType.MARKET:
                continue
            name = order.intent.cl_ord_id
            waiting[name] = since = self._waiting.get(name, now)
            if now - since > FILL_TIMEOUT and name not in self._told:
                self._told.add(name)
                detail = f"no fill for {(now - since).total_seconds():.0f} s, status {order.status}"
                reports.append(
                    HealthReport(part=Part.FILL, healthy=False, detail=detail, subject=name)
                )
        self._waiting = waiting


def self_check(settings: Settings) -> SelfCheck:
    """Check that every part has a positive time to be silent, shorter than the lease for the beat.

    Parameters
    ----------
    settings
        The session's settings.

    Returns
    -------
    SelfCheck
        Names the keys that would let a failure pass.
    """
    times = {
        "BROKER_OUTAGE_S": settings.broker_outage_s,
        "MARKET_DATA_STALE_S": settings.market_data_stale_s,
        "LEASE_S": settings.lease_s,
        "HEARTBEAT_INTERVAL_S": settings.heartbeat_interval_s,
        "STALE_QUOTE_S": settings.stale_quote_s,
    }
    wrong = [key for key, seconds in times.items() if not 0.0 < seconds < float("inf")]
    if not settings.heartbeat_interval_s < settings.lease_s:
        wrong.append("HEARTBEAT_INTERVAL_S must be below LEASE_S")
    told = ", ".join(f"{key} {seconds:g}" for key, seconds in times.items())
    detail = f"must be positive: {', '.join(wrong)}" if wrong else told
    return SelfCheck(name="engine.watchdog", passed=not wrong, detail=detail)


def beat_line(clock: Clock, fields: Mapping[str, Any]) -> str:
    """Return one line of ``heartbeat.log``: when, that it is a beat, and of whom."""
    return json.dumps({"timestamp": iso(clock.now()), "event": "heartbeat", **fields})
