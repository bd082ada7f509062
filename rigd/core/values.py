"""Values that every layer speaks: identity, bars, slices, windows, candidates, verdicts."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from rigd.core.clock import require_utc
from rigd.core.errors import ConfigError, LogicError

STRATEGIES = ("open", "mid", "close")
"""The names of the documents; STRATEGY_SEQUENCE orders them."""

FAILED_OPEN = "failed_open"
FAILED_CLOSED = "failed_closed"
"""What a filter that failed is marked with: the candidate passed, or was blocked."""

WARNED = frozenset({
    FAILED_OPEN,
    FAILED_CLOSED,
    "missing_volume",
    "missing_gap",
    "missing_market_cap",
    "missing_fundamentals",
    "no_vix",
    "no_imbalance",
    "no_quote",
    "no_volatility",
})
"""Reasons of an answer that was given for want of data or by a failure: a warning, and counted."""

_CODE = re.compile(r"[A-Z0-9]{2,12}\Z")
_BOT_ID = re.compile(r"[A-Z0-9]{1,8}\Z")
_SYMBOL = re.compile(r"[A-Z][A-Z0-9.\-]{0,11}\Z")


class Side(StrEnum):
    """The side of an order, in FIX terms."""

    BUY = "buy"
    SELL = "sell"
    SELL_SHORT = "sell_short"
    BUY_TO_COVER = "buy_to_cover"

    @property
    def sign(self) -> int:
        """+1 when it adds shares to the position, -1 when it takes them away."""
        return 1 if self in {Side.BUY, Side.BUY_TO_COVER} else -1

    @property
    def opens(self) -> bool:
        """Tell whether the order opens or grows a position (it increases risk)."""
        return self in {Side.BUY, Side.SELL_SHORT}


class Direction(StrEnum):
    """The side of a trade (document 070, field ``side``)."""

    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        """+1 for long, -1 for short."""
        return 1 if self is Direction.LONG else -1

    @property
    def entry_side(self) -> Side:
        """The order side that opens it."""
        return Side.BUY if self is Direction.LONG else Side.SELL_SHORT

    @property
    def exit_side(self) -> Side:
        """The order side that closes it."""
        return Side.SELL if self is Direction.LONG else Side.BUY_TO_COVER


class ExitReason(StrEnum):
    """Why a trade ended (document 070)."""

    STOP_LOSS = "stop_loss"
    TARGET_HIT = "target_hit"
    TIMEOUT = "timeout"
    MANUAL = "manual"


class Profile(StrEnum):
    """Where the bot's identity and secrets come from."""

    TEST = "TEST"
    PRODUCTION = "PRODUCTION"


def require_symbol(text: str) -> str:
    """Return an exchange symbol, or raise ConfigError when it is not one."""
    if not _SYMBOL.match(text):
        msg = f"symbol must be 1-12 of A-Z, 0-9, '.', '-' and begin with a letter, was {text!r}"
        raise ConfigError(msg)
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class BotIdentity:
    """Which bot this is: one bot, one broker account, one ledger, one output tree.

    Parameters
    ----------
    entity_code, jurisdiction_code, broker_code
        2-12 of A-Z and 0-9.
    bot_id
        1-8 of A-Z and 0-9.

    Raises
    ------
    ConfigError
        If a part has another form.
    """

    entity_code: str
    jurisdiction_code: str
    broker_code: str
    bot_id: str

    def __post_init__(self) -> None:
        for name in ("entity_code", "jurisdiction_code", "broker_code"):
            if not _CODE.match(getattr(self, name)):
                msg = f"{name.upper()} must be 2-12 of A-Z and 0-9, was {getattr(self, name)!r}"
                raise ConfigError(msg)
        if not _BOT_ID.match(self.bot_id):
            msg = f"BOT_ID must be 1-8 of A-Z and 0-9, was {self.bot_id!r}"
            raise ConfigError(msg)

    def __str__(self) -> str:
        """Return ``{ENTITY_CODE}_{JURISDICTION_CODE}_{BROKER_CODE}_{BOT_ID}``."""
        return f"{self.entity_code}_{self.jurisdiction_code}_{self.broker_code}_{self.bot_id}"


class Bar(NamedTuple):
    """One bar of regular trading.

    `minute` counts from the session's open: bar m covers [open + m, open + m + 1) minutes and is
    known only at its end. Prices [currency/share], volume [shares].
    """

    minute: int
    open: float
    high: float
    low: float
    close: float
    volume: float

    @property
    def sound(self) -> bool:
        """Tell whether it may be traded on: finite, positive, open and close between low and high.

        The comparisons are written so that a NaN is not sound.
        """
        _, opened, high, low, close, volume = self
        return (
            0.0 < low <= opened <= high < math.inf
            and low <= close <= high
            and 0.0 <= volume < math.inf
        )


@dataclass(frozen=True, slots=True)
class MarketSlice:
    """All bars of one minute.

    Parameters
    ----------
    minute
        Minutes since the session's open.
    start
        The start of the bars, UTC; they are known at start + 1 minute.
    bars
        One bar per symbol that traded in the minute, in the order of the symbols.
    """

    minute: int
    start: datetime
    bars: Mapping[str, Bar]

    def __post_init__(self) -> None:
        require_utc(self.start)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What is known of a symbol before the session opens; None where it is not known.

    Parameters
    ----------
    previous_close
        Last regular close before the day [currency/share].
    previous_volume
        The previous session's total, else the universe's average [shares].
    market_cap
        [USD].
    """

    previous_close: float | None = None
    previous_volume: float | None = None
    market_cap: float | None = None


class Reading(NamedTuple):
    """A dated number, such as a VIX close."""

    value: float
    dated: date


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDay:
    """One exchange session.

    Parameters
    ----------
    day
        The exchange date.
    open, close
        First and last instant of regular trading, UTC.
    minutes
        Length of the session [minutes]; 390, or 210 on a half day.
    half_day
        Whether the session closes early.
    """

    day: date
    open: datetime
    close: datetime
    minutes: int
    half_day: bool

    def __post_init__(self) -> None:
        require_utc(self.open)
        require_utc(self.close)
        if not self.open < self.close:
            msg = f"a session must open before it closes, was {self.open} and {self.close}"
            raise LogicError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A strategy's span of a session in whole minutes since the open (SPEC §3a).

    Analysis is ``start ≤ m < analysis_end``, breakout ``analysis_end ≤ m < breakout_end``,
    monitoring ``breakout_end ≤ m < end``; `exit_minute` is the minute at whose open the time exit
    acts, never later than two minutes before the close.
    """

    strategy: str
    start: int
    analysis_end: int
    breakout_end: int
    end: int
    exit_minute: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.analysis_end < self.breakout_end <= self.end:
            msg = f"a window must run start < analysis < breakout <= end, was {self}"
            raise LogicError(msg)


class PoolEntry(NamedTuple):
    """One symbol of a ranked pool; rank counts from 1."""

    symbol: str
    score: float
    rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A signal that asks to become a trade.

    Parameters
    ----------
    strategy, symbol, direction
        What, where and which way.
    minute
        The bar that carries the signal.
    pool_rank, fallback_level
        Rank in the pool from 1; how many better-ranked signals were turned down before it.
    reference_price
        The latest close [currency/share].
    """

    strategy: str
    symbol: str
    direction: Direction
    minute: int
    pool_rank: int
    fallback_level: int
    reference_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer of one filter or rule.

    Parameters
    ----------
    allow
        True or False, nothing else (document 050).
    rule
        The filter or rule that answers, such as ``adx`` or ``max_trades``.
    reason
        A code such as ``adx_above_threshold``; ``ok``, ``disabled`` or ``not_applicable`` when
        allowed.
    measured
        The numbers behind it, for people, such as ``ADX 26.31 > 25``.
    """

    allow: bool
    rule: str
    reason: str
    measured: str = ""

    def __post_init__(self) -> None:
        answer: object = self.allow
        if answer is not True and answer is not False:
            msg = f"a verdict must be True or False, was {answer!r} from {self.rule}"
            raise LogicError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCheck:
    """The answer of a part's ``self_check()`` at launch."""

    name: str
    passed: bool
    detail: str
