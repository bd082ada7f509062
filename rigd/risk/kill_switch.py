"""The kill switch: trips on the day's loss limit, or when the loss is not known (SPEC §4).

PnL is realised plus unrealised, net of commissions, of all sessions of one exchange day, at the
last marks. DAILY_LOSS_LIMIT is a fraction of the equity at session start; the smallest such equity
of the day counts. Once tripped it stays tripped, over restarts and days, until an admin resets it.
The class computes; the host keeps its `state` on disk.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from rigd.core.clock import from_iso, iso, require_utc
from rigd.core.errors import ConfigError, DataError, RigdError
from rigd.core.money import ZERO, money, plain
from rigd.core.values import SelfCheck

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rigd.config.schema import Settings

UNKNOWN = "unknown"


class Cause(StrEnum):
    """Why it tripped."""

    LOSS_LIMIT = "daily_loss_limit"
    PNL_UNKNOWN = "pnl_unknown"
    MARKS_STALE = "marks_stale"
    STATE_UNREADABLE = "state_unreadable"
    KILLED = "killed"
    CRASH_LOOP = "crash_loop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """The moment it trips: what the journal's RiskTripped record says.

    `day_pnl` is the day's PnL as text, ``unknown`` when there is none; `limit` the loss that trips
    [currency], positive.
    """

    cause: Cause
    detail: str
    day_pnl: str
    limit: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LatchState:
    """What outlives a process.

    Parameters
    ----------
    tripped, cause, detail, at, pnl
        The latch: whether, why and when it tripped, and the day's PnL then (text).
    day, session
        The exchange day that the counter counts, and its last session's number.
    carried
        PnL of the day's earlier sessions [currency].
    latest
        Last known PnL of the session [currency].
    equity
        The smallest equity at the start of a session of the day [currency]; None before the first.
    reset_by, reset_reason
        Who released the latch last, and why.
    """

    tripped: bool = False
    cause: str = ""
    detail: str = ""
    at: datetime | None = None
    pnl: str = ""
    day: date | None = None
    session: int = 0
    carried: Decimal = ZERO
    latest: Decimal = ZERO
    equity: Decimal | None = None
    reset_by: str = ""
    reset_reason: str = ""

    def __post_init__(self) -> None:
        amounts = (self.carried, self.latest, self.equity or ZERO)
        if not all(amount.is_finite() for amount in amounts):
            msg = f"amounts of the kill switch must be finite, were {amounts}"
            raise DataError(msg)

    def to_json(self) -> dict[str, Any]:
        """Return the state as values that JSON can hold."""
        return {
            "tripped": self.tripped,
            "cause": self.cause,
            "detail": self.detail,
            "at": None if self.at is None else iso(self.at),
            "pnl": self.pnl,
            "day": None if self.day is None else self.day.isoformat(),
            "session": self.session,
            "carried": plain(self.carried),
            "latest": plain(self.latest),
            "equity": None if self.equity is None else plain(self.equity),
            "reset_by": self.reset_by,
            "reset_reason": self.reset_reason,
        }

    @classmethod
    def from_json(cls, data: object) -> LatchState:
        """Return the state that `to_json` took apart; anything else comes back tripped.

        Parameters
        ----------
        data
            The object read from disk. A host that found no file starts with `LatchState()`.

        Returns
        -------
        LatchState
            The state, or one tripped by ``state_unreadable``: a latch that cannot be read is
            closed.
        """
        try:
            return _read(data)
        except (ArithmeticError, KeyError, TypeError, ValueError, RigdError) as error:
            return unreadable(f"{type(error).__name__}: {error}")


def unreadable(detail: str) -> LatchState:
    """Return the state of a latch that cannot be read: tripped."""
    return LatchState(tripped=True, cause=Cause.STATE_UNREADABLE, detail=detail)


def trip(state: LatchState, *, cause: Cause, detail: str, at: datetime) -> LatchState:
    """Return the state tripped from outside a session: by `rigd kill`, or after a crash loop.

    Parameters
    ----------
    state
        The latch as it was; one that is tripped already keeps its cause.
    cause, detail
        Why.
    at
        The instant, UTC.

    Returns
    -------
    LatchState
        Tripped; the day's counter is kept.
    """
    if state.tripped:
        return state
    return replace(state, tripped=True, cause=cause, detail=detail, at=require_utc(at), pnl=UNKNOWN)


class KillSwitch:
    """Watches the PnL of one session.

    Parameters
    ----------
    limit_fraction
        DAILY_LOSS_LIMIT.
    equity
        The account's equity at session start [currency].
    day, session
        The exchange day and the session's number on it. A number seen before is a resumed session,
        whose PnL is counted once.
    state
        What the last process left.

    Raises
    ------
    ConfigError
        If the fraction is not in (0, 1] or the equity is not positive and finite.
    """

    def __init__(
        self,
        *,
        limit_fraction: Decimal,
        equity: Decimal,
        day: date,
        session: int,
        state: LatchState,
    ) -> None:
        if not (equity.is_finite() and equity > 0):
            msg = f"equity at session start must be positive and finite, was {equity}"
            raise ConfigError(msg)
        self.set_limit(limit_fraction)
        self._state = _opened(state, day, session, equity)

    def set_limit(self, fraction: Decimal) -> None:
        """Trip at another part of the same equity from now on; a latch stays as it is.

        Parameters
        ----------
        fraction
            DAILY_LOSS_LIMIT.

        Raises
        ------
        ConfigError
            If it is not in (0, 1].
        """
        if not (fraction.is_finite() and 0 < fraction <= 1):
            msg = f"DAILY_LOSS_LIMIT must be above 0 and at most 1, was {fraction}"
            raise ConfigError(msg)
        self._fraction = fraction

    @property
    def state(self) -> LatchState:
        """What must outlive the process; write it whenever it changed."""
        return self._state

    @property
    def tripped(self) -> bool:
        """Whether all risk must stop."""
        return self._state.tripped

    @property
    def limit(self) -> Decimal:
        """The day's loss that trips [currency], positive."""
        return money(self._fraction * (self._state.equity or ZERO))

    @property
    def day_pnl(self) -> Decimal:
        """The last known PnL of the exchange day, over its sessions [currency]."""
        return self._state.carried + self._state.latest

    def observe(
        self, *, pnl: Decimal | None, stale: bool, at: datetime, day: date | None = None
    ) -> Trip | None:
        """Take in the session's PnL and trip when the day's loss reached the limit.

        Parameters
        ----------
        pnl
            Realised plus unrealised PnL of this session [currency]; None when it is not known.
        stale
            Whether the marks of all held symbols are stale (SPEC §10).
        at
            The instant, UTC.
        day
            The exchange day; one other than the session's own is an unknown PnL.

        Returns
        -------
        Trip or None
            The trip at the moment it happens; None before, and after (see `tripped`).
        """
        known = pnl is not None and pnl.is_finite() and day in {None, self._state.day}
        if known and pnl is not None:
            self._state = replace(self._state, latest=pnl)
        if self._state.tripped:
            return None
        total = self.day_pnl
        limit = self.limit
        if not known:
            return self._trip(Cause.PNL_UNKNOWN, f"PnL was {pnl}", UNKNOWN, at)
        if stale:
            detail = "the marks of all held symbols are stale"
            return self._trip(Cause.MARKS_STALE, detail, UNKNOWN, at)
        if not total > -limit:
            detail = f"day's PnL {plain(total)} reached -{plain(limit)}"
            return self._trip(Cause.LOSS_LIMIT, detail, plain(total), at)
        return None

    def _trip(self, cause: Cause, detail: str, pnl: str, at: datetime) -> Trip:
        self._state = replace(
            self._state, tripped=True, cause=cause, detail=detail, at=require_utc(at), pnl=pnl
        )
        return Trip(cause=cause, detail=detail, day_pnl=pnl, limit=self.limit)


def worst(ours: Decimal | None, theirs: Decimal | None) -> Decimal | None:
    """Return the PnL to judge by: the worse of our count and the broker's (FAULTS X04).

    Parameters
    ----------
    ours
        By our fills and marks [currency]; None when it is not known.
    theirs
        By the broker's equity [currency]; None when it did not answer: ours counts alone then.

    Returns
    -------
    Decimal or None
        None, or the count that is no number, when one of the two is not known.
    """
    if theirs is None or ours is None or not ours.is_finite():
        return ours
    return min(ours, theirs) if theirs.is_finite() else theirs


def reset(state: LatchState, *, by: str, reason: str, forget_day: bool = False) -> LatchState:
    """Return the state released by an admin.

    Parameters
    ----------
    state
        The latch.
    by, reason
        Who releases it and why; neither may be blank.
    forget_day
        Whether the day's losses so far no longer count; by default they do, and a day over its
        limit trips again at once.

    Returns
    -------
    LatchState
        Not tripped.

    Raises
    ------
    ConfigError
        If the name or the reason is blank, or the latch is not tripped.
    """
    if not (by.strip() and reason.strip()):
        msg = "a reset needs the name of an admin and a reason"
        raise ConfigError(msg)
    if not state.tripped:
        msg = "the kill switch is not tripped: there is nothing to reset"
        raise ConfigError(msg)
    carried = -state.latest if forget_day else state.carried
    return LatchState(
        day=state.day,
        session=state.session,
        carried=carried,
        latest=state.latest,
        equity=state.equity,
        reset_by=by.strip(),
        reset_reason=reason.strip(),
    )


def self_check(settings: Settings) -> SelfCheck:
    """Check that a switch with these settings trips when it must and only then.

    Parameters
    ----------
    settings
        The session's settings.

    Returns
    -------
    SelfCheck
        Names what it got wrong.
    """
    equity = Decimal(1_000_000)
    loss = settings.daily_loss_limit * equity
    cases: dict[str, tuple[Decimal | None, bool]] = {
        "no loss": (ZERO, False),
        "a loss at the limit": (-loss, True),
        "NaN": (Decimal("NaN"), True),
        "no PnL": (None, True),
    }
    wrong = [name for name, (pnl, trips) in cases.items() if _trips(settings, pnl) is not trips]
    limit = f"trips at {plain(settings.daily_loss_limit)} of the equity"
    detail = f"wrong answer to {', '.join(wrong)}" if wrong else limit
    return SelfCheck(name="risk.kill_switch", passed=not wrong, detail=detail)


def _trips(settings: Settings, pnl: Decimal | None) -> bool:
    switch = KillSwitch(
        limit_fraction=settings.daily_loss_limit,
        equity=Decimal(1_000_000),
        day=date(2000, 1, 3),
        session=1,
        state=LatchState(),
    )
    switch.observe(pnl=pnl, stale=False, at=datetime(2000, 1, 3, tzinfo=UTC))
    return switch.tripped


def _opened(state: LatchState, day: date, session: int, equity: Decimal) -> LatchState:
    """Return the state with its counter set for a session that starts or resumes."""
    if state.day != day:
        return replace(state, day=day, session=session, carried=ZERO, latest=ZERO, equity=equity)
    lowest = equity if state.equity is None else min(equity, state.equity)
    if state.session == session:
        return replace(state, equity=lowest)
    return replace(
        state, session=session, carried=state.carried + state.latest, latest=ZERO, equity=lowest
    )


def _read(data: object) -> LatchState:
    if not isinstance(data, dict):
        msg = f"kill switch state must be an object, was {type(data).__name__}"
        raise DataError(msg)
    known = LatchState().to_json().keys()
    if data.keys() != known:
        msg = f"kill switch state must have its own fields; differing: {data.keys() ^ known}"
        raise DataError(msg)
    if not isinstance(data["tripped"], bool) or not isinstance(data["session"], int):
        msg = "kill switch state must say true or false, and a session number"
        raise DataError(msg)
    texts = {name: _text(data, name) for name in _TEXTS}
    return LatchState(
        tripped=data["tripped"],
        session=data["session"],
        at=None if data["at"] is None else from_iso(_text(data, "at")),
        day=None if data["day"] is None else date.fromisoformat(_text(data, "day")),
        carried=Decimal(_text(data, "carried")),
        latest=Decimal(_text(data, "latest")),
        equity=None if data["equity"] is None else Decimal(_text(data, "equity")),
        **texts,
    )


_TEXTS = ("cause", "detail", "pnl", "reset_by", "reset_reason")


def _text(data: Mapping[Any, Any], name: str) -> str:
    value = data[name]
    if not isinstance(value, str):
        msg = f"kill switch state: {name} must be text, was {value!r}"
        raise DataError(msg)
    return value
