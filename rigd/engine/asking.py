"""Entries that wait for an operator: TRADE_CONFIRMATION_REQUIRED of SPEC §6.

Everything that filters and risk ask is asked twice: before the question, and again at a yes, with
the marks of that minute. What nobody answers, what a crash cut off and what its window outlived is
never sent: the safe answer is no.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

ASKED = "trade_confirmation_asked"
CONFIRMATION = "trade_confirmation"
"""Rules of the rows of a candidate: the question, and what came of it."""

WAITS_S = 60
"""How long a question can be answered [s of the wall clock]."""


class Reply(StrEnum):
    """What came of a question."""

    WAITS = "waits"
    YES = "confirmed"
    NO = "declined"
    LATE = "not_confirmed_in_time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """An entry that would be sent now.

    Parameters
    ----------
    number
        Its name, the same for the same signal of a session.
    strategy, symbol, side
        Of whom, and what would be done.
    qty, price
        How many shares, and at which mark [shares, currency/share].
    """

    number: str
    strategy: str
    symbol: str
    side: str
    qty: Decimal
    price: Decimal


class Operator(Protocol):
    """Somebody who can be asked."""

    def ask(self, question: Question) -> bool:
        """Put a question; False when it could not be."""
        ...

    def reply(self, number: str) -> Reply:
        """Return what came of a question so far."""
        ...

    def settle(self, number: str) -> None:
        """Take a question back, answered or not."""
        ...
