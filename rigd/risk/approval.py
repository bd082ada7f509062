"""Approval: all limits in a fixed order, then the size. Any failure of a check blocks.

Blocked candidates are asked again on the next bar; only the last door and the broker turn a symbol
away for the whole window (SPEC §3a.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from rigd.core.errors import LogicError
from rigd.core.money import plain
from rigd.core.values import Verdict
from rigd.risk.defense import limits_in_force
from rigd.risk.limits import MISSING, RULES
from rigd.risk.sizing import RULE as SIZING
from rigd.risk.sizing import Size, size_of

if TYPE_CHECKING:
    from rigd.config.schema import Settings
    from rigd.core.values import Candidate
    from rigd.risk.view import RiskView

CHECK_FAILED = "check_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A candidate that may become an order.

    Parameters
    ----------
    qty
        [shares].
    notional
        At the reference price [currency].
    verdict_id
        Names this approval in the order's intent: ``strategy:symbol:minute:rank``.
    verdicts
        Every rule's answer, in order; the last one is the size.
    """

    qty: Decimal
    notional: Decimal
    verdict_id: str
    verdicts: tuple[Verdict, ...]

    def __post_init__(self) -> None:
        if not (self.verdicts and all(verdict.allow for verdict in self.verdicts)):
            msg = f"an approval must rest on yeses alone, had {self.verdicts}"
            raise LogicError(msg)

    @property
    def verdict(self) -> Verdict:
        """The last answer, with the size."""
        return self.verdicts[-1]

    @property
    def warnings(self) -> tuple[Verdict, ...]:
        """The yeses given for want of data; each is counted and shown."""
        return tuple(verdict for verdict in self.verdicts if verdict.reason in MISSING)


def verdict_id(candidate: Candidate) -> str:
    """Return the deterministic id of the verdict on a candidate, such as ``open:SPY:23:1``."""
    parts = (candidate.strategy, candidate.symbol, candidate.minute, candidate.pool_rank)
    return ":".join(map(str, parts))


def approve(candidate: Candidate, view: RiskView, settings: Settings) -> Approval | Verdict:
    """Return the approval of a candidate with its size, or the first no.

    Parameters
    ----------
    candidate
        The signal, allowed by the filters.
    view
        The session as it is now.
    settings
        The session's settings; compressed while `view.defense`.

    Returns
    -------
    Approval or Verdict
        A verdict is always a no. A check that fails to answer is a no with the reason
        ``check_failed`` (FAULTS §3.7: risk checks always fail closed).

    Raises
    ------
    MemoryError
        Passed through: the process is exhausted.
    """
    answered: list[Verdict] = []
    asked = "limits"
    try:
        limits = limits_in_force(settings, defense=view.defense)
        for rule in RULES:
            asked = rule.__name__
            verdict = rule(candidate, view, limits)
            if not verdict.allow:
                return verdict
            answered.append(verdict)
        asked = SIZING
        size = size_of(candidate, view, limits)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a risk check that fails blocks, whatever it was
        measured = f"{type(error).__name__}: {error}"
        return Verdict(allow=False, rule=asked, reason=CHECK_FAILED, measured=measured)
    if isinstance(size, Verdict):
        return size
    return Approval(
        qty=size.qty,
        notional=size.notional,
        verdict_id=verdict_id(candidate),
        verdicts=(*answered, _sized(size, candidate)),
    )


def _sized(size: Size, candidate: Candidate) -> Verdict:
    price = plain(candidate.reference_price)
    measured = f"{plain(size.qty)} at {price} = {plain(size.notional)} of {plain(size.slice_)}"
    return Verdict(allow=True, rule=SIZING, reason="ok", measured=measured)
