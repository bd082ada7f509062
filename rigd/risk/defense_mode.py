"""Defense mode: when it begins, that it outlives the process, and how it ends (SPEC §4).

It begins when the day's loss passes half of DAILY_LOSS_LIMIT, when too few of the last closed
trades won, by DEFENSE_MODE_ACTIVE, by an operator, and with the session after a kill. Only an
operator with a reason ends it. What it does to the limits is in `defense`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from rigd.core.clock import from_iso, iso, require_utc
from rigd.core.errors import ConfigError, DataError, RigdError
from rigd.core.money import ZERO, plain
from rigd.core.values import SelfCheck

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rigd.config.schema import Settings

LOSS_PART = Decimal("0.5")
"""The part of DAILY_LOSS_LIMIT whose loss is enough."""

LAST_TRADES = 20
FEWEST_TRADES = 10
"""The win rate counts the last 20 closed trades and says nothing of fewer than 10."""

DEFENSE_SET = "DEFENSE_MODE_ACTIVE is true"
"""Why it is on by the settings."""


NO_SESSION = "none"
"""What counts as killed when the bot had no session yet."""


class Trigger(StrEnum):
    """Why it began."""

    DRAWDOWN = "drawdown"
    WIN_RATE = "win_rate"
    SETTINGS = "settings"
    OPERATOR = "operator"
    AFTER_KILL = "after_kill"
    STATE_UNREADABLE = "state_unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class DefenseState:
    """What outlives a process.

    Parameters
    ----------
    on, trigger, detail, at
        Whether it is on, why and since when.
    session
        The session whose trades `latest` counts.
    carried, latest
        ``W`` and ``L`` per closed trade, oldest first: of earlier sessions and of this one.
    killed
        The session that a kill or a loss ended; the next one begins in defense mode.
    left_by, left_reason
        Who ended it last, and why.
    """

    on: bool = False
    trigger: str = ""
    detail: str = ""
    at: datetime | None = None
    session: str = ""
    carried: str = ""
    latest: str = ""
    killed: str = ""
    left_by: str = ""
    left_reason: str = ""

    def __post_init__(self) -> None:
        if set(self.carried + self.latest) - {"W", "L"}:
            msg = f"outcomes must be W and L, were {self.carried + self.latest!r}"
            raise DataError(msg)

    def to_json(self) -> dict[str, Any]:
        """Return the state as values that JSON can hold."""
        texts = {name: getattr(self, name) for name in _TEXTS}
        return {"on": self.on, "at": None if self.at is None else iso(self.at), **texts}

    @classmethod
    def from_json(cls, data: object) -> DefenseState:
        """Return the state that `to_json` took apart; anything else comes back switched on."""
        try:
            return _read(data)
        except (KeyError, TypeError, ValueError, RigdError) as error:
            return unreadable(f"{type(error).__name__}: {error}")


_TEXTS = (
    "trigger",
    "detail",
    "session",
    "carried",
    "latest",
    "killed",
    "left_by",
    "left_reason",
)


def unreadable(detail: str) -> DefenseState:
    """Return the state of a file that cannot be read: on."""
    return DefenseState(on=True, trigger=Trigger.STATE_UNREADABLE, detail=detail)


class DefenseMode:
    """Watches one session for the triggers.

    Parameters
    ----------
    settings
        DEFENSE_MODE_ACTIVE and DEFENSE_MODE_MIN_WIN_RATE.
    session
        The session's key; one seen before is resumed, whose trades are counted once.
    state
        What the last process left.
    at
        The instant, UTC.
    """

    def __init__(
        self, *, settings: Settings, session: str, state: DefenseState, at: datetime
    ) -> None:
        self._lowest_rate = settings.defense_mode_min_win_rate
        self._state = _opened(state, session)
        if self._state.killed not in {"", session}:
            self.enter(Trigger.AFTER_KILL, f"session {state.killed} was killed", at)
        if settings.defense_mode_active:
            self.enter(Trigger.SETTINGS, DEFENSE_SET, at)

    @property
    def state(self) -> DefenseState:
        """What must outlive the process; write it whenever it changed."""
        return self._state

    @property
    def on(self) -> bool:
        """Whether the limits are compressed."""
        return self._state.on

    def enter(self, trigger: Trigger, detail: str, at: datetime) -> bool:
        """Switch it on; return False when it is on already."""
        if self._state.on:
            return False
        self._state = replace(
            self._state, on=True, trigger=trigger, detail=detail, at=require_utc(at)
        )
        return True

    def set_lowest_rate(self, rate: Decimal) -> None:
        """Replace DEFENSE_MODE_MIN_WIN_RATE; what is on stays on."""
        self._lowest_rate = rate

    def note_kill(self) -> None:
        """Note that this session was killed: the next one begins in defense mode."""
        self._state = replace(self._state, killed=self._state.session)

    def observe(
        self, *, day_pnl: Decimal, limit: Decimal, pnls: Sequence[Decimal]
    ) -> tuple[Trigger, str] | None:
        """Take in the session so far; return the trigger that is met, if it is not on.

        Parameters
        ----------
        day_pnl, limit
            The day's PnL, and the loss that trips the kill switch [currency, positive].
        pnls
            Net PnL of every closed trade of the session, oldest first [currency].

        Returns
        -------
        tuple of Trigger and str, or None
            The trigger with its numbers.
        """
        latest = "".join("W" if pnl > ZERO else "L" for pnl in pnls)
        if latest != self._state.latest:
            self._state = replace(self._state, latest=latest)
        if self._state.on:
            return None
        half = limit * LOSS_PART
        if not day_pnl >= -half:
            detail = f"day's PnL {plain(day_pnl)} passed -{plain(half)}"
            return Trigger.DRAWDOWN, detail
        return self._too_few_wins()

    def _too_few_wins(self) -> tuple[Trigger, str] | None:
        last = (self._state.carried + self._state.latest)[-LAST_TRADES:]
        if len(last) < FEWEST_TRADES:
            return None
        wins = last.count("W")
        if not Decimal(wins) >= self._lowest_rate * len(last):
            detail = f"{wins} of the last {len(last)} trades won, at least "
            return Trigger.WIN_RATE, f"{detail}{plain(self._lowest_rate)} must"
        return None


def after_kill(state: DefenseState) -> DefenseState:
    """Return the state by which the next session begins in defense mode: the account was killed.

    Parameters
    ----------
    state
        Defense mode as the last session left it.

    Returns
    -------
    DefenseState
        That session counts as killed, also one that had ended well.
    """
    return replace(state, killed=state.session or NO_SESSION)


def leave(state: DefenseState, *, by: str, reason: str) -> DefenseState:
    """Return the state switched off by an operator; the outcomes so far no longer count.

    Parameters
    ----------
    state
        Defense mode as it is.
    by, reason
        Who ends it and why; neither may be blank.

    Returns
    -------
    DefenseState
        Off.

    Raises
    ------
    ConfigError
        If the name or the reason is blank, or it is not on.
    """
    if not (by.strip() and reason.strip()):
        msg = "leaving defense mode needs the name of an operator and a reason"
        raise ConfigError(msg)
    if not state.on:
        msg = "defense mode is not on: there is nothing to leave"
        raise ConfigError(msg)
    return DefenseState(session=state.session, left_by=by.strip(), left_reason=reason.strip())


def self_check(settings: Settings) -> SelfCheck:
    """Check that each trigger is met where it must be, and not before.

    Parameters
    ----------
    settings
        The session's settings.

    Returns
    -------
    SelfCheck
        Names what was answered wrongly.
    """
    limit, rate = Decimal(100), settings.defense_mode_min_win_rate
    losses = (Decimal(-1),) * FEWEST_TRADES
    cases: dict[str, tuple[Decimal, Sequence[Decimal], Trigger | None]] = {
        "no loss": (ZERO, (), None),
        "half of the limit": (Decimal(-50), (), None),
        "more than half": (Decimal("-50.01"), (), Trigger.DRAWDOWN),
        "few trades": (ZERO, losses[1:], None),
        "no win": (ZERO, losses, Trigger.WIN_RATE if rate > ZERO else None),
    }
    wrong = []
    for name, (pnl, pnls, expected) in cases.items():
        mode = DefenseMode(settings=settings, session="-", state=DefenseState(), at=_EPOCH)
        met = mode.observe(day_pnl=pnl, limit=limit, pnls=pnls)
        found = met[0] if met else None
        if found is not expected and not mode.on:
            wrong.append(name)
    lowest = f"win rate of {plain(rate)} in {FEWEST_TRADES} to {LAST_TRADES} trades"
    detail = f"wrong answer to {', '.join(wrong)}" if wrong else lowest
    return SelfCheck(name="risk.defense_mode", passed=not wrong, detail=detail)


_EPOCH = from_iso("2000-01-03T00:00:00Z")


def _opened(state: DefenseState, session: str) -> DefenseState:
    """Return the state with the trades of earlier sessions carried over."""
    if state.session == session:
        return replace(state, latest="")
    carried = (state.carried + state.latest)[-LAST_TRADES:]
    return replace(state, session=session, carried=carried, latest="")


def _read(data: object) -> DefenseState:
    if not isinstance(data, dict) or data.keys() != DefenseState().to_json().keys():
        msg = "the state of defense mode must be an object with its own fields"
        raise DataError(msg)
    if not isinstance(data["on"], bool):
        msg = f"defense mode must be on or off, was {data['on']!r}"
        raise DataError(msg)
    texts = {name: _text(data, name) for name in _TEXTS}
    at = None if data["at"] is None else from_iso(_text(data, "at"))
    return DefenseState(on=data["on"], at=at, **texts)


def _text(data: Mapping[Any, Any], name: str) -> str:
    value = data[name]
    if not isinstance(value, str):
        msg = f"defense mode: {name} must be text, was {value!r}"
        raise DataError(msg)
    return value
