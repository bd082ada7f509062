"""The books as CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from rigd.core.money import MONEY_DECIMALS, PRICE_DECIMALS, QUANTITY_DECIMALS, from_units, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rigd.ledger.chart_versions import ChartVersion
    from rigd.ledger.entries import Leg, Transaction
    from rigd.ledger.statement import Statement

LEG_HEADER = (
    "txn",
    "at",
    "traded_at",
    "event",
    "strategy",
    "symbol",
    "quantity",
    "price",
    "account",
    "account_name",
    "currency",
    "amount",
    "lot",
    "lot_quantity",
    "external_id",
    "because",
    "reverses",
    "fitid",
    "hash",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def to_csv(statement: Statement) -> str:
    """Return one line per leg; a text that a spreadsheet would run as a formula is quoted by ``'``.

    Parameters
    ----------
    statement
        The whole ledger.

    Returns
    -------
    str
        CSV with a header, lines ended by a line feed.
    """
    rows = (
        _leg_row(posted.row, leg, statement.chart)
        for posted in statement.transactions
        for leg in posted.legs
    )
    return _csv(LEG_HEADER, rows)


def trial_csv(statement: Statement) -> str:
    """Return the trial balance as CSV, one account a line."""
    header = ("account", "name", "currency", "debit", "credit")
    rows = (
        (str(row.account), escape(row.name), row.currency, plain(row.debit), plain(row.credit))
        for row in statement.trial
    )
    return _csv(header, rows)


def to_json(statement: Statement) -> str:
    """Return the whole ledger as JSON; amounts are texts, so that no reader rounds them.

    Parameters
    ----------
    statement
        The whole ledger.

    Returns
    -------
    str
        One JSON object with sorted keys.
    """
    account = statement.account
    value = {
        "identity": statement.identity,
        "account": {
            "broker": account.broker,
            "account_id": account.account_id,
            "currency": account.currency,
            "entity": account.entity,
            "jurisdiction": account.jurisdiction,
        },
        "chart_version": statement.chart.version,
        "trial_balance": [
            {
                "account": row.account,
                "name": row.name,
                "currency": row.currency,
                "debit": plain(row.debit),
                "credit": plain(row.credit),
            }
            for row in statement.trial
        ],
        "lots": [
            {
                "lot": lot.number,
                "symbol": lot.symbol,
                "direction": lot.direction.value,
                "traded_at": lot.traded_at.isoformat(),
                "quantity": plain(lot.open_quantity),
                "cost": plain(lot.open_cost),
            }
            for lot in statement.lots
        ],
        "transactions": [
            {
                **_transaction(posted.row),
                "legs": [_leg(leg) for leg in posted.legs],
            }
            for posted in statement.transactions
        ],
    }
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def escape(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


def _leg_row(row: Transaction, leg: Leg, chart: ChartVersion) -> tuple[str, ...]:
    return (
        str(row.txn),
        row.at,
        row.traded_at,
        row.event,
        escape(row.strategy),
        escape(row.symbol),
        plain(from_units(row.quantity, QUANTITY_DECIMALS)),
        plain(from_units(row.price, PRICE_DECIMALS)),
        str(leg.account),
        escape(chart.find(leg.account).name),
        leg.currency,
        plain(from_units(leg.amount, MONEY_DECIMALS)),
        str(leg.lot) if leg.lot else "",
        plain(from_units(leg.quantity, QUANTITY_DECIMALS)) if leg.lot else "",
        escape(row.external_id),
        escape(row.because),
        str(row.reverses) if row.reverses else "",
        row.fitid,
        row.hash,
    )


def _transaction(row: Transaction) -> dict[str, object]:
    return {
        "txn": row.txn,
        "fitid": row.fitid,
        "event": row.event,
        "at": row.at,
        "traded_at": row.traded_at,
        "external_id": row.external_id,
        "because": row.because,
        "symbol": row.symbol,
        "quantity": plain(from_units(row.quantity, QUANTITY_DECIMALS)),
        "price": plain(from_units(row.price, PRICE_DECIMALS)),
        "amount": plain(from_units(row.amount, MONEY_DECIMALS)),
        "commission": plain(from_units(row.commission, MONEY_DECIMALS)),
        "currency": row.currency,
        "strategy": row.strategy,
        "reverses": row.reverses,
        "hash": row.hash,
    }


def _leg(leg: Leg) -> dict[str, object]:
    return {
        "account": leg.account,
        "currency": leg.currency,
        "amount": plain(from_units(leg.amount, MONEY_DECIMALS)),
        "lot": leg.lot,
        "quantity": plain(from_units(leg.quantity, QUANTITY_DECIMALS)),
    }
