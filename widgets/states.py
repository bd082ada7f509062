"""What is shown in each of the bot's 16 states, as one table (document 070, INVENTORY U1-U6)."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from rigd.core.lifecycle import TRANSITIONS, BotState

if TYPE_CHECKING:
    from collections.abc import Mapping


class View(NamedTuple):
    """A row: first page, tone of the state, what the banner says, and which controls work."""

    page: str
    tone: str
    banner: str
    start: bool
    stop: bool
    kill: bool

    @property
    def halted(self) -> bool:
        """Whether further operations are halted: the error and shutdown page is shown (U6)."""
        return self.page == "halted"


_S = BotState


def _view(
    page: str,
    tone: str,
    banner: str = "",
    *,
    start: bool = False,
    stop: bool = False,
    kill: bool = False,
) -> View:
    return View(page, tone, banner, start, stop, kill)


def _runs(tone: str = "ok", banner: str = "") -> View:
    return _view("dashboard", tone, banner, stop=True, kill=True)


VIEWS: Mapping[BotState, View] = MappingProxyType({
    _S.INITIALIZE: _view("configuration", "info", "Set-up: the bot has no configuration yet"),
    _S.PROVISIONING: _view("configuration", "info", "Set-up: keys and secrets are being made"),
    _S.BOOTSTRAPPING: _view("configuration", "info", "Set-up: databases are being made"),
    _S.REGISTRATION: _view("registration", "info", "Set-up: the first administrator registers"),
    _S.STARTED: _runs("info"),
    _S.IDLE: _runs("info"),
    _S.ANALYZING: _runs(),
    _S.TRADING: _runs(),
    _S.MONITORING: _runs(),
    _S.UPDATING: _runs("info", "Settings are being taken over"),
    _S.GRACEFUL_CLOSING: _view(
        "dashboard",
        "warn",
        "Graceful closing: no new entries, strategies finish, positions are being closed",
        kill=True,
    ),
    _S.EMERGENCY_CLOSING: _view(
        "dashboard",
        "bad",
        "Hard closing: orders are cancelled and every position is closed at once",
    ),
    _S.STOPPED: _view(
        "dashboard", "muted", "Stopped: the bot is flat and waits for Start", start=True, kill=True
    ),
    _S.SHUTDOWN_TRIGGERED: _view("halted", "bad", "Shutdown was triggered: operations are halted"),
    _S.SHUTDOWN: _view("halted", "bad", "The bot is shut down: operations are halted"),
    _S.ERROR: _view("halted", "bad", "Error: the bot is halted", kill=True),
})
"""Every state. Kill stays possible wherever the state machine has the step (T20)."""


def view_of(state: BotState | None, *, testing: bool) -> View:
    """Return what is shown in a state.

    Parameters
    ----------
    state
        None while no state is known; the engine obeys stop and kill all the same.
    testing
        Whether tests run: trading actions are disabled meanwhile (U16), but closing is not.

    Returns
    -------
    View
        Its row of the table.
    """
    if state is None:
        return _view("dashboard", "muted", "No state is known", stop=True, kill=True)
    view = VIEWS[state]
    return view._replace(start=False) if testing else view


def may_kill(state: BotState) -> bool:
    """Tell whether the state machine lets a kill through."""
    return _S.EMERGENCY_CLOSING in TRANSITIONS[state]


def latch_of(risk: Mapping[str, Any], status: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a kill switch by its own file; by the last session's status without one.

    Parameters
    ----------
    risk, status
        risk_state.json and status.json; empty where there is none.

    Returns
    -------
    mapping
        ``tripped`` and ``cause``; empty where nothing is known.
    """
    return risk or status.get("kill_switch") or {}
