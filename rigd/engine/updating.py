"""Hot configuration: one whole snapshot of the settings per minute, changed between two minutes.

What is offered was validated as a whole. It takes effect at the start of a minute and nowhere else,
so that no decision mixes two snapshots; the journal says from which minute on, so that a session
that is taken up again decides every minute by the settings that were in force then (FAULTS K14).
"""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from rigd.config import hot
from rigd.config.digest import digest
from rigd.config.hot import Refusal
from rigd.core.events import SettingsChanged
from rigd.enhancements import chain as filters
from rigd.risk.defense import limits_table, session_cap
from rigd.risk.last_door import door_limits
from rigd.strategy import router

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rigd.config.hot import Offer
    from rigd.config.schema import Settings
    from rigd.engine.desk import Desk

MINUTE = timedelta(minutes=1)


class SettingsSource(Protocol):
    """Where changed settings come from while a session runs."""

    def poll(self) -> Offer | Refusal | None:
        """Return what changed since the last call; None nearly always."""
        ...


class Updating:
    """Takes changed settings in, whole or not at all.

    Parameters
    ----------
    desk
        The session's desk, with the settings that it began with.
    source
        Where changes come from; None where nobody can change them.
    recorded
        The changes that the journal of a session that is taken up again holds, oldest first.
    enter_defense
        Switches defense mode on for DEFENSE_MODE_ACTIVE; nothing where it is on already.
    """

    def __init__(
        self,
        desk: Desk,
        source: SettingsSource | None,
        recorded: Iterable[SettingsChanged] = (),
        enter_defense: Callable[[], None] = lambda: None,
    ) -> None:
        self._desk = desk
        self._source = source
        self._recorded = deque(recorded)
        self._enter_defense = enter_defense
        self._first = (desk.clock.now() - desk.day.open) // MINUTE
        self._planned = frozenset(router.sequence(desk.settings))

    def follow(self, minute: int) -> None:
        """Apply the recorded changes that were in force at a minute."""
        while self._recorded and self._recorded[0].minute <= minute:
            change = self._recorded.popleft()
            settings = hot.changed_by(self._desk.settings, change.changes, change.config_digest)
            self._apply(settings)

    def take(self, minute: int, update: Callable[[str, Callable[[], None]], None]) -> None:
        """Take in what is offered at the start of a minute.

        A minute that had passed before a crash is run again by the settings of then.

        Parameters
        ----------
        minute
            The minute that begins.
        update
            Called with the reason and what to do when a change takes effect: it enters and leaves
            the state ``updating`` round it.
        """
        if self._source is None or self._recorded or minute < self._first:
            return
        found = self._source.poll()
        if found is None:
            return
        if isinstance(found, Refusal):
            self._refuse(found)
            return
        changes = hot.changes(self._desk.settings, found.settings)
        if not changes:
            return
        refusal = self._objection(found)
        if refusal is not None:
            self._refuse(refusal)
            return
        names = ", ".join(key for key, _, _ in changes)
        update(f"settings changed: {names}", lambda: self._put_in_force(minute, found, changes))

    def _objection(self, offer: Offer) -> Refusal | None:
        """Return why a valid change must wait for the next start; None when it need not."""
        keys = hot.needs_start(self._desk.settings, offer.settings)
        if keys:
            reason = "takes effect at the next start only: " + ", ".join(keys)
            return Refusal(source=offer.source, reason=reason)
        new = [name for name in router.sequence(offer.settings) if name not in self._planned]
        if new:
            named = ", ".join(f"STRAT_{name.upper()}_ENABLED" for name in new)
            reason = f"takes effect at the next start only, which plans the window: {named}"
            return Refusal(source=offer.source, reason=reason)
        return None

    def _put_in_force(self, minute: int, offer: Offer, changes: tuple[hot.Change, ...]) -> None:
        desk, settings = self._desk, offer.settings
        defense = desk.defense or settings.defense_mode_active
        limits = limits_table(settings, desk.float_amount, defense=defense)
        desk.recorder.record(
            SettingsChanged(
                minute=minute,
                source=offer.source,
                changes=changes,
                config_digest=digest(settings),
                session_cap=session_cap(settings, desk.float_amount, defense=defense),
                limits=tuple((str(name), str(value)) for name, value in limits),
            ),
            durable=True,
        )
        self._apply(settings)

    def _apply(self, settings: Settings) -> None:
        apply(self._desk, settings)
        if settings.defense_mode_active:
            self._enter_defense()

    def _refuse(self, refusal: Refusal) -> None:
        text = f"{refusal.source} refused as a whole, the settings in force stay: {refusal.reason}"
        self._desk.alerts.raise_alert("settings", text, critical=False)
        self._desk.recorder.sync()


def apply(desk: Desk, settings: Settings) -> None:
    """Put settings in force on a desk: every part that depends on them, in one step.

    The float was read at the start and stays; the session cap is the same float times the new
    TOTAL_ALLOCATION. Whoever calls enters defense mode for DEFENSE_MODE_ACTIVE (SPEC §4).

    Parameters
    ----------
    desk
        The session's desk.
    settings
        The new settings; their boot-only keys are those of the start.
    """
    old, desk.settings = desk.settings, settings
    defense = desk.defense or settings.defense_mode_active
    if any(
        getattr(old, plug.toggle) != getattr(settings, plug.toggle)
        for plug in filters.PLUGS
        if plug.toggle
    ):
        desk.chain = desk.build_chain(settings)
    desk.session_cap = session_cap(settings, desk.float_amount, defense=defense)
    desk.door.set_limits(door_limits(settings))
    desk.kill_switch.set_limit(settings.daily_loss_limit)
    desk.defense_mode.set_lowest_rate(settings.defense_mode_min_win_rate)
    desk.watchdog.set_limits(settings)
    for runner in desk.runners:
        runner.plan = router.build(settings, runner.plan.window)
