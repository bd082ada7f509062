"""``rigd flags``, ``rigd risk``, ``rigd defense``: ask a session, release a latch, compress."""

from __future__ import annotations

from rigd.cli.console import CLOCK, IDS, open_bot_of, open_home, say, say_next
from rigd.core.errors import ConfigError, ExitCode
from rigd.core.events import Command
from rigd.core.lines import one_line
from rigd.hosts import operator, operator_audit
from rigd.hosts.bot import is_provisioned
from rigd.hosts.latch import read_defense, read_latch
from rigd.store.control import ControlFolder

_ALLOWED = {command.value: command for command in (Command.START, Command.STOP, Command.KILL)}


def flags_raise(name: str, reason: str) -> int:
    """Raise a control flag."""
    if name not in _ALLOWED:
        msg = f"a flag must be one of {', '.join(_ALLOWED)}, was {name!r}"
        raise ConfigError(msg)
    home = open_home()
    folder = ControlFolder(home.control, CLOCK, IDS)
    folder.raise_flag(_ALLOWED[name], operator_audit.name(), reason, "rigd flags")
    say(f"raised control_{name}.flag in runs/control")
    say_next("see status.json: a running session looks for flags five times a second")
    return int(ExitCode.OK)


def flags_clear() -> int:
    """Remove the flags that lie there."""
    home = open_home()
    profile = open_bot_of(home).profile.value if is_provisioned(home) else ""
    removed = operator.clear_flags(home, CLOCK, IDS, profile=profile)
    say(f"removed {', '.join(removed) if removed else 'nothing: no flag lay there'}")
    say_next("rigd session")
    return int(ExitCode.OK)


def risk_show() -> int:
    """Show the kill switch."""
    bot = open_bot_of(open_home())
    latch = read_latch(bot.home.bot(bot.identity).risk_state)
    state = (
        f"LATCHED: {one_line(f'{latch.cause}: {latch.detail}')}" if latch.tripped else "not tripped"
    )
    say(f"kill switch of {bot.identity}: {state}")
    say_next("rigd risk reset --reason '…'" if latch.tripped else "rigd session")
    return int(ExitCode.OK)


def risk_reset(reason: str) -> int:
    """Release the kill switch."""
    bot = open_bot_of(open_home())
    say(operator.reset_risk(bot, reason, CLOCK))
    say_next("rigd session")
    return int(ExitCode.OK)


def defense_show() -> int:
    """Show defense mode."""
    bot = open_bot_of(open_home())
    state = read_defense(bot.home.bot(bot.identity).defense_state)
    told = f"ON: {one_line(f'{state.trigger}: {state.detail}')}" if state.on else "off"
    if bot.settings.defense_mode_active:
        told += "; DEFENSE_MODE_ACTIVE is true"
    say(f"defense mode of {bot.identity}: {told}")
    say_next("rigd defense off --reason '…'" if state.on else "rigd session")
    return int(ExitCode.OK)


def defense_switch(reason: str, *, on: bool) -> int:
    """Begin or leave defense mode."""
    bot = open_bot_of(open_home())
    say(operator.switch_defense(bot, reason, CLOCK, on=on))
    say_next("rigd defense show", "rigd session")
    return int(ExitCode.OK)
