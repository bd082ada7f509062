"""What a new ledger starts with: the chart, the mapping and the opening balance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.ledger import chart, mapping
from rigd.ledger.mapping import EventType
from rigd.ledger.posting import Execution

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rigd.ledger.entries import AccountInfo, LegRow
    from rigd.ledger.mapping import Rule


def chart_rows(account: AccountInfo, at: str) -> Iterator[tuple[str | int, ...]]:
    """Yield the rows of ``accounts``, without number and hash.

    Parameters
    ----------
    account
        Gives currency, entity and jurisdiction.
    at
        When they are created, ISO 8601.

    Yields
    ------
    tuple
        One row for each account of the chart.
    """
    for each in chart.CHART:
        yield (
            chart.VERSION,
            each.number,
            each.name,
            each.kind.value,
            account.currency,
            account.entity,
            account.jurisdiction,
            at,
            at,
        )


def mapping_rows(rules: Mapping[EventType, Rule], at: str) -> Iterator[tuple[str | int, ...]]:
    """Yield the rows of ``mappings``, without number and hash.

    Parameters
    ----------
    rules
        Event type to accounts.
    at
        When they are created, ISO 8601.

    Yields
    ------
    tuple
        One row for each event that has accounts.
    """
    for event, rule in rules.items():
        yield (mapping.VERSION, event.value, *rule, at)


def opening_balance(
    cash: int, at: str, rule: Rule, currency: str
) -> tuple[Execution, list[LegRow]]:
    """Return the first transaction of a ledger.

    Parameters
    ----------
    cash
        What the broker holds [10⁻⁶ currency].
    at
        When it was counted, ISO 8601.
    rule
        The accounts.
    currency
        Of the account.

    Returns
    -------
    tuple of Execution and list of LegRow
        The event, and its two legs.
    """
    kind = EventType.OPENING_CASH.value
    legs: list[LegRow] = [
        (1, 1, rule.debit, currency, cash, 0, 0),
        (1, 2, rule.credit, currency, -cash, 0, 0),
    ]
    return Execution(kind, at, at, kind, "", "", -1, 0, 0, cash, 0, ""), legs
