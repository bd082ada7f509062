"""What the bot does about each emergency in each state, as one table (document 050, SPEC §9, §9a).

The engine looks its answer up here and nowhere else: how a closing shows in state and risk mode,
how it ends, which closing is the stronger one. Documentation and tests read the same table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from rigd.core.errors import ExitCode
from rigd.core.lifecycle import BotState, RiskMode, StateGroup, group_of


class Emergency(StrEnum):
    """The events of the table; the last one is SIGTERM or a parent's death (SPEC §5)."""

    LOSS_BREACH = "loss breach"
    BROKER_DOWN = "broker down"
    DATA_DOWN = "data down"
    UNDECRYPTABLE = "cannot decrypt"
    CRITICAL_ERROR = "logic error, critical"
    PLAIN_ERROR = "logic error, not critical"
    DEFENSE_ON = "defense on"
    INVALID_ORDER = "validation fails"
    STOP = "manual stop"
    KILL = "manual kill"
    FILE_FAILS = "system file fails"
    FORCED_END = "forced end"


class Closing(StrEnum):
    """Why a session is on its way out, the strongest reason last."""

    STOP = "stop"
    DATA = "data"
    SHUTDOWN = "shutdown"
    LOSS = "loss"
    KILL = "kill"
    FATAL = "fatal"

    def is_stronger(self, other: Closing | None) -> bool:
        """Tell whether this reason goes before another one, or before none."""
        order = list(Closing)
        return other is None or order.index(self) > order.index(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOut:
    """How a closing ends the session.

    Parameters
    ----------
    state
        The bot's state while something is open.
    ends
        Its state when the broker says flat.
    mode
        The risk mode from the first moment on.
    exit_code
        How the process ends.
    at_once
        The groups of states in which the closing state is left out when nothing is open.
    """

    state: BotState
    ends: BotState
    mode: RiskMode
    exit_code: ExitCode
    at_once: frozenset[StateGroup] = frozenset()


_G = StateGroup
_CALM = frozenset({_G.SETUP, _G.READY})

WAYS_OUT: Mapping[Closing, WayOut] = MappingProxyType({
    Closing.STOP: WayOut(
        state=BotState.GRACEFUL_CLOSING,
        ends=BotState.STOPPED,
        mode=RiskMode.REDUCING,
        exit_code=ExitCode.OK,
        at_once=_CALM,
    ),
    Closing.DATA: WayOut(
        state=BotState.GRACEFUL_CLOSING,
        ends=BotState.STOPPED,
        mode=RiskMode.REDUCING,
        exit_code=ExitCode.HALTED,
    ),
    Closing.SHUTDOWN: WayOut(
        state=BotState.SHUTDOWN_TRIGGERED,
        ends=BotState.SHUTDOWN,
        mode=RiskMode.REDUCING,
        exit_code=ExitCode.OK,
    ),
    Closing.LOSS: WayOut(
        state=BotState.EMERGENCY_CLOSING,
        ends=BotState.STOPPED,
        mode=RiskMode.HALTED,
        exit_code=ExitCode.HALTED,
        at_once=_CALM,
    ),
    Closing.KILL: WayOut(
        state=BotState.EMERGENCY_CLOSING,
        ends=BotState.STOPPED,
        mode=RiskMode.HALTED,
        exit_code=ExitCode.KILLED,
        at_once=frozenset({_G.SETUP}),
    ),
    Closing.FATAL: WayOut(
        state=BotState.EMERGENCY_CLOSING,
        ends=BotState.ERROR,
        mode=RiskMode.HALTED,
        exit_code=ExitCode.ERROR,
        at_once=_CALM,
    ),
})
"""Every closing and how it ends."""


class Effect(StrEnum):
    """What a cell of the table does besides a closing."""

    RECORD = "record"
    ALERT = "alert"
    SUSPEND = "suspend"
    LATCH = "latch"
    COLLAR = "collar"
    REFUSE = "refuse"
    RAISE = "raise"
    STRATEGY_OFF = "strategy off"
    COMPRESS = "compress"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One cell of the table.

    Parameters
    ----------
    words
        The cell as SPEC §9a has it.
    closing
        The closing that begins, or that one under way becomes when it is weaker.
    effects
        What else is done: the event goes on record, an alert is raised, new risk is suspended
        until reconciled, the kill switch stays tripped, exits become collared limit orders, what
        was asked for is refused or is a defect, one strategy goes off, limits are compressed.
    """

    words: str
    closing: Closing | None = None
    effects: frozenset[Effect] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One event of the table.

    Parameters
    ----------
    found_by
        The part that detects it, in document 050's word.
    scope
        What it concerns: ``bot``, ``all``, ``varies`` or ``order``.
    response
        What is done, in one phrase.
    new_start
        Whether the bot trades again only after a new start.
    cells
        The response by group of states.
    """

    found_by: str
    scope: str
    response: str
    new_start: str
    cells: Mapping[StateGroup, Response] = field(repr=False)


def _cell(words: str, *effects: Effect, closing: Closing | None = None) -> Response:
    return Response(words=words, closing=closing, effects=frozenset(effects))


def _cells(
    setup: Response,
    ready: Response,
    running: Response,
    closing: Response,
    ended: Response,
    down: Response,
) -> Mapping[StateGroup, Response]:
    return MappingProxyType(
        dict(zip(StateGroup, (setup, ready, running, closing, ended, down), strict=True))
    )


_C, _E = Closing, Effect
_RECORDED = _cell("recorded", _E.RECORD)
_STORED = _cell("stored", _E.RECORD)
_NONE = _cell("none")
_START_REFUSED = _cell("start refused", _E.RECORD, _E.REFUSE)
_COMPRESSED = _cell("limits compressed", _E.RECORD, _E.COMPRESS)
_DEFECT = _cell("LogicError", _E.RAISE)
_BLOCKED = _cell("order blocked", _E.REFUSE)
_ERROR = _cell("error", _E.RECORD, _E.ALERT, closing=_C.FATAL)
_OLD_SETTINGS = _cell("old settings kept, alert", _E.RECORD, _E.ALERT, _E.REFUSE)

MATRIX: Mapping[Emergency, Row] = MappingProxyType({
    Emergency.LOSS_BREACH: Row(
        found_by="kill switch",
        scope="bot",
        response="stop risk, close, stopped",
        new_start="yes",
        cells=_cells(
            setup=_RECORDED,
            ready=_cell(
                "HALTED, latched → stopped", _E.RECORD, _E.ALERT, _E.LATCH, closing=_C.LOSS
            ),
            running=_cell(
                "emergency close → stopped, latched",
                _E.RECORD,
                _E.ALERT,
                _E.LATCH,
                closing=_C.LOSS,
            ),
            closing=_cell(
                "becomes emergency, latched", _E.RECORD, _E.ALERT, _E.LATCH, closing=_C.LOSS
            ),
            ended=_cell("latched", _E.RECORD, _E.LATCH),
            down=_RECORDED,
        ),
    ),
    Emergency.BROKER_DOWN: Row(
        found_by="watchdog",
        scope="bot",
        response="suspend entries, keep exits, resume when reconciled",
        new_start="no",
        cells=_cells(
            setup=_cell("self-check fails", _E.RECORD, _E.REFUSE),
            ready=_cell("REDUCING, stays", _E.RECORD, _E.ALERT, _E.SUSPEND),
            running=_cell(
                "REDUCING, stays; resumes after reconciliation", _E.RECORD, _E.ALERT, _E.SUSPEND
            ),
            closing=_cell("keeps trying, alerts each minute", _E.RECORD, _E.ALERT),
            ended=_RECORDED,
            down=_RECORDED,
        ),
    ),
    Emergency.DATA_DOWN: Row(
        found_by="watchdog",
        scope="all",
        response="cancel entries, keep resident stops, close with collared limits, alert, stop",
        new_start="yes",
        cells=_cells(
            setup=_RECORDED,
            ready=_cell("start of a window refused", _E.RECORD, _E.ALERT, _E.REFUSE),
            running=_cell(
                "collared graceful close → stopped",
                _E.RECORD,
                _E.ALERT,
                _E.COLLAR,
                closing=_C.DATA,
            ),
            closing=_cell("goes on with collars", _E.RECORD, _E.ALERT, _E.COLLAR),
            ended=_RECORDED,
            down=_RECORDED,
        ),
    ),
    Emergency.UNDECRYPTABLE: Row(
        found_by="security",
        scope="all",
        response="launch blocked",
        new_start="yes",
        cells=_cells(
            setup=_cell("launch blocked → error", _E.RECORD, _E.ALERT, _E.REFUSE, closing=_C.FATAL),
            ready=_OLD_SETTINGS,
            running=_OLD_SETTINGS,
            closing=_cell("old settings kept", _E.RECORD, _E.REFUSE),
            ended=_START_REFUSED,
            down=_RECORDED,
        ),
    ),
    Emergency.CRITICAL_ERROR: Row(
        found_by="error handler",
        scope="varies",
        response="close and error",
        new_start="yes",
        cells=_cells(
            setup=_ERROR,
            ready=_ERROR,
            running=_cell("emergency close → error", _E.RECORD, _E.ALERT, closing=_C.FATAL),
            closing=_cell("becomes emergency → error", _E.RECORD, _E.ALERT, closing=_C.FATAL),
            ended=_RECORDED,
            down=_RECORDED,
        ),
    ),
    Emergency.PLAIN_ERROR: Row(
        found_by="error handler",
        scope="varies",
        response="strategy off",
        new_start="no",
        cells=_cells(
            setup=_RECORDED,
            ready=_RECORDED,
            running=_cell("that strategy off, state stays", _E.RECORD, _E.STRATEGY_OFF),
            closing=_RECORDED,
            ended=_RECORDED,
            down=_RECORDED,
        ),
    ),
    Emergency.DEFENSE_ON: Row(
        found_by="risk",
        scope="all",
        response="limits compressed",
        new_start="no",
        cells=_cells(
            setup=_STORED,
            ready=_COMPRESSED,
            running=_COMPRESSED,
            closing=_STORED,
            ended=_STORED,
            down=_STORED,
        ),
    ),
    Emergency.INVALID_ORDER: Row(
        found_by="risk",
        scope="order",
        response="order blocked, logged",
        new_start="no",
        cells=_cells(
            setup=_DEFECT,
            ready=_BLOCKED,
            running=_BLOCKED,
            closing=_cell("order blocked unless it closes", _E.REFUSE),
            ended=_DEFECT,
            down=_DEFECT,
        ),
    ),
    Emergency.STOP: Row(
        found_by="flag",
        scope="bot",
        response="graceful close",
        new_start="yes",
        cells=_cells(
            setup=_cell("stopped", _E.RECORD, closing=_C.STOP),
            ready=_cell("stopped", _E.RECORD, closing=_C.STOP),
            running=_cell("graceful close → stopped", _E.RECORD, closing=_C.STOP),
            closing=_cell("stays"),
            ended=_NONE,
            down=_NONE,
        ),
    ),
    Emergency.KILL: Row(
        found_by="flag",
        scope="bot",
        response="emergency close",
        new_start="yes",
        cells=_cells(
            setup=_cell("flat verified → stopped", _E.RECORD, _E.ALERT, closing=_C.KILL),
            ready=_cell("emergency close → stopped", _E.RECORD, _E.ALERT, closing=_C.KILL),
            running=_cell("emergency close → stopped", _E.RECORD, _E.ALERT, closing=_C.KILL),
            closing=_cell("becomes emergency", _E.RECORD, _E.ALERT, closing=_C.KILL),
            ended=_cell("flat verified again", _E.RECORD, _E.ALERT, closing=_C.KILL),
            down=_NONE,
        ),
    ),
    Emergency.FILE_FAILS: Row(
        found_by="build check",
        scope="all",
        response="launch refused",
        new_start="yes",
        cells=_cells(
            setup=_ERROR,
            ready=_ERROR,
            running=_cell("alert, pinned code goes on, no reload", _E.RECORD, _E.ALERT, _E.REFUSE),
            closing=_cell("alert", _E.RECORD, _E.ALERT),
            ended=_START_REFUSED,
            down=_RECORDED,
        ),
    ),
    Emergency.FORCED_END: Row(
        found_by="signal",
        scope="bot",
        response="close, shutdown",
        new_start="yes",
        cells=_cells(
            setup=_cell("shutdown_triggered → shutdown", _E.RECORD, closing=_C.SHUTDOWN),
            ready=_cell("shutdown_triggered → shutdown", _E.RECORD, closing=_C.SHUTDOWN),
            running=_cell("shutdown_triggered → shutdown", _E.RECORD, closing=_C.SHUTDOWN),
            closing=_cell(
                "shutdown_triggered → shutdown, unless an emergency closes",
                _E.RECORD,
                closing=_C.SHUTDOWN,
            ),
            ended=_cell("shutdown_triggered → shutdown", _E.RECORD, closing=_C.SHUTDOWN),
            down=_NONE,
        ),
    ),
})
"""Every event with its response in every group of states."""


def response_to(event: Emergency, state: BotState) -> Response:
    """Return what the table says about an event in a state."""
    return MATRIX[event].cells[group_of(state)]
