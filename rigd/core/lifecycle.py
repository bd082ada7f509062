"""The bot's 16 states and every legal step between them, as one table (documents 070, SPEC §5)."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType

from rigd.core.errors import IllegalTransition


class BotState(StrEnum):
    """The values that `bot_state.txt` may hold."""

    INITIALIZE = "initialize"
    PROVISIONING = "provisioning"
    BOOTSTRAPPING = "bootstrapping"
    REGISTRATION = "registration"
    STARTED = "started"
    IDLE = "idle"
    ANALYZING = "analyzing"
    TRADING = "trading"
    MONITORING = "monitoring"
    UPDATING = "updating"
    GRACEFUL_CLOSING = "graceful_closing_positions"
    EMERGENCY_CLOSING = "emergency_closing_positions"
    STOPPED = "stopped"
    SHUTDOWN_TRIGGERED = "shutdown_triggered"
    SHUTDOWN = "shutdown"
    ERROR = "error"


class RiskMode(StrEnum):
    """What the engine may do about risk, beside its state."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class StateGroup(StrEnum):
    """The columns of the event × state table (SPEC §9a)."""

    SETUP = "setup"
    READY = "ready"
    RUNNING = "running"
    CLOSING = "closing"
    ENDED = "ended"
    DOWN = "down"


_S = BotState

GROUPS = MappingProxyType({
    StateGroup.SETUP: (_S.INITIALIZE, _S.PROVISIONING, _S.BOOTSTRAPPING, _S.REGISTRATION),
    StateGroup.READY: (_S.STARTED, _S.IDLE),
    StateGroup.RUNNING: (_S.ANALYZING, _S.TRADING, _S.MONITORING, _S.UPDATING),
    StateGroup.CLOSING: (_S.GRACEFUL_CLOSING, _S.EMERGENCY_CLOSING),
    StateGroup.ENDED: (_S.STOPPED, _S.ERROR),
    StateGroup.DOWN: (_S.SHUTDOWN_TRIGGERED, _S.SHUTDOWN),
})

_ALWAYS = (_S.SHUTDOWN_TRIGGERED, _S.ERROR)
_KILL = (_S.EMERGENCY_CLOSING,)
_STOP = (_S.GRACEFUL_CLOSING, _S.EMERGENCY_CLOSING)

TRANSITIONS: MappingProxyType[BotState, frozenset[BotState]] = MappingProxyType({
    # First start; a step whose result exists already is passed over.
    _S.INITIALIZE: frozenset(
        {_S.PROVISIONING, _S.BOOTSTRAPPING, _S.REGISTRATION, _S.STARTED, _S.STOPPED}
        | {*_KILL, *_ALWAYS}
    ),
    _S.PROVISIONING: frozenset({_S.BOOTSTRAPPING, _S.STOPPED, *_KILL, *_ALWAYS}),
    _S.BOOTSTRAPPING: frozenset({_S.REGISTRATION, _S.STARTED, _S.STOPPED, *_KILL, *_ALWAYS}),
    _S.REGISTRATION: frozenset({_S.STARTED, _S.STOPPED, *_KILL, *_ALWAYS}),
    _S.STARTED: frozenset({_S.IDLE, _S.STOPPED, *_KILL, *_ALWAYS}),
    # One window of a strategy: idle → analyzing → trading → monitoring → idle.
    _S.IDLE: frozenset({_S.ANALYZING, _S.UPDATING, _S.STOPPED, *_STOP, *_ALWAYS}),
    _S.ANALYZING: frozenset({_S.TRADING, _S.UPDATING, *_STOP, *_ALWAYS}),
    _S.TRADING: frozenset({_S.MONITORING, _S.UPDATING, *_STOP, *_ALWAYS}),
    _S.MONITORING: frozenset({_S.IDLE, _S.UPDATING, *_STOP, *_ALWAYS}),
    _S.UPDATING: frozenset({_S.IDLE, _S.ANALYZING, _S.TRADING, _S.MONITORING, *_STOP, *_ALWAYS}),
    _S.GRACEFUL_CLOSING: frozenset({_S.STOPPED, *_KILL, *_ALWAYS}),
    _S.EMERGENCY_CLOSING: frozenset({_S.STOPPED, *_ALWAYS}),
    # Left by Start alone (and an acknowledgement for error); a kill verifies flatness again.
    _S.STOPPED: frozenset({_S.STARTED, *_KILL, *_ALWAYS}),
    _S.ERROR: frozenset({_S.STARTED, *_KILL, _S.SHUTDOWN_TRIGGERED}),
    _S.SHUTDOWN_TRIGGERED: frozenset({_S.SHUTDOWN, _S.ERROR}),
    _S.SHUTDOWN: frozenset(),
})


def group_of(state: BotState) -> StateGroup:
    """Return the column of the event × state table that a state belongs to."""
    return next(group for group, states in GROUPS.items() if state in states)


def may_follow(previous: BotState, state: BotState) -> bool:
    """Tell whether the table has the step from `previous` to `state`."""
    return state in TRANSITIONS[previous]


def check_step(previous: BotState, state: BotState) -> BotState:
    """Return `state`, or raise IllegalTransition when the table lacks the step."""
    if not may_follow(previous, state):
        allowed = ", ".join(sorted(TRANSITIONS[previous])) or "nothing"
        msg = f"state {previous} may be followed by {allowed}; found {state}"
        raise IllegalTransition(msg)
    return state
