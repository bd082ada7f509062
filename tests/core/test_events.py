"""The journal's records and their text form.

``python -m tests.core.test_events`` writes the answer file `records.jsonl` anew. Do that only when
the journal's format is meant to change: journals written before are then no longer read.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from rigd.core import events
from rigd.core.emergencies import Emergency
from rigd.core.errors import DataError, LogicError
from rigd.core.events import (
    RECORD_TYPES,
    AlertRaised,
    BarsDropped,
    CancelIntent,
    CandidateJudged,
    Check,
    Command,
    CommandObeyed,
    DefenseChanged,
    EmergencyMet,
    Entry,
    ErrorCaptured,
    FillRecorded,
    NoteMade,
    OrderIntent,
    OrderUpdated,
    Outcome,
    PoolRanked,
    Reconciled,
    Record,
    RiskModeChanged,
    RiskTripped,
    SelfChecked,
    SessionClosed,
    SessionResumed,
    SessionStarted,
    SettingsChanged,
    SliceDone,
    Stage,
    StateChanged,
    TradeClosed,
    WindowClosed,
    WindowPlanned,
    from_fields,
    to_fields,
    to_text,
)
from rigd.core.lifecycle import BotState, RiskMode
from rigd.core.orders import ExecType, OrdStatus, OrdType, Purpose
from rigd.core.values import Direction, ExitReason, PoolEntry, Profile, Side

ANSWERS = Path(__file__).with_name("records.jsonl")
D = Decimal


def at(hour: int, minute: int) -> datetime:
    """Return an instant of the sample day."""
    return datetime(2013, 10, 7, hour, minute, tzinfo=UTC)


SAMPLES: tuple[Record, ...] = (
    SessionStarted(
        bot="RIGD_USA_SIM_01",
        day=date(2013, 10, 7),
        number=1,
        profile=Profile.TEST,
        test_mode=False,
        replay=True,
        broker="SIM",
        session_open=at(13, 30),
        session_close=at(20, 0),
        half_day=False,
        data_label="daily real, intraday synthetic",
        data_digest="aa",
        config_digest="bb",
        code_digest="cc",
        symbols=("IBM", "SPY"),
        strategies=("open", "mid", "close"),
        currency="USD",
        opening_cash=D("100000.000000"),
        float_amount=D("100000.00"),
        session_cap=D("2E+4"),
        settings=(("MAX_TRADES", "4"), ("WEIGHTS", "0.4,0.2,0.2,0.2")),
        limits=(("max_trades", "4"),),
    ),
    SessionResumed(epoch=2, after_seq=41),
    StateChanged(previous=BotState.IDLE, state=BotState.ANALYZING, reason="window open"),
    RiskModeChanged(mode=RiskMode.REDUCING, reason="broker suspended"),
    SelfChecked(name="adx", passed=True, detail="period 14"),
    BarsDropped(symbol="SPY", source="SPY.csv", kept=390, dropped=2),
    WindowPlanned(
        strategy="open",
        start=0,
        analysis_end=15,
        breakout_end=30,
        end=60,
        exit_minute=60,
        skipped="",
    ),
    PoolRanked(
        strategy="open",
        minute=15,
        pool=(PoolEntry("IBM", 0.02, 1), PoolEntry("SPY", -1.5e-07, 2)),
        skipped=(("BAC", "price_below_minimum"),),
    ),
    CandidateJudged(
        strategy="open",
        symbol="IBM",
        direction=Direction.LONG,
        minute=23,
        pool_rank=1,
        fallback_level=0,
        stage=Stage.ENHANCEMENT,
        outcome=Outcome.BLOCKED,
        rule="adx",
        reason="adx_above_threshold",
        measured="ADX 26.31 > 25",
    ),
    OrderIntent(
        cl_ord_id="RSVGEAY75TS5SHO4ASIV3E7KEZ7",
        replaces="",
        strategy="open",
        symbol="IBM",
        direction=Direction.SHORT,
        side=Side.BUY_TO_COVER,
        qty=D("12.500000"),
        ord_type=OrdType.STOP,
        limit_price=None,
        stop_price=D("185.1234567"),
        oco_group="G1",
        purpose=Purpose.STOP,
        signal_minute=24,
        reference_price=D("182.010000"),
        verdict_id="",
        exit_reason=ExitReason.STOP_LOSS,
        note="",
        epoch=1,
        pool_rank=2,
        fallback_level=1,
        checks=(Check(Stage.ENHANCEMENT, "adx", "ok", "ADX 20 ≤ 25"),),
        trail_fraction=D("0.015"),
        signal_symbol="QQQ",
    ),
    CancelIntent(cl_ord_id="RSVGEAY75TS5SHO4ASIV3E7KEZ7", reason="window over"),
    OrderUpdated(
        cl_ord_id="RSVGEAY75TS5SHO4ASIV3E7KEZ7",
        broker_order_id="7",
        status=OrdStatus.PARTIALLY_FILLED,
        cum_qty=D(5),
        in_doubt=False,
        evidence="execution",
        reason="",
    ),
    FillRecorded(
        broker="SIM",
        exec_key="7:5",
        exec_type=ExecType.TRADE,
        exec_ref_key="",
        cl_ord_id="RSVGEAY75TS5SHO4ASIV3E7KEZ7",
        broker_order_id="7",
        strategy="open",
        symbol="IBM",
        side=Side.SELL_SHORT,
        qty=D("5.000000"),
        price=D("182.005000"),
        commission=D("0.000000"),
        ts=at(13, 54),
        purpose=Purpose.ENTRY,
        anomaly="",
    ),
    TradeClosed(
        strategy="open",
        symbol="IBM",
        direction=Direction.SHORT,
        size=D("5.000000"),
        signal_time=at(13, 53),
        entry_time=at(13, 54),
        exit_time=at(14, 30),
        entry_price=D("182.005000"),
        exit_price=D("182.500000"),
        pnl=D("-2.475000"),
        commission=D(0),
        broker="SIM",
        exit_reason=ExitReason.TIMEOUT,
        error_code="",
    ),
    WindowClosed(strategy="open", minute=60, signals=3, entries=1),
    Reconciled(
        reason="start",
        missing_fills=0,
        foreign_orders=(),
        ghost_orders=("RQU5LYXFW76QFSR5Q4SMPEB7MIS",),
        position_differences=("IBM: ours -5, broker 0",),
        cash_difference=D("-0.01"),
        agreed=False,
    ),
    CommandObeyed(
        command=Command.KILL,
        source="control_kill.flag",
        signed=True,
        by="operator",
        why='"now" – é',
    ),
    SettingsChanged(
        minute=24,
        source="env/.env_bot.enc",
        changes=(("MAX_TRADES", "4", "1"), ("WEIGHTS", "0.4,0.2,0.2,0.2", "1")),
        config_digest="c" * 64,
        session_cap=D("2000.000000"),
        limits=(("max_trades", "1"),),
    ),
    RiskTripped(
        cause="daily_loss", detail="limit passed", day_pnl="-5000.01", limit=D("5000.000000")
    ),
    EmergencyMet(
        event=Emergency.DATA_DOWN,
        state=BotState.MONITORING,
        response="collared graceful close → stopped",
        detail="no bar of any symbol for 5 minutes",
    ),
    AlertRaised(critical=True, event="data down", text="no bar of any symbol for 5 minutes"),
    DefenseChanged(
        on=True,
        trigger="drawdown",
        detail="day's PnL -2600 passed half of 5000",
        limits=(("max_trades", "2"), ("total_allocation", "0.01")),
    ),
    ErrorCaptured(
        strategy="open",
        broker="SIM",
        error_type="BrokerError",
        error_code="ORDER_REJECTED",
        raw_exception="OrderRejected('no\nmoney')",
        context="submit",
        fatal=False,
    ),
    NoteMade(topic="vix", text="19.41 of 2013-10-04"),
    SliceDone(minute=24),
    SessionClosed(
        state=BotState.IDLE,
        status="CLOSED",
        exit_reason="end of session",
        exit_code=0,
        flat=True,
        trades=1,
        signals=3,
        realised_pnl=D("-2.475000"),
        closing_cash=D("99997.525000"),
    ),
)
KINDS = [type(sample).__name__ for sample in SAMPLES]

amounts = st.decimals(allow_nan=False, allow_infinity=False, places=6) | st.decimals(
    -(10**12), 10**12, allow_nan=False
)
numbers = st.floats(allow_nan=False, allow_infinity=False)
whole = st.integers(-(2**63), 2**63 - 1)
VALID: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=20),
    int: whole,
    bool: st.booleans(),
    float: numbers,
    Decimal: amounts,
    datetime: st.datetimes(timezones=st.just(UTC)),
    date: st.dates(),
    PoolEntry: st.builds(PoolEntry, st.text(max_size=8), numbers, whole),
    Check: st.builds(Check, st.sampled_from(Stage), *[st.text(max_size=8)] * 3),
}
MALFORMED: dict[Any, list[Any]] = {
    str: [1, 1.5, True, None, [], {}],
    int: ["1", 1.0, 1.5, True, None, []],
    bool: [0, 1, "true", "", None],
    Decimal: ["", "one", "NaN", "sNaN", "Infinity", "-Infinity", 1, 1.5, True, None, [0, [1], 0]],
    datetime: ["", "2013-10-07T13:30:00", "2013-10-07", "2013-13-07T13:30:00Z", 1, None],
    date: ["", "2013-02-30", "07.10.2013", 20131007, None],
    tuple[str, ...]: ["IBM", None, {}, [1], [None], [["IBM"]]],
    tuple[tuple[str, str], ...]: ["ab", None, ["ab"], [["a"]], [["a", "b", "c"]], [["a", 1]]],
    tuple[tuple[str, str, str], ...]: [
        None,
        ["abc"],
        [["a", "b"]],
        [["a", "b", "c", "d"]],
        [["a", "b", 1]],
    ],
    tuple[PoolEntry, ...]: [
        None,
        "IBM",
        ["IBM"],
        [["IBM", 0.5]],
        [["IBM", 0.5, 1, 1]],
        [[1, 0.5, 1]],
        [["IBM", "high", 1]],
        [["IBM", True, 1]],
        [["IBM", 0.5, 1.5]],
        [["IBM", 0.5, "1"]],
    ],
    tuple[Check, ...]: [
        None,
        "adx",
        ["adx"],
        [["risk", "adx", "ok"]],
        [["risk", "adx", "ok", "", ""]],
        [["nonsense", "adx", "ok", ""]],
        [["risk", 1, "ok", ""]],
        [["risk", "adx", None, ""]],
    ],
}


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Return every value that a field of the annotated type may hold."""
    arguments = typing.get_args(hint)
    if isinstance(hint, UnionType):
        return st.one_of(*map(values_of, arguments))
    if typing.get_origin(hint) is tuple:
        if arguments[-1] is Ellipsis:
            return st.lists(values_of(arguments[0]), max_size=3).map(tuple)
        return st.tuples(*map(values_of, arguments))
    if hint is NoneType:
        return st.none()
    if issubclass(hint, StrEnum):
        return st.sampled_from(list(hint))
    return VALID[hint]


def records_of(kind: str) -> st.SearchStrategy[Record]:
    """Return every record of a kind."""
    cls = RECORD_TYPES[kind]
    hints = typing.get_type_hints(cls)
    return st.builds(cls, **{field.name: values_of(hints[field.name]) for field in fields(kind)})


def malformed(hint: Any) -> list[Any]:
    """Return JSON values that a field of the annotated type must refuse."""
    if isinstance(hint, UnionType):
        (inner,) = set(typing.get_args(hint)) - {NoneType}
        return [value for value in malformed(inner) if value is not None]
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return ["", "nonsense", str(next(iter(hint))).swapcase(), 1, None, []]
    return MALFORMED[hint]


def fields(kind: str) -> tuple[dataclasses.Field[Any], ...]:
    """Return the fields of a kind, in order."""
    return dataclasses.fields(RECORD_TYPES[kind])


def refused(kind: str, values: dict[str, Any]) -> bool:
    """Tell whether the fields are refused as malformed."""
    try:
        from_fields(kind, values)
    except DataError as error:
        return str(error).startswith(f"journal record {kind} holds a malformed field: ")
    return False


def text_of(record: Record) -> str:
    """Return the record as one line of JSON."""
    return json.dumps(
        {"kind": type(record).__name__, "data": to_fields(record)}, separators=(",", ":")
    )


def sample_of(kind: str) -> Record:
    """Return the sample of a kind."""
    return SAMPLES[KINDS.index(kind)]


def test_every_kind_has_its_sample() -> None:
    """The registry knows the kinds of the samples, in this order, and no other."""
    assert list(RECORD_TYPES) == KINDS
    assert all(RECORD_TYPES[kind] is getattr(events, kind) for kind in KINDS)


def test_text_of_the_samples_is_the_stored_one() -> None:
    """The text form of every kind, order of fields included, is that of the answer file."""
    assert [text_of(sample) for sample in SAMPLES] == ANSWERS.read_text("utf-8").splitlines()


def test_stored_samples_are_still_read() -> None:
    """A journal that was written in the stored form is read as the same records."""
    stored = [json.loads(line) for line in ANSWERS.read_text("utf-8").splitlines()]
    assert tuple(from_fields(line["kind"], line["data"]) for line in stored) == SAMPLES


def test_fields_have_the_form_written_here_by_hand() -> None:
    """Enums are their text, amounts plain text, instants ISO with Z, tuples lists, None null."""
    assert json.dumps(to_fields(sample_of("OrderIntent"))) == (
        '{"cl_ord_id": "RSVGEAY75TS5SHO4ASIV3E7KEZ7", "replaces": "", "strategy": "open", '
        '"symbol": "IBM", "direction": "short", "side": "buy_to_cover", "qty": "12.5", '
        '"ord_type": "stop", "limit_price": null, "stop_price": "185.1234567", '
        '"oco_group": "G1", "purpose": "stop", "signal_minute": 24, "reference_price": "182.01", '
        '"verdict_id": "", "exit_reason": "stop_loss", "note": "", "epoch": 1, '
        '"pool_rank": 2, "fallback_level": 1, '
        '"checks": [["enhancement", "adx", "ok", "ADX 20 \\u2264 25"]], '
        '"trail_fraction": "0.015", "signal_symbol": "QQQ"}'
    )
    started = to_fields(sample_of("SessionStarted"))
    assert (started["day"], started["session_open"]) == ("2013-10-07", "2013-10-07T13:30:00Z")
    assert (started["opening_cash"], started["session_cap"]) == ("100000", "20000")
    assert started["settings"] == [["MAX_TRADES", "4"], ["WEIGHTS", "0.4,0.2,0.2,0.2"]]
    assert to_fields(sample_of("PoolRanked"))["pool"] == [["IBM", 0.02, 1], ["SPY", -1.5e-07, 2]]
    assert {type(value) for value in started.values()} == {str, int, bool, list}


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@hypothesis_settings(max_examples=25)
def test_record_survives_its_json_text(kind: str, data: st.DataObject) -> None:
    """Any record of any kind is equal, with equal types, after it was written and read."""
    record = data.draw(records_of(kind))
    held = json.loads(json.dumps(to_fields(record), allow_nan=False))
    back = from_fields(kind, held)
    assert back == record
    assert type(back) is type(record)
    for field in fields(kind):
        assert type(getattr(back, field.name)) is type(getattr(record, field.name)), field.name
    assert json.dumps(to_fields(back)) == json.dumps(held)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@hypothesis_settings(max_examples=25)
def test_text_is_what_the_json_library_writes(kind: str, data: st.DataObject) -> None:
    """The journal's own writer gives, byte for byte, what the library gives for the fields."""
    record = data.draw(records_of(kind))
    assert to_text(record) == json.dumps(to_fields(record), separators=(",", ":"))


@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf")])
def test_number_that_is_not_finite_is_never_written(score: float) -> None:
    """NaN and infinity are no JSON: a record that holds one is refused."""
    record = PoolRanked(strategy="open", minute=1, pool=(PoolEntry("IBM", score, 1),), skipped=())
    with pytest.raises(ValueError, match="must be finite"):
        to_text(record)


@pytest.mark.parametrize("kind", KINDS)
def test_malformed_field_is_refused(kind: str) -> None:
    """In every field of every kind a value of another type or form is an error in the data."""
    hints = typing.get_type_hints(RECORD_TYPES[kind])
    good = to_fields(sample_of(kind))
    taken = [
        (field.name, value)
        for field in fields(kind)
        for value in malformed(hints[field.name])
        if not refused(kind, good | {field.name: value})
    ]
    assert taken == []


@pytest.mark.parametrize("kind", KINDS)
def test_missing_or_foreign_field_is_refused(kind: str) -> None:
    """A record has exactly its own fields; the odd one is named."""
    good = to_fields(sample_of(kind))
    for name in good:
        less = {key: value for key, value in good.items() if key != name}
        with pytest.raises(DataError, match=rf"exactly its own fields; differing: \['{name}'\]"):
            from_fields(kind, less)
    with pytest.raises(DataError, match=r"exactly its own fields; differing: \['colour'\]"):
        from_fields(kind, good | {"colour": "red"})


@pytest.mark.parametrize("kind", ["", "Record", "Entry", "PoolEntry", "slicedone", "SliceDone "])
def test_unknown_kind_is_refused(kind: str) -> None:
    """A kind that is not in the registry is an error in the data, not a record."""
    with pytest.raises(DataError, match="known ones, was"):
        from_fields(kind, {"minute": 24})


def test_order_of_the_fields_read_does_not_matter() -> None:
    """A record is read the same from fields in another order."""
    good = to_fields(sample_of("FillRecorded"))
    assert from_fields("FillRecorded", dict(reversed(good.items()))) == sample_of("FillRecorded")


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_amount_that_is_not_finite_is_never_written(text: str) -> None:
    """What could not be read again is refused before it reaches the journal."""
    record = RiskTripped(cause="", detail="", day_pnl="", limit=D(text))
    for write in (to_fields, to_text):
        with pytest.raises(LogicError, match=f"must be finite, was {text}"):
            write(record)


def test_naive_instant_is_never_written() -> None:
    """A time without zone does not reach the journal."""
    record = dataclasses.replace(sample_of("FillRecorded"), ts=datetime(2013, 10, 7, 13, 54))  # type: ignore[call-arg]  # noqa: DTZ001 - it must be naive
    for write in (to_fields, to_text):
        with pytest.raises(LogicError, match="must be aware and in UTC"):
            write(record)


@pytest.mark.parametrize("value", [b"raw", ["IBM"], {"IBM"}, {}, object()])
def test_value_without_a_text_form_is_never_written(value: Any) -> None:
    """Bytes, lists, sets and objects are no journal values."""
    for write in (to_fields, to_text):
        with pytest.raises(TypeError, match="journal fields must be plain values, was"):
            write(NoteMade(topic="vix", text=value))


def test_whole_score_of_a_pool_is_read_as_a_float() -> None:
    """A score that a program gave as an integer comes back as the float that it stands for."""
    back = from_fields(
        "PoolRanked", {"strategy": "open", "minute": 1, "pool": [["IBM", 2, 1]], "skipped": []}
    )
    assert isinstance(back, PoolRanked)
    assert back.pool == (("IBM", 2.0, 1),)
    assert type(back.pool[0].score) is float


@pytest.mark.parametrize("kind", KINDS)
def test_record_cannot_be_changed(kind: str) -> None:
    """No field of a record can be set, none added, and equal records hash alike."""
    record = sample_of(kind)
    for field in fields(kind):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, field.name, None)
    assert not hasattr(record, "__dict__")
    assert hash(record) == hash(from_fields(kind, to_fields(record)))


def test_an_entry_tells_each_yes_that_it_rests_on() -> None:
    """The answers inside an intent read as rows of its candidate; other records have none."""
    intent, judged = sample_of("OrderIntent"), sample_of("CandidateJudged")
    (row,) = events.judgements(intent)
    assert (row.strategy, row.symbol, row.minute) == ("open", "QQQ", 24)
    assert (row.direction, row.pool_rank, row.fallback_level) == (Direction.SHORT, 2, 1)
    assert (row.stage, row.outcome, row.rule) == (Stage.ENHANCEMENT, Outcome.ALLOWED, "adx")
    assert (row.reason, row.measured) == ("ok", "ADX 20 ≤ 25")
    assert events.judgements(judged) == (judged,)
    assert events.judgements(sample_of("SliceDone")) == ()


def test_registry_cannot_be_changed() -> None:
    """A running program cannot add or replace a kind."""
    with pytest.raises(TypeError):
        RECORD_TYPES["SliceDone"] = NoteMade  # type: ignore[index]


def test_entry_is_number_time_record_and_hash() -> None:
    """An entry is unpacked in this order."""
    seq, stamp, record, digest = Entry(seq=1, at=at(13, 30), record=SliceDone(minute=0), hash="ab")
    assert (seq, stamp, record, digest) == (1, at(13, 30), SliceDone(minute=0), "ab")


@pytest.mark.parametrize(
    ("choices", "texts"),
    [
        (Stage, "strategy router enhancement risk broker"),
        (Outcome, "no_signal blocked rejected allowed"),
        (Command, "start stop kill shutdown"),
    ],
)
def test_choices_are_the_decided_ones(choices: type[StrEnum], texts: str) -> None:
    """Stages in the order of the pipeline; commands with the strongest last."""
    assert [choice.value for choice in choices] == texts.split()


if __name__ == "__main__":
    ANSWERS.write_text("".join(f"{text_of(sample)}\n" for sample in SAMPLES), encoding="utf-8")
