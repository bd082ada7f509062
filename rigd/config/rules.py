"""Rules over several settings at once, as one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rigd.config.choices import BrokerCode, ShortType
from rigd.core.values import STRATEGIES

Values = Mapping[str, Any]
"""Settings by attribute name."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Parameters
    ----------
    keys
        The attributes it reads; the first is the one to blame.
    check
        Returns what was expected and found, blank when the rule holds.
    """

    keys: tuple[str, ...]
    check: Callable[[Values], str]


def _logging(values: Values) -> str:
    if values["enable_logging"]:
        return ""
    return "must be true: no session without its record (document 070), found false"


def _weights_length(values: Values) -> str:
    found, expected = len(values["weights"]), values["max_trades"]
    if found == expected:
        return ""
    return f"must hold one weight for each of MAX_TRADES={expected}, found {found}"


def _weights_sum(values: Values) -> str:
    weights: tuple[Decimal, ...] = values["weights"]
    if any(not 0 < weight <= 1 for weight in weights):
        return "must be fractions, each above 0 and at most 1"
    total = sum(weights, Decimal(0))
    return f"must add up to at most 1, found {total}" if total > 1 else ""


def _defense(values: Values) -> str:
    limit, found = values["total_allocation"], values["defense_mode_total_allocation"]
    return f"must not exceed TOTAL_ALLOCATION={limit}, found {found}" if found > limit else ""


def _prices(values: Values) -> str:
    low, high = values["min_price"], values["max_price"]
    return "" if low < high else f"must be below MAX_PRICE={high}, found {low}"


def _floats(values: Values) -> str:
    low, high = values["min_float_shares"], values["max_float_shares"]
    if low is None or high is None or low < high:
        return ""
    return f"must be below MAX_FLOAT_SHARES={high:g}, found {low:g}"


def _market_caps(strategy: str) -> Rule:
    low, high = f"min_market_cap_{strategy}", f"max_market_cap_{strategy}"

    def check(values: Values) -> str:
        if values[low] < values[high]:
            return ""
        return f"must be below {high.upper()}={values[high]:g}, found {values[low]:g}"

    return Rule((low, high), check)


def _long_put(strategy: str) -> Rule:
    name = f"short_type_{strategy}"

    def check(values: Values) -> str:
        if values[name] is ShortType.LONG_PUT and values["broker_code"] is not BrokerCode.IBKR:
            return f"LongPut needs BROKER_CODE=IBKR, found {values['broker_code'].value}"
        return ""

    return Rule((name, "broker_code"), check)


def _lease(values: Values) -> str:
    beat, lease = values["heartbeat_interval_s"], values["lease_s"]
    if lease > beat:
        return ""
    return f"must be longer than HEARTBEAT_INTERVAL_S={beat:g}, found {lease:g}"


RULES: tuple[Rule, ...] = (
    Rule(("enable_logging",), _logging),
    Rule(("weights", "max_trades"), _weights_length),
    Rule(("weights",), _weights_sum),
    Rule(("defense_mode_total_allocation", "total_allocation"), _defense),
    Rule(("min_price", "max_price"), _prices),
    Rule(("min_float_shares", "max_float_shares"), _floats),
    *(_market_caps(strategy) for strategy in STRATEGIES),
    *(_long_put(strategy) for strategy in STRATEGIES),
    Rule(("lease_s", "heartbeat_interval_s"), _lease),
)


def broken(
    values: Values, unread: frozenset[str] = frozenset()
) -> list[tuple[tuple[str, ...], str]]:
    """Return the rules that the settings break.

    Parameters
    ----------
    values
        Every setting by attribute name.
    unread
        Attributes whose value could not be read; rules that need one are left out.

    Returns
    -------
    list of (tuple of str, str)
        The attributes that the rule reads, the one to blame first, and the message.
    """
    checked = ((rule.keys, rule.check(values)) for rule in RULES if unread.isdisjoint(rule.keys))
    return [(keys, message) for keys, message in checked if message]
