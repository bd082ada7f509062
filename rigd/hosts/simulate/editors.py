"""People at the settings: whole changes, bad ones, and keys that take effect at a start only."""

from __future__ import annotations

from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING

from rigd.config.digest import digest
from rigd.config.hot import Offer, Refusal
from rigd.config.schema import Settings
from rigd.hosts.simulate.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rigd.hosts.simulate.faults import FaultPlan
    from rigd.hosts.simulate.trace import Trace

SOURCE = "env/.env_bot.enc"

HOT: Mapping[str, tuple[object, ...]] = MappingProxyType({
    "daily_loss_limit": (Decimal("0.0005"), Decimal("0.002"), Decimal("0.02"), Decimal(1)),
    "max_open_positions": (1, 2, 4),
    "max_risk_per_trade": (Decimal("0.05"), Decimal("0.3"), Decimal(1)),
    "total_allocation": (Decimal("0.1"), Decimal("0.5"), Decimal(1)),
    "max_order_notional": (Decimal(5_000), Decimal(1_000_000)),
    "max_order_quantity": (Decimal(100), Decimal(100_000)),
    "strat_mid_enabled": (True, False),
    "adx_filter_enabled": (True, False),
})
"""What people change while a session runs, and to which values."""


class Editors:
    """The file of the settings, and who changes it.

    Parameters
    ----------
    plan
        What goes wrong.
    trace
        Where events are noted.
    settings
        What the file holds at first.
    """

    def __init__(self, plan: FaultPlan, trace: Trace, settings: Settings) -> None:
        self._plan = plan
        self._trace = trace
        self._settings = settings
        self.version = 0
        self.found: Offer | Refusal = Offer(settings=settings, source=SOURCE)
        self.valid = {digest(settings)}
        """Digests of every whole content that was fit to be put in force."""

    def act(self) -> None:
        """Let them do what they do in a minute."""
        if self._plan.fires(Fault.CONFIG_CHANGED):
            keys = sorted(HOT)
            key = keys[self._plan.pick("config_key", len(keys))]
            values = HOT[key]
            value = values[self._plan.pick("config_value", len(values))]
            self._settings = _with(self._settings, key, value)
            self.valid.add(digest(self._settings))
            self._write(Offer(settings=self._settings, source=SOURCE), f"{key}={value}")
        if self._plan.fires(Fault.CONFIG_BAD):
            self._write(Refusal(source=SOURCE, reason="MAX_TRADES must be a number"), "bad")
        if self._plan.fires(Fault.CONFIG_AT_START):
            changed = _with(self._settings, "simulation_seed", 7)
            self._write(Offer(settings=changed, source=SOURCE), "simulation_seed=7")

    def watch(self) -> Watch:
        """Return what one process sees of the file; its first look always finds it."""
        return Watch(self)

    def _write(self, found: Offer | Refusal, text: str) -> None:
        self.found = found
        self.version += 1
        self._trace.add("config", text)


class Watch:
    """What one process sees of the settings' file: implements ``engine.updating.SettingsSource``.

    Parameters
    ----------
    editors
        Whose file it is.
    """

    def __init__(self, editors: Editors) -> None:
        self._editors = editors
        self._seen = -1

    def poll(self) -> Offer | Refusal | None:
        """Return the file's content when it was replaced since the last call."""
        if self._seen == self._editors.version:
            return None
        self._seen = self._editors.version
        return self._editors.found


def _with(settings: Settings, key: str, value: object) -> Settings:
    return Settings.model_validate(dict(settings) | {key: value})
