"""Realised gains lot by lot, for a tax filing: dates, holding period, term, wash-sale flag.

Source: document 015, "extended reporting" (INVENTORY G11). A row is the part of one lot that one
fill closed. Its gain is the one that the books posted; commissions stand beside it, shared out by
quantity, because the books keep them in an account of their own. Days are the exchange's.

Nothing is disallowed here: `wash_sale` says ``possible`` where a loss was realised and the same
symbol was entered, in the same direction and by another lot, within 30 days before or after
(US Internal Revenue Code §1091; a part of the same lot is no replacement, Rev. Rul. 56-602).
"""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from rigd.calendar.exchange import exchange_time
from rigd.core.clock import from_iso
from rigd.core.money import MONEY_DECIMALS, QUANTITY_DECIMALS, from_units, plain
from rigd.core.values import Direction
from rigd.ledger.chart import REALISED_GAINS, SHORTS
from rigd.ledger.lots import share
from rigd.ledger.tables import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from decimal import Decimal

    from rigd.ledger.entries import Leg
    from rigd.ledger.statement import Posted, Statement

WASH_DAYS: Final = 30
"""How near another entry makes a loss a possible wash sale [days, each way]."""

HEADER: Final = (
    *("symbol", "direction", "quantity", "acquired", "sold", "holding_days", "term"),
    *("proceeds", "cost", "gain", "commission", "net", "currency", "wash_sale"),
    *("strategy", "lot", "txn"),
)


class Gain(NamedTuple):
    """The part of a lot that one fill closed [shares, currency].

    `acquired` and `sold` are exchange days; of a short sale `proceeds` came first. `gain` is what
    the books posted, `commission` that of both fills for this part.
    """

    symbol: str
    direction: Direction
    quantity: Decimal
    acquired: date
    sold: date
    proceeds: Decimal
    cost: Decimal
    gain: Decimal
    commission: Decimal
    currency: str
    wash_sale: bool
    strategy: str
    lot: int
    txn: int

    @property
    def holding_days(self) -> int:
        """Days from the entry to the exit."""
        return (self.sold - self.acquired).days

    @property
    def is_long_term(self) -> bool:
        """Tell whether it was held more than a year; a short sale never is (IRC §1222, §1233)."""
        return self.direction is Direction.LONG and self.sold > _anniversary(self.acquired)


def realised_gains(statement: Statement, year: int | None = None) -> tuple[Gain, ...]:
    """Return every closed part of a lot, in the order of booking.

    Parameters
    ----------
    statement
        The whole ledger; what a correction took back counts as never booked.
    year
        Only what was closed in it, by the exchange's days; None for all.

    Returns
    -------
    tuple of Gain
        Their gains sum to the account of realised gains.
    """
    in_force = _in_force(statement.transactions)
    opened = {posted.row.txn: posted for posted in in_force}
    entries = _entries(in_force)
    closed_of_lot: Counter[int] = Counter()
    found = [
        gain
        for posted in in_force
        for gain in _gains(posted, opened, entries, closed_of_lot)
        if year is None or gain.sold.year == year
    ]
    return tuple(found)


def to_csv(gains: Iterable[Gain]) -> str:
    """Return gains as CSV with a header; amounts are plain decimals, days ISO 8601."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(_cells(gain) for gain in gains)
    return text.getvalue()


def _in_force(transactions: Iterable[Posted]) -> list[Posted]:
    known = list(transactions)
    undone = {posted.row.reverses for posted in known}
    return [p for p in known if not p.row.reverses and p.row.txn not in undone]


def _entries(in_force: Iterable[Posted]) -> dict[tuple[str, int], Counter[date]]:
    """Return how many lots were opened on each day, by symbol and inventory account."""
    found: dict[tuple[str, int], Counter[date]] = defaultdict(Counter)
    for posted in in_force:
        for leg in posted.legs:
            if leg.lot == posted.row.txn:
                found[posted.row.symbol, leg.account][_day(posted)] += 1
    return found


def _gains(
    posted: Posted,
    opened: dict[int, Posted],
    entries: dict[tuple[str, int], Counter[date]],
    closed_of_lot: Counter[int],
) -> Iterator[Gain]:
    row = posted.row
    closing = [leg for leg in posted.legs if leg.lot and leg.lot != row.txn]
    total = sum(abs(leg.quantity) for leg in closing)
    booked = -sum(leg.amount for leg in posted.legs if leg.account == REALISED_GAINS)
    inventory = sum(abs(leg.amount) for leg in closing)
    done = 0
    for leg in closing:
        part = abs(leg.quantity)
        opening = opened[leg.lot]
        is_short = leg.account == SHORTS
        settled = inventory - booked if is_short else inventory + booked
        other_side = _slice(settled, done, part, total)
        first, last = abs(leg.amount), other_side
        proceeds, cost = (first, last) if is_short else (last, first)
        before = closed_of_lot[leg.lot]
        fees = _slice(row.commission, done, part, abs(row.quantity))
        fees += _opening_fee(opening, leg, before, part)
        sold, acquired = _day(posted), _day(opening)
        closed_of_lot[leg.lot] += part
        done += part
        yield Gain(
            symbol=row.symbol,
            direction=Direction.SHORT if is_short else Direction.LONG,
            quantity=from_units(part, QUANTITY_DECIMALS),
            acquired=acquired,
            sold=sold,
            proceeds=_money(proceeds),
            cost=_money(cost),
            gain=_money(proceeds - cost),
            commission=_money(fees),
            currency=row.currency,
            wash_sale=proceeds < cost and _entered_again(entries, row.symbol, leg, sold, acquired),
            strategy=row.strategy,
            lot=leg.lot,
            txn=row.txn,
        )


def _opening_fee(opening: Posted, leg: Leg, before: int, part: int) -> int:
    """Return a lot's share of its entry's commission; what that fill closed first has its own."""
    size = abs(opening.row.quantity)
    lot = sum(abs(each.quantity) for each in opening.legs if each.lot == leg.lot)
    return _slice(opening.row.commission, size - lot + before, part, size)


def _slice(amount: int, before: int, part: int, whole: int) -> int:
    """Return an amount's share of a part, so that all parts together come to the amount."""
    if not whole:
        return 0
    return share(amount, before + part, whole) - share(amount, before, whole)


def _entered_again(
    entries: dict[tuple[str, int], Counter[date]],
    symbol: str,
    leg: Leg,
    sold: date,
    acquired: date,
) -> bool:
    days = entries[symbol, leg.account]
    near = (sold + timedelta(days=n) for n in range(-WASH_DAYS, WASH_DAYS + 1))
    own = abs((sold - acquired).days) <= WASH_DAYS
    return sum(days[day] for day in near) > own


def _anniversary(day: date) -> date:
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return day.replace(year=day.year + 1, day=28)


def _day(posted: Posted) -> date:
    return exchange_time(from_iso(posted.row.traded_at)).date()


def _money(units: int) -> Decimal:
    return from_units(units, MONEY_DECIMALS)


def _cells(gain: Gain) -> tuple[str, ...]:
    return (
        escape(gain.symbol),
        gain.direction.value,
        plain(gain.quantity),
        gain.acquired.isoformat(),
        gain.sold.isoformat(),
        str(gain.holding_days),
        "long" if gain.is_long_term else "short",
        *(plain(amount) for amount in (gain.proceeds, gain.cost, gain.gain, gain.commission)),
        plain(gain.gain - gain.commission),
        gain.currency,
        "possible" if gain.wash_sale else "no",
        escape(gain.strategy),
        str(gain.lot),
        str(gain.txn),
    )
