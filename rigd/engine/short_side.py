"""How a short signal is taken: what is bought or sold for it (SPEC §3, "Short side").

ShortSell sells the symbol itself. InverseETF buys the fund that the versioned table names: the
pool, the signal and the filters are the symbol's own; reference price, limits, size, exit levels,
marks and time exit are the fund's, long side. So mid's VWAP touch is a touch of the fund's VWAP. A
symbol without a fund, and a fund without bars, gives way to the next candidate; nothing is decided
on a minute in which the fund has no bar. LongPut needs a broker with options.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from rigd.config.choices import ShortType
from rigd.core.money import plain
from rigd.core.values import Candidate, Direction, Verdict

if TYPE_CHECKING:
    from rigd.engine.desk import Desk

MAPPING = "mapping"
LONG_PUT = "long_put"


class Instrument(NamedTuple):
    """What a candidate would trade: itself, or another symbol with the verdict that says so."""

    candidate: Candidate
    verdict: Verdict | None = None


def instrument_of(desk: Desk, candidate: Candidate) -> Instrument | Verdict:
    """Return what a signal would trade, or why nothing can be traded for it.

    Parameters
    ----------
    desk
        The session's desk.
    candidate
        The signal.

    Returns
    -------
    Instrument or Verdict
        A verdict is always a no: ``no_mapping``, ``not_in_feed``, ``no_bar_now`` or
        ``options_unsupported``. A signal that needs no other instrument is returned as it is; also
        a short of a strategy that takes none, which risk then blocks with its reason.
    """
    if candidate.direction is Direction.LONG:
        return Instrument(candidate)
    how = desk.settings.strategy(candidate.strategy).short_type
    if how is ShortType.INVERSE_ETF:
        return _inverse(desk, candidate)
    if how is ShortType.LONG_PUT and not desk.broker.capabilities.options:
        return _no(LONG_PUT, "options_unsupported", f"{desk.broker.name} has no options")
    return Instrument(candidate)


def _inverse(desk: Desk, candidate: Candidate) -> Instrument | Verdict:
    table, symbol = desk.inverse_etfs, candidate.symbol
    fund = table.of(symbol)
    if not fund:
        return _no(MAPPING, "no_mapping", f"{symbol} has no inverse ETF in {table.name}")
    if fund not in desk.feed.symbols:
        return _no(MAPPING, "not_in_feed", f"{fund}, the inverse of {symbol}, has no bars")
    bars = desk.bars.get(fund)
    if not bars or bars[-1].minute != candidate.minute:
        text = f"{fund}, the inverse of {symbol}, has no bar at minute {candidate.minute}"
        return _no(MAPPING, "no_bar_now", text)
    price = desk.mark(fund)
    text = f"short {symbol} is long {fund} at {plain(price)}, {table.name}"
    return Instrument(
        replace(candidate, symbol=fund, direction=Direction.LONG, reference_price=price),
        Verdict(allow=True, rule=MAPPING, reason="mapped", measured=text),
    )


def _no(rule: str, reason: str, measured: str) -> Verdict:
    return Verdict(allow=False, rule=rule, reason=reason, measured=measured)
