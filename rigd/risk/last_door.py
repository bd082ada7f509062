"""The last door before the broker: hard caps and rates, apart from strategy settings (SPEC §4).

It judges orders that increase risk. An exit, a cancel or a close is never throttled. What it turns
away is out for the window; an endless loop of orders halts the bot (FAULTS §4.5 X01-X03).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rigd.core.clock import require_utc
from rigd.core.errors import ConfigError
from rigd.core.money import ZERO, notional, plain
from rigd.core.values import SelfCheck, Side, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rigd.config.schema import Settings

RULE = "last_door"
PER_SECOND = 5
PER_MINUTE = 60
PER_SESSION = 200
PER_SYMBOL_AND_MINUTE = 3
"""Orders that increase risk (SPEC §4)."""

SPIKE = Decimal("0.2")
"""The largest move from one bar's close to the next on which an order may rest (FAULTS T05)."""

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorVerdict:
    """The last door's answer.

    Parameters
    ----------
    verdict
        Yes or no, with the reason.
    halt
        Whether the no means a runaway program: all risk must stop, not this order alone.
    """

    verdict: Verdict
    halt: bool = False

    @property
    def allow(self) -> bool:
        """Whether the order may go to the broker."""
        return self.verdict.allow


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorLimits:
    """The caps of one order: quantity [shares], notional [currency], price collar [fraction].

    `volume_share` is the largest part of the symbol's daily volume [fraction].

    Raises
    ------
    ConfigError
        If one of them is not positive and finite.
    """

    max_quantity: Decimal
    max_notional: Decimal
    collar: Decimal
    volume_share: Decimal

    def __post_init__(self) -> None:
        for name in ("max_quantity", "max_notional", "collar", "volume_share"):
            value = getattr(self, name)
            if not (value.is_finite() and value > 0):
                msg = f"last door: {name} must be positive and finite, was {value}"
                raise ConfigError(msg)


def door_limits(settings: Settings) -> DoorLimits:
    """Return the door's caps from the settings."""
    return DoorLimits(
        max_quantity=settings.max_order_quantity,
        max_notional=settings.max_order_notional,
        collar=settings.price_collar_pct,
        volume_share=settings.max_order_adv_pct,
    )


class LastDoor:
    """Caps, collar and order rates; it remembers when it let orders through.

    Parameters
    ----------
    limits
        The caps of one order.
    """

    def __init__(self, limits: DoorLimits) -> None:
        self._limits = limits
        self._sent = 0
        self._recent: deque[tuple[datetime, str]] = deque()

    @property
    def sent(self) -> int:
        """Orders let through in this session."""
        return self._sent

    def set_limits(self, limits: DoorLimits) -> None:
        """Judge by other caps from now on; what was counted stays counted."""
        self._limits = limits

    def restore(self, orders: Iterable[tuple[datetime, str]]) -> None:
        """Take up the counters of an interrupted session.

        Parameters
        ----------
        orders
            Instant (UTC) and symbol of every risk-increasing order of the session so far, in order;
            replaces what the door remembered.
        """
        self._recent.clear()
        self._sent = 0
        for at, symbol in orders:
            self._count(require_utc(at), symbol)

    def admit(
        self,
        *,
        symbol: str,
        qty: Decimal,
        price: Decimal,
        reference: Decimal,
        signals: int,
        now: datetime,
        side: Side = Side.BUY,
        volume: float | None = None,
        previous: Decimal | None = None,
    ) -> DoorVerdict:
        """Answer whether an order may go to the broker, and count it when it may.

        Parameters
        ----------
        symbol, side, qty
            The order; a side that closes is always admitted and never counted.
        price
            Its limit price, or the price it was sized on [currency/share].
        reference
            The quote's mid, else the last close [currency/share].
        signals
            Signals of the session so far, this order's own included.
        now
            The instant, UTC, on the clock that the rates are measured by.
        volume
            The symbol's daily volume [shares]; None where it is not known, which is a matter of the
            candidate's limits.
        previous
            The close before the one that `reference` is or rests on [currency/share]; None for the
            first.

        Returns
        -------
        DoorVerdict
            A no with ``halt`` when more orders than signals were asked for or the session's rate
            is used up. A check that fails to answer is a no.
        """
        if not side.opens:
            return DoorVerdict(verdict=_verdict(True, "not_applicable", f"{side} reduces risk"))
        answer = self._refusal(symbol, qty, price, reference, signals, now, volume, previous)
        if answer is not None:
            return answer
        self._count(now, symbol)
        return DoorVerdict(verdict=_verdict(True, "ok", f"order {self._sent} of {signals} signals"))

    def _refusal(
        self,
        symbol: str,
        qty: Decimal,
        price: Decimal,
        reference: Decimal,
        signals: int,
        now: datetime,
        volume: float | None,
        previous: Decimal | None,
    ) -> DoorVerdict | None:
        """Return the first no, or None."""
        try:
            return (
                self._check_runaway(signals)
                or self._check_order(qty, price, reference)
                or self._check_volume(qty, volume)
                or _check_spike(reference, previous)
                or self._check_rates(symbol, require_utc(now))
            )
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - a risk check that fails blocks, whatever it was
            return _no("check_failed", f"{type(error).__name__}: {error}")

    def _check_runaway(self, signals: int) -> DoorVerdict | None:
        if not self._sent < signals:
            return _no("orders_exceed_signals", f"{self._sent + 1} > {signals}", halt=True)
        if not self._sent < PER_SESSION:
            return _no("session_rate", f"{self._sent + 1} > {PER_SESSION}", halt=True)
        return None

    def _check_order(self, qty: Decimal, price: Decimal, reference: Decimal) -> DoorVerdict | None:
        if not all(value.is_finite() and value > ZERO for value in (qty, price, reference)):
            return _no("not_a_number", f"{qty} at {price}, reference {reference}")
        limits = self._limits
        if not qty <= limits.max_quantity:
            return _no("max_quantity", f"{plain(qty)} > {plain(limits.max_quantity)}")
        value = notional(max(price, reference), qty)
        if not value <= limits.max_notional:
            return _no("max_notional", f"{plain(value)} > {plain(limits.max_notional)}")
        if not abs(price - reference) <= limits.collar * reference:
            found = f"{plain(price)} against {plain(reference)}"
            return _no("price_collar", f"{found}, allowed {plain(limits.collar)}")
        return None

    def _check_volume(self, qty: Decimal, volume: float | None) -> DoorVerdict | None:
        if volume is None:
            return None
        most = self._limits.volume_share * Decimal(volume)
        if not (most.is_finite() and qty <= most):
            share = plain(self._limits.volume_share)
            return _no("volume_share", f"{plain(qty)} > {share} of {volume:.0f} a day")
        return None

    def _check_rates(self, symbol: str, now: datetime) -> DoorVerdict | None:
        while self._recent and self._recent[0][0] <= now - MINUTE:
            self._recent.popleft()
        second = sum(1 for at, _ in self._recent if at > now - SECOND)
        if not second < PER_SECOND:
            return _no("second_rate", f"{second + 1} > {PER_SECOND} in 1 s")
        minute = len(self._recent)
        if not minute < PER_MINUTE:
            return _no("minute_rate", f"{minute + 1} > {PER_MINUTE} in 60 s")
        same = sum(1 for _, other in self._recent if other == symbol)
        if not same < PER_SYMBOL_AND_MINUTE:
            return _no("symbol_rate", f"{same + 1} > {PER_SYMBOL_AND_MINUTE} of {symbol} in 60 s")
        return None

    def _count(self, at: datetime, symbol: str) -> None:
        self._sent += 1
        self._recent.append((at, symbol))


def _check_spike(reference: Decimal, previous: Decimal | None) -> DoorVerdict | None:
    """Refuse a price that leapt from one bar to the next: it is more likely wrong than right."""
    if previous is None:
        return None
    if not (previous.is_finite() and previous > ZERO):
        return _no("not_a_number", f"the close before {reference} was {previous}")
    if not abs(reference - previous) <= SPIKE * previous:
        found = f"{plain(reference)} after {plain(previous)}"
        return _no("price_spike", f"{found}, allowed {plain(SPIKE)}")
    return None


def self_check(settings: Settings) -> SelfCheck:
    """Check that the door refuses an order over each cap, and one without a signal.

    Parameters
    ----------
    settings
        The session's settings.

    Returns
    -------
    SelfCheck
        Names what it let through.
    """
    limits = door_limits(settings)
    one, over = Decimal(1), Decimal("1.000001")
    now = datetime(2000, 1, 1, tzinfo=UTC)
    # Prices so small or large that no other cap comes first.
    cheap = limits.max_notional / (limits.max_quantity * 4)
    most = limits.max_notional * over
    sound: dict[str, Any] = {"qty": one, "price": cheap, "reference": cheap, "signals": 1}
    orders: dict[str, dict[str, Any]] = {
        "max_quantity": {"qty": limits.max_quantity * over},
        "max_notional": {"price": most, "reference": most},
        "price_collar": {"price": cheap * (one + limits.collar) * over},
        "volume_share": {"volume": float(one / (limits.volume_share * over))},
        "price_spike": {"previous": cheap / ((one + SPIKE) * over)},
        "orders_exceed_signals": {"signals": 0},
        "not_a_number": {"price": Decimal("NaN")},
    }
    passed = [
        name
        for name, changes in orders.items()
        if LastDoor(limits).admit(symbol="X", now=now, **(sound | changes)).allow
    ]
    caps = f"{plain(limits.max_quantity)} shares, {plain(limits.max_notional)} per order"
    detail = f"let through: {', '.join(passed)}" if passed else caps
    return SelfCheck(name="risk.last_door", passed=not passed, detail=detail)


def _verdict(allow: bool, reason: str, measured: str) -> Verdict:  # noqa: FBT001 - the answer itself
    return Verdict(allow=allow, rule=RULE, reason=reason, measured=measured)


def _no(reason: str, measured: str, *, halt: bool = False) -> DoorVerdict:
    return DoorVerdict(verdict=_verdict(False, reason, measured), halt=halt)
