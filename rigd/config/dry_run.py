"""What TEST_MODE changes of a bot's settings for one dry run (document 070, TEST_MODE).

The changes are ordinary values of ordinary keys, so that the journal, the reports and every part
that reads settings show and obey them without a second path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.config.parse import override
from rigd.core.values import STRATEGIES

if TYPE_CHECKING:
    from rigd.config.schema import Settings

LONGEST_BREAKOUT = 30
"""A longer breakout part is cut to this, so that three windows fit any session [minutes]."""

FIXED: tuple[tuple[str, str, str], ...] = (
    ("STRATEGY_OVERRIDE", "", "all three strategies run"),
    ("TRADING_DAYS", "mon..sun", "the schedule does not count"),
    ("MIN_VOLUME_THRESHOLD", "0", "candidates are filtered by price alone"),
    ("ENABLE_FUNDAMENTAL_GUARD", "false", "fundamentals are ignored"),
    ("TRADE_CONFIRMATION_REQUIRED", "false", "no operator watches a dry run"),
    ("BROKER_CODE", "SIM", "orders go to a stub: no broker is called"),
    ("SIM_REJECT_RATE", "0", "the stub takes every order"),
    ("SIM_LOST_REPLY_RATE", "0", "and answers each"),
    ("CRITICAL_ALERT_CHANNEL", "", "alerts and notifications are suppressed"),
    ("ROUTINE_ALERT_CHANNEL", "", "as above"),
    ("NOTIFY_ON_FILL", "false", "as above"),
    ("NOTIFY_ON_EXIT", "false", "as above"),
    ("NOTIFY_ON_FAILURE", "false", "as above"),
)
"""Key, value and why: what a dry run sets whatever the bot's settings say."""

OF_EACH: tuple[tuple[str, str, str], ...] = (
    ("STRAT_{}_ENABLED", "true", "all three strategies run"),
    ("{}_ANALYSIS_TIME", "1", "one minute"),
    ("{}_MONITORING_TIME", "1", "one minute"),
    ("MAX_GAP_PCT_{}", "10", "candidates are filtered by price alone"),
    ("MIN_MARKET_CAP_{}", "0", "as above"),
    ("MAX_MARKET_CAP_{}", "1e15", "as above"),
)
"""The same for each strategy."""

NOTE = (
    "dry run: stub broker, stub account, limits apply to the stub account alone, filters by price,"
    " windows of one minute one after the other, notifications suppressed, outputs under"
    " runs/test_mode"
)
"""What a dry run says of itself in its record."""


def dry_run(settings: Settings) -> Settings:
    """Return the settings of a dry run.

    Parameters
    ----------
    settings
        The bot's own, with the session's changes.

    Returns
    -------
    Settings
        The three windows follow one another from the open on, in the order of STRATEGY_SEQUENCE;
        strategies that it does not name come last.

    Raises
    ------
    ConfigError
        If the changed settings break a rule.
    """
    order = dict.fromkeys((*settings.strategy_sequence, *STRATEGIES))
    changes = {key: value for key, value, _ in FIXED}
    changes["STRATEGY_SEQUENCE"] = ",".join(order)
    start = 0
    for name in order:
        key = name.upper()
        changes |= {text.format(key): value for text, value, _ in OF_EACH}
        breakout = min(settings.strategy(name).breakout, LONGEST_BREAKOUT)
        changes[f"{key}_BREAKOUT_TIME"] = str(breakout)
        changes[f"START_TIME_{key}"] = f"open+{start}m"
        start += 1 + breakout + 1
    return override(settings, changes, source="TEST_MODE")
