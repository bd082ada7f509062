"""Identity, sides, bars, windows, candidates and verdicts."""

from __future__ import annotations

import math
import re
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.core.errors import ConfigError, LogicError
from rigd.core.values import (
    STRATEGIES,
    Bar,
    BotIdentity,
    Candidate,
    Direction,
    ExitReason,
    MarketSlice,
    PoolEntry,
    Profile,
    Reading,
    Reference,
    SelfCheck,
    SessionDay,
    Side,
    Verdict,
    Window,
    require_symbol,
)

if TYPE_CHECKING:
    from enum import StrEnum

OPEN = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)
CLOSE = datetime(2024, 3, 4, 21, 0, tzinfo=UTC)
IDENTITY = BotIdentity(entity_code="RIGD", jurisdiction_code="USA", broker_code="SIM", bot_id="01")
SESSION = SessionDay(day=date(2024, 3, 4), open=OPEN, close=CLOSE, minutes=390, half_day=False)
WINDOW = Window(strategy="open", start=0, analysis_end=15, breakout_end=30, end=60, exit_minute=60)
BAR = Bar(0, 100.0, 101.0, 99.0, 100.5, 1000.0)
CANDIDATE = Candidate(
    strategy="open",
    symbol="SPY",
    direction=Direction.LONG,
    minute=23,
    pool_rank=1,
    fallback_level=0,
    reference_price=Decimal(100),
)
VERDICT = Verdict(allow=True, rule="adx", reason="ok")
VALUES: list[Any] = [
    IDENTITY,
    SESSION,
    WINDOW,
    CANDIDATE,
    VERDICT,
    MarketSlice(0, OPEN, {"SPY": BAR}),
    Reference(),
    SelfCheck(name="adx", passed=True, detail=""),
]


# side: adds to the position (+1) or takes from it (-1), opens risk or reduces it
@pytest.mark.parametrize(
    ("side", "sign", "opens"),
    [("buy", 1, True), ("sell", -1, False), ("sell_short", -1, True), ("buy_to_cover", 1, False)],
)
def test_side_knows_its_sign_and_whether_it_opens(side: str, sign: int, *, opens: bool) -> None:
    """Buying adds shares, selling takes them; buy and sell short open a position."""
    assert (Side(side).sign, Side(side).opens) == (sign, opens)


@pytest.mark.parametrize(
    ("direction", "sign", "entry", "exit_"),
    [("long", 1, "buy", "sell"), ("short", -1, "sell_short", "buy_to_cover")],
)
def test_direction_knows_its_sides(direction: str, sign: int, entry: str, exit_: str) -> None:
    """A long trade is bought and sold, a short one sold short and bought back."""
    found = Direction(direction)
    assert (found.sign, found.entry_side, found.exit_side) == (sign, entry, exit_)


@pytest.mark.parametrize("direction", list(Direction))
def test_entry_and_exit_of_a_trade_cancel_out(direction: Direction) -> None:
    """What the entry adds the exit takes away; the entry opens, the exit does not."""
    assert direction.entry_side.sign == direction.sign
    assert direction.entry_side.sign + direction.exit_side.sign == 0
    assert direction.entry_side.opens
    assert not direction.exit_side.opens


@pytest.mark.parametrize(
    ("choices", "texts"),
    [
        (Side, "buy sell sell_short buy_to_cover"),
        (Direction, "long short"),
        (ExitReason, "stop_loss target_hit timeout manual"),
        (Profile, "TEST PRODUCTION"),
    ],
)
def test_choices_are_those_of_the_documents(choices: type[StrEnum], texts: str) -> None:
    """The texts that files show (document 070) are these."""
    assert [choice.value for choice in choices] == texts.split()


def test_strategies_are_open_mid_and_close() -> None:
    """The documents name three strategies, in the order of the day."""
    assert STRATEGIES == ("open", "mid", "close")


@pytest.mark.parametrize("text", ["A", "SPY", "BRK.B", "BF-B", "X1", "ABCDEFGHIJKL"])
def test_exchange_symbol_is_accepted(text: str) -> None:
    """1-12 capitals, digits, points and dashes that begin with a letter are a symbol."""
    assert require_symbol(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "spy",
        "1A",
        ".A",
        "-A",
        "SPY ",
        " SPY",
        "SPY\n",
        "A/B",
        "../A",
        "ABCDEFGHIJKLM",
        "ÄB",
        "A²",
    ],
)
def test_text_that_is_no_symbol_is_refused(text: str) -> None:
    """Anything else is refused, so that no symbol can name a path or break a line."""
    with pytest.raises(ConfigError, match=re.escape(f"was {text!r}")):
        require_symbol(text)


def test_identity_is_written_with_underscores() -> None:
    """The identity reads ENTITY_JURISDICTION_BROKER_ID (SPEC §1)."""
    assert str(IDENTITY) == "RIGD_USA_SIM_01"


@given(
    codes=st.lists(st.from_regex(r"[A-Z0-9]{2,12}", fullmatch=True), min_size=3, max_size=3),
    bot_id=st.from_regex(r"[A-Z0-9]{1,8}", fullmatch=True),
)
def test_identity_can_be_taken_apart_again(codes: list[str], bot_id: str) -> None:
    """No part holds an underscore, so the text names the four parts."""
    entity, jurisdiction, broker = codes
    identity = BotIdentity(
        entity_code=entity, jurisdiction_code=jurisdiction, broker_code=broker, bot_id=bot_id
    )
    assert str(identity).split("_") == [*codes, bot_id]


@pytest.mark.parametrize(
    ("part", "text"),
    [
        *product(
            ("entity_code", "jurisdiction_code", "broker_code"),
            ("", "A", "ABCDEFGHIJKLM", "rigd", "A_B", "A/B", "..", "AB\n", "A B", "ÄÄ"),
        ),
        *product(["bot_id"], ("", "123456789", "a", "0_1", "0/1", "01\n", "²")),
    ],
)
def test_identity_with_an_odd_part_is_refused(part: str, text: str) -> None:
    """A part of another form is named in capitals, with what was found."""
    with pytest.raises(ConfigError, match=f"^{part.upper()} must be .*{re.escape(repr(text))}$"):
        replace(IDENTITY, **{part: text})


@pytest.mark.parametrize(
    "instant", [OPEN.replace(tzinfo=None), OPEN.astimezone(ZoneInfo("America/New_York"))]
)
def test_session_and_slice_speak_utc(instant: datetime) -> None:
    """Open, close and the start of a minute are UTC or do not exist."""
    with pytest.raises(LogicError, match="must be aware and in UTC"):
        replace(SESSION, open=instant)
    with pytest.raises(LogicError, match="must be aware and in UTC"):
        replace(SESSION, close=instant + timedelta(hours=5))
    with pytest.raises(LogicError, match="must be aware and in UTC"):
        MarketSlice(0, instant, {})


@pytest.mark.parametrize("close", [OPEN, OPEN - timedelta(minutes=1)])
def test_session_that_does_not_open_before_it_closes_is_refused(close: datetime) -> None:
    """A session has a length."""
    with pytest.raises(LogicError, match="must open before it closes"):
        replace(SESSION, close=close)


@pytest.mark.parametrize(
    ("start", "analysis_end", "breakout_end", "end"),
    [(0, 1, 2, 2), (0, 15, 30, 60), (330, 350, 360, 388)],
)
def test_window_runs_through_its_three_parts(
    start: int, analysis_end: int, breakout_end: int, end: int
) -> None:
    """Analysis and breakout have a length; monitoring may be empty."""
    window = replace(
        WINDOW, start=start, analysis_end=analysis_end, breakout_end=breakout_end, end=end
    )
    assert (window.start, window.end) == (start, end)


@pytest.mark.parametrize(
    ("start", "analysis_end", "breakout_end", "end"),
    [
        (-1, 15, 30, 60),
        (15, 15, 30, 60),
        (16, 15, 30, 60),
        (0, 30, 30, 60),
        (0, 31, 30, 60),
        (0, 15, 30, 29),
    ],
)
def test_window_out_of_order_is_refused(
    start: int, analysis_end: int, breakout_end: int, end: int
) -> None:
    """A window before the open or with an empty or reversed part does not exist."""
    with pytest.raises(LogicError, match="must run start < analysis < breakout <= end"):
        replace(WINDOW, start=start, analysis_end=analysis_end, breakout_end=breakout_end, end=end)


@pytest.mark.parametrize("answer", [None, 1, 0, "", "yes", "True", 1.0, [], object()])
def test_verdict_beside_true_and_false_is_refused(answer: Any) -> None:
    """A filter answers True or False and nothing that merely counts as such (document 050)."""
    with pytest.raises(LogicError, match=r"must be True or False, was .* from adx"):
        Verdict(allow=answer, rule="adx", reason="ok")


@pytest.mark.parametrize("answer", [True, False])
def test_verdict_keeps_its_answer(*, answer: bool) -> None:
    """True allows, False blocks."""
    assert replace(VERDICT, allow=answer).allow is answer


def test_tuples_are_unpacked_in_the_documented_order() -> None:
    """Bars, pool entries and readings are tuples with these fields in this order."""
    assert Bar._fields == ("minute", "open", "high", "low", "close", "volume")
    assert PoolEntry._fields == ("symbol", "score", "rank")
    assert Reading._fields == ("value", "dated")


def test_unknown_reference_is_none() -> None:
    """What is not known of a symbol is None, never zero."""
    found = Reference()
    assert (found.previous_close, found.previous_volume, found.market_cap) == (None, None, None)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_value_cannot_be_changed(value: object) -> None:
    """No field of a value can be set, and none added."""
    for name in type(value).__slots__:  # type: ignore[attr-defined]
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, None)
    assert not hasattr(value, "__dict__")


@pytest.mark.parametrize(
    ("changes", "sound"),
    [
        ({}, True),
        ({"volume": 0.0}, True),
        ({"close": math.nan}, False),
        ({"volume": math.nan}, False),
        ({"high": math.inf}, False),
        ({"low": 0.0}, False),
        ({"low": -1.0}, False),
        ({"low": 12.0, "high": 9.0}, False),
        ({"open": 13.0}, False),
        ({"close": 8.0}, False),
    ],
)
def test_a_bar_is_sound_when_it_may_be_traded_on(changes: dict[str, float], *, sound: bool) -> None:
    """M20: finite, positive, open and close between low and high; a NaN anywhere is not sound."""
    bar = Bar(0, 10.0, 12.0, 9.0, 11.0, 100.0)
    assert bar._replace(**changes).sound is sound
