"""What an operator does beside a session: clear flags, release the kill switch; all audited.

The row of the audit log is written first: where it cannot be, nothing is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.config.inverse_etfs import change_inverse_etfs
from rigd.core.errors import ConfigError
from rigd.hosts import build_check
from rigd.hosts.bot import env_door
from rigd.hosts.latch import read_defense, read_latch, state_text
from rigd.hosts.operator_audit import audit, name
from rigd.risk import defense_mode
from rigd.risk.defense_mode import DefenseMode, Trigger
from rigd.risk.kill_switch import reset
from rigd.store.control import ControlFolder, flag_of_test
from rigd.store.files import make_folder
from rigd.store.locks import SessionLock
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from rigd.config.inverse_etfs import InverseEtfs
    from rigd.core.ports import ControlClock, IdSource
    from rigd.hosts.bot import Bot
    from rigd.store.paths import Home


def clear_flags(home: Home, clock: ControlClock, ids: IdSource, *, profile: str = "") -> list[str]:
    """Remove the control flags of a home, those of tests too; return their names.

    Parameters
    ----------
    home
        Where they lie.
    clock, ids
        The control clock and the source of nonces.
    profile
        The profile of the home's bot, for the audit log; blank when there is no bot yet.

    Returns
    -------
    list of str
        The names of the files removed.
    """
    folder = ControlFolder(home.control, clock, ids)
    found = [seen.file for seen in folder.pending()] + [flag_of_test(n) for n in folder.tests()]
    with Registry(home) as registry:
        audit(registry, clock, "flags_cleared", {"files": found, "profile": profile})
    return [*folder.clear(), *folder.take_tests()]


def reset_risk(bot: Bot, reason: str, clock: ControlClock) -> str:
    """Release a latched kill switch.

    Parameters
    ----------
    bot
        Whose kill switch.
    reason
        Why it may be released; kept in the latch and the audit log.
    clock
        The control clock.

    Returns
    -------
    str
        What was done, for people.

    Raises
    ------
    ConfigError
        If no reason is given.
    """
    if not reason.strip():
        msg = "a reset must give a reason, found none"
        raise ConfigError(msg, fix="rigd risk reset --reason 'what was found and mended'")
    tree = bot.home.bot(bot.identity)
    make_folder(tree.root)
    with SessionLock(tree.lock, what="rigd risk reset", clock=clock):
        latch = read_latch(tree.risk_state)
        if not latch.tripped:
            return "the kill switch was not tripped: nothing to reset"
        released = reset(latch, by=name(), reason=reason, forget_day=True)
        content = state_text(released, bot.profile)
        with Registry(bot.home, bot.identity) as registry:
            fields = {
                "cause": latch.cause,
                "reason": reason,
                "bot": str(bot.identity),
                "profile": bot.profile.value,
            }
            audit(registry, clock, "risk_reset", fields)
            registry.write("risk_state.json", content, writer="rigd.engine.session")
    return f"the kill switch is released ({latch.cause}); the day's loss counter begins anew"


def switch_defense(bot: Bot, reason: str, clock: ControlClock, *, on: bool) -> str:
    """Begin or leave defense mode by hand, between two sessions.

    Parameters
    ----------
    bot
        Whose defense mode.
    reason
        Why; kept in its state and the audit log.
    clock
        The control clock.
    on
        Whether it begins.

    Returns
    -------
    str
        What was done, for people.

    Raises
    ------
    ConfigError
        If no reason is given.
    """
    if not reason.strip():
        msg = "a change of defense mode must give a reason, found none"
        word = "on" if on else "off"
        raise ConfigError(msg, fix=f"rigd defense {word} --reason 'what was found, what was done'")
    tree = bot.home.bot(bot.identity)
    make_folder(tree.root)
    with SessionLock(tree.lock, what="rigd defense", clock=clock):
        state = read_defense(tree.defense_state)
        if state.on is on:
            return f"defense mode was {'on' if on else 'off'} already: nothing changed"
        if on:
            mode = DefenseMode(
                settings=bot.settings, session=state.session, state=state, at=clock.now()
            )
            mode.enter(Trigger.OPERATOR, f"{name()}: {reason.strip()}", clock.now())
            changed = mode.state
        else:
            changed = defense_mode.leave(state, by=name(), reason=reason)
        with Registry(bot.home, bot.identity) as registry:
            fields = {
                "trigger": state.trigger or changed.trigger,
                "reason": reason,
                "bot": str(bot.identity),
                "profile": bot.profile.value,
            }
            event = "defense_entered" if on else "defense_left"
            audit(registry, clock, event, fields)
            content = state_text(changed, bot.profile)
            registry.write("defense_state.json", content, writer="rigd.engine.session")
    kept = "; DEFENSE_MODE_ACTIVE switches it on again" if bot.settings.defense_mode_active else ""
    return "defense mode is on" if on else f"defense mode is off ({state.trigger}){kept}"


def seal_build(home: Home, reason: str, clock: ControlClock, *, profile: str = "") -> bool:
    """Accept the build as it lies there; audited.

    Parameters
    ----------
    home
        Whose launches compare with it.
    reason
        Why; kept in the manifest and the audit log.
    clock
        The control clock.
    profile
        The profile of the home's bot, for the audit log; blank when there is no bot yet.

    Returns
    -------
    bool
        False when the same build was sealed before.

    Raises
    ------
    ConfigError
        If no reason is given, or the build is not whole.
    """
    if not reason.strip():
        msg = "a seal must give a reason, found none"
        raise ConfigError(msg, fix=build_check.SEAL)

    def on_record() -> None:
        with Registry(home) as registry:
            audit(registry, clock, "build_sealed", {"reason": reason, "profile": profile})

    return build_check.seal(home, by=name(), reason=reason, before=on_record)


def change_mapping(bot: Bot, changes: dict[str, str], reason: str, clock: ControlClock) -> str:
    """Change the table of inverse ETFs of a home.

    Parameters
    ----------
    bot
        The bot of the home.
    changes
        Symbol to inverse ETF; blank takes the symbol out.
    reason
        Why; kept in the audit log.
    clock
        The control clock; the new version is dated by it.

    Returns
    -------
    str
        What was done, for people.

    Raises
    ------
    ConfigError
        If no reason is given or the table would be wrong; nothing is written then.
    """
    if not reason.strip():
        msg = "a change of the inverse ETFs must give a reason, found none"
        raise ConfigError(msg, fix="rigd mapping set SPY=SH --reason 'why'")
    before = bot.inverse_etfs

    def on_record(after: InverseEtfs) -> None:
        fields = {
            "before": before.version,
            "after": after.version,
            "changes": changes,
            "digest": after.digest,
            "reason": reason,
            "profile": bot.profile.value,
        }
        with Registry(bot.home) as registry:
            audit(registry, clock, "mapping_changed", fields)

    door, today = env_door(bot.home), clock.now().date()
    table = change_inverse_etfs(door, changes, today, before=on_record)
    return f"inverse ETFs: {before.name} → {table.name}, {len(table.pairs)} pairs"
