"""Corrections by reversing entries: take the later fills of a symbol back, post them again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.ledger.mapping import EventType
from rigd.ledger.posting import Execution

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rigd.ledger.entries import LegRow, Transaction


def reversal(row: Transaction, at: str, cause: str) -> Execution:
    """Return the event that takes a transaction back.

    Parameters
    ----------
    row
        The transaction.
    at, cause
        When it was corrected, and the key of the correction.

    Returns
    -------
    Execution
        The same size the other way round, at the same price.
    """
    sign = -1 if row.quantity > 0 else 1
    return Execution(
        EventType.REVERSAL.value,
        at,
        row.traded_at,
        row.external_id,
        cause,
        row.symbol,
        sign,
        abs(row.quantity),
        row.price,
        sign * (row.amount + row.commission),
        -row.commission,
        row.strategy,
    )


def reversing_legs(legs: Sequence[LegRow], txn: int) -> list[LegRow]:
    """Return the legs that cancel others, as those of another transaction."""
    return [(txn, leg[1], leg[2], leg[3], -leg[4], leg[5], -leg[6]) for leg in legs]


def restated(row: Transaction, at: str, cause: str) -> Execution:
    """Return a fill that is posted again after a correction of an earlier one.

    Parameters
    ----------
    row
        The transaction that was taken back.
    at, cause
        When it was corrected, and the key of the correction.

    Returns
    -------
    Execution
        The same fill.
    """
    sign = 1 if row.quantity > 0 else -1
    return Execution(
        row.event,
        at,
        row.traded_at,
        row.external_id,
        cause,
        row.symbol,
        sign,
        abs(row.quantity),
        row.price,
        -sign * (row.amount + row.commission),
        row.commission,
        row.strategy,
    )
