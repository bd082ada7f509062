"""What the settings of one strategy must satisfy before it may run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rigd.core.values import SelfCheck

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rigd.config.strategies import StrategySettings


def check(view: StrategySettings) -> SelfCheck:
    """Tell whether one strategy can run with its settings.

    Parameters
    ----------
    view
        The strategy's settings.

    Returns
    -------
    SelfCheck
        Named ``strategy.open`` and so on; failed with every problem named.
    """
    problems = "; ".join(_problems(view))
    return SelfCheck(
        name=f"strategy.{view.name}",
        passed=not problems,
        detail=problems or f"{view.start_text}, trigger {view.trigger}, {view.short_type}",
    )


def _problems(view: StrategySettings) -> Iterator[str]:
    name = view.name.upper()
    for part in ("analysis", "breakout"):
        minutes = getattr(view, part)
        if minutes < 1:
            yield f"{name}_{part.upper()}_TIME must be at least 1 minute, was {minutes}"
    if view.monitoring < 0:
        yield f"{name}_MONITORING_TIME must not be negative, was {view.monitoring}"
    if not (math.isfinite(view.trigger) and view.trigger > 0.0):
        yield f"the threshold of {view.name} must be a positive fraction, was {view.trigger}"
    if not 0.0 < view.trail_pct < 1.0:
        yield f"the trailing stop of {view.name} must lie between 0 and 1, was {view.trail_pct}"
    for key, value in (("STOP_PCT", view.stop_pct), ("TARGET_PCT", view.target_pct)):
        if value is not None and not 0.0 < value < 1.0:
            yield f"{key}_{name} must lie between 0 and 1, was {value}"
