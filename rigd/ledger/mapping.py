"""Which accounts an economic event touches: a versioned table (SPEC §7)."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from rigd.ledger import chart

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1
"""The version of the mapping below; a changed mapping is a new version."""


class EventType(StrEnum):
    """The economic events that the books know."""

    OPENING_CASH = "opening_cash"
    OPENING_POSITION = "opening_position"
    FLOAT_IN = "float_in"
    FLOAT_OUT = "float_out"
    BUY = "buy"
    SELL = "sell"
    SELL_SHORT = "sell_short"
    BUY_TO_COVER = "buy_to_cover"
    COMMISSION = "commission"
    DIVIDEND = "dividend"
    DATA_ACCRUAL = "data_accrual"
    INFRASTRUCTURE_ACCRUAL = "infrastructure_accrual"
    REVERSAL = "reversal"


class Rule(NamedTuple):
    """The accounts of an event: debit, credit, and where a difference goes (0 for none)."""

    debit: int
    credit: int
    difference: int = 0


MAPPING: Mapping[EventType, Rule] = MappingProxyType({
    EventType.OPENING_CASH: Rule(chart.CASH, chart.OPENING_BALANCE),
    EventType.OPENING_POSITION: Rule(chart.EQUITIES, chart.OPENING_BALANCE),
    EventType.FLOAT_IN: Rule(chart.CASH, chart.CAPITAL_FLOAT),
    EventType.FLOAT_OUT: Rule(chart.CAPITAL_FLOAT, chart.CASH),
    EventType.BUY: Rule(chart.EQUITIES, chart.CASH),
    EventType.SELL: Rule(chart.CASH, chart.EQUITIES, chart.REALISED_GAINS),
    EventType.SELL_SHORT: Rule(chart.CASH, chart.SHORTS),
    EventType.BUY_TO_COVER: Rule(chart.SHORTS, chart.CASH, chart.REALISED_GAINS),
    EventType.COMMISSION: Rule(chart.BROKER_FEES, chart.CASH),
    EventType.DIVIDEND: Rule(chart.CASH, chart.QUALIFIED_DIVIDENDS),
    EventType.DATA_ACCRUAL: Rule(chart.INFRASTRUCTURE, chart.DATA_PAYABLES),
    EventType.INFRASTRUCTURE_ACCRUAL: Rule(chart.INFRASTRUCTURE, chart.DATA_PAYABLES),
})
"""Event to accounts. A reversal has no row: it negates the legs of what it reverses."""
