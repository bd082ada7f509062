"""What the supervisor does for a person who asked in the panel: one effect, one row of the audit.

The table says which host function does what; each of them writes its own row of the audit, before
it acts, in the person's name. An action that is not in the table is refused.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from rigd.access.roles import Action
from rigd.config.sources import checkout
from rigd.core.errors import AlreadyRunning, ConfigError
from rigd.hosts import confirmations, operator
from rigd.hosts.bot import open_bot
from rigd.hosts.configure import change_secret, change_settings
from rigd.hosts.keys import rotate_keys
from rigd.hosts.notifying import acknowledge
from rigd.hosts.operator_audit import acting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rigd.access.requests import Request
    from rigd.core.ports import ControlClock
    from rigd.hosts.bot import Bot
    from rigd.store.paths import Home

NO_REASON = "asked in the panel"
DEFENSE_KEY = "DEFENSE_MODE_ACTIVE"
SECRET = "secret"  # noqa: S105 - the name of a field
"""Which of the payload's texts names the secret file."""


def do(home: Home, request: Request, clock: ControlClock) -> str:
    """Do what a request asks for.

    Parameters
    ----------
    home
        Whose.
    request
        Checked: signed, fresh, and by somebody who may.
    clock
        The control clock.

    Returns
    -------
    str
        What was done, for people.

    Raises
    ------
    ConfigError
        If this version does it not, or something of the request is wrong; nothing was done.
    """
    effect = EFFECTS.get(request.action)
    if effect is None:
        msg = f"the supervisor must know how to {request.action.replace('_', ' ')}, it does not"
        raise ConfigError(msg, fix="use the command line")
    bot = open_bot(home, checkout() / "VERSION.md")
    with acting(request.by):
        return effect(bot, request, clock)


def _edit_settings(bot: Bot, request: Request, clock: ControlClock) -> str:
    changed = change_settings(bot, request.payload, request.why or NO_REASON, clock)
    if not changed.changes:
        return "the settings were so already: nothing changed"
    told = ", ".join(f"{key} {before} → {after}" for key, before, after in changed.changes)
    return f"{told}; {'taken in by the running session' if changed.running else 'saved'}"


def _defense(bot: Bot, request: Request, clock: ControlClock) -> str:
    """Switch defense mode: its state between two sessions, its key while one runs."""
    wanted = request.payload.get("on", "")
    if wanted not in {"true", "false"}:
        msg = f"a change of defense mode must say on: true or false, was {wanted!r}"
        raise ConfigError(msg)
    why = request.why or NO_REASON
    try:
        return operator.switch_defense(bot, why, clock, on=wanted == "true")
    except AlreadyRunning:
        change_settings(bot, {DEFENSE_KEY: wanted}, why, clock)
        return f"{DEFENSE_KEY} is {wanted} from the session's next minute on"


def _reset_kill(bot: Bot, request: Request, clock: ControlClock) -> str:
    return operator.reset_risk(bot, request.why, clock)


def _rotate_keys(bot: Bot, request: Request, clock: ControlClock) -> str:
    new = rotate_keys(bot.home, clock, request.why or NO_REASON)
    return f"every secret is sealed with the new key {new}"


def _edit_configuration(bot: Bot, request: Request, clock: ControlClock) -> str:
    """Set fields of a secret file; its name is the payload's `secret`, no value is told."""
    fields = {name: text for name, text in request.payload.items() if name != SECRET}
    secret, why = request.payload.get(SECRET, ""), request.why or NO_REASON
    changed = change_secret(bot.home, secret, fields, why, clock)
    if not changed:
        return "it was so already: nothing changed"
    return f"{', '.join(changed)} of {secret} sealed with a new key"


def _acknowledge_alert(bot: Bot, request: Request, clock: ControlClock) -> str:
    return acknowledge(bot.home, request.payload.get("alert", ""), request.by, clock)


def _confirm_trade(bot: Bot, request: Request, clock: ControlClock) -> str:
    number, word = request.payload.get("candidate", ""), request.payload.get("answer", "")
    return confirmations.answer(bot, number, word, clock, request.by)


def _edit_chart(bot: Bot, request: Request, clock: ControlClock) -> str:
    from rigd.hosts.chart_of_accounts import save_version  # noqa: PLC0415 - rare

    return save_version(bot, request.payload.get("version", ""), request.why or NO_REASON, clock)


def _approve_proposal(bot: Bot, request: Request, clock: ControlClock) -> str:
    from rigd.hosts.optimize.proposals import approve  # noqa: PLC0415 - rare, and slow to load

    text = request.payload.get("proposal", "")
    if not (text.isascii() and text.isdigit()):
        msg = f"a proposal must be named by its version, was {text!r}"
        raise ConfigError(msg)
    approve(bot, int(text), request.by, request.why or NO_REASON, clock, verified=True)
    return f"proposal {text} is approved"


EFFECTS: Mapping[Action, Callable[[Bot, Request, ControlClock], str]] = MappingProxyType({
    Action.EDIT_SETTINGS: _edit_settings,
    Action.DEFENSE: _defense,
    Action.RESET_KILL: _reset_kill,
    Action.ROTATE_KEYS: _rotate_keys,
    Action.CONFIRM_TRADE: _confirm_trade,
    Action.ACKNOWLEDGE_ALERT: _acknowledge_alert,
    Action.EDIT_CONFIGURATION: _edit_configuration,
    Action.APPROVE_PROPOSAL: _approve_proposal,
    Action.EDIT_CHART: _edit_chart,
})
"""Which function does what."""
