"""The launch answers of every safety module in one table (documents 050 and 090)."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from rigd.core.values import SelfCheck
from rigd.risk import defense, defense_mode, kill_switch, last_door, limits, sizing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rigd.config.schema import Settings

SELF_CHECKS: Mapping[str, Callable[[Settings], SelfCheck]] = MappingProxyType({
    "risk.defense": defense.self_check,
    "risk.defense_mode": defense_mode.self_check,
    "risk.limits": limits.self_check,
    "risk.sizing": sizing.self_check,
    "risk.last_door": last_door.self_check,
    "risk.kill_switch": kill_switch.self_check,
})
"""Every safety module of this package, in the order in which they answer."""


def self_checks(settings: Settings) -> tuple[SelfCheck, ...]:
    """Return the launch answer of every safety module; one that fails to answer has not passed.

    Parameters
    ----------
    settings
        The session's settings.

    Returns
    -------
    tuple of SelfCheck
        Any that did not pass refuses the launch.
    """
    return tuple(_ask(name, check, settings) for name, check in SELF_CHECKS.items())


def _ask(name: str, check: Callable[[Settings], SelfCheck], settings: Settings) -> SelfCheck:
    try:
        return check(settings)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a part that cannot answer refuses the launch
        detail = f"{type(error).__name__}: {error}"
        return SelfCheck(name=name, passed=False, detail=detail)
