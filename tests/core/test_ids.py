"""Order ids against sums made by coreutils, and nonces."""

from __future__ import annotations

import itertools
import re
import string
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.core.ids import (
    ORDER_ID_LENGTH,
    SystemIds,
    client_order_id,
    is_kill_order,
    kill_order_id,
)

if TYPE_CHECKING:
    from rigd.core.ports import IdSource

SIGNAL: dict[str, Any] = {
    "bot": "RIGD_USA_SIM_01",
    "day": date(2024, 3, 4),
    "number": 1,
    "strategy": "open",
    "symbol": "SPY",
    "signal_minute": 23,
    "leg": "entry",
}
FORM = re.compile(r"R[A-Z2-7]{26}\Z")

parts = st.text(string.ascii_letters + string.digits + "_./-", max_size=20)


# printf '%s' "$1" | sha256sum | cut -c1-64 | xxd -r -p | base32 | tr -d '=\n' | cut -c1-26
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RIGD_USA_SIM_01|2024-03-04|1|open|SPY|23|entry", "RSVGEAY75TS5SHO4ASIV3E7KEZ7"),
        ("RIGD_USA_SIM_01|2024-03-04|1|open|SPY|23|exit", "RZX2GLT4VU764OUTIRSJDTS732Q"),
        ("RIGD_USA_SIM_01|2013-10-07|12|close|BRK.B|389|target/3", "RQU5LYXFW76QFSR5Q4SMPEB7MIS"),
    ],
)
def test_order_id_is_the_sum_of_coreutils(text: str, expected: str) -> None:
    """An order id is `R` and 26 characters of base32 over the SHA-256 of the signal (SPEC §10)."""
    bot, day, number, strategy, symbol, minute, leg = text.split("|")
    found = client_order_id(
        bot=bot,
        day=date.fromisoformat(day),
        number=int(number),
        strategy=strategy,
        symbol=symbol,
        signal_minute=int(minute),
        leg=leg,
    )
    assert found == expected


@given(
    bot=parts,
    day=st.dates(),
    number=st.integers(1, 99),
    strategy=parts,
    symbol=parts,
    signal_minute=st.integers(0, 389),
    leg=parts,
)
def test_order_id_fits_every_broker(**signal: Any) -> None:
    """Any signal gives 27 characters of A-Z and 2-7, short and plain enough for each broker."""
    found = client_order_id(**signal)
    assert FORM.match(found)
    assert len(found) == ORDER_ID_LENGTH == 27
    assert found == client_order_id(**signal)


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("bot", "RIGD_USA_SIM_02"),
        ("day", date(2024, 3, 5)),
        ("number", 2),
        ("strategy", "mid"),
        ("symbol", "SPX"),
        ("signal_minute", 24),
        ("leg", "stop/1"),
    ],
)
def test_order_id_changes_with_each_part_of_the_signal(part: str, other: object) -> None:
    """Two orders share an id only when they have the same signal and leg."""
    assert client_order_id(**SIGNAL) != client_order_id(**(SIGNAL | {part: other}))


def test_ids_of_a_year_are_distinct() -> None:
    """No two of 42 000 orders of one bot share an id."""
    found = {
        client_order_id(**(SIGNAL | {"signal_minute": minute, "symbol": symbol, "leg": leg}))
        for minute, symbol, leg in itertools.product(
            range(390), map(str, range(36)), ("entry", "stop/1", "target/1")
        )
    }
    assert len(found) == 390 * 36 * 3


def test_nonces_are_long_and_never_repeat() -> None:
    """A nonce is 32 hexadecimal digits; a thousand of them are a thousand."""
    ids: IdSource = SystemIds()
    found = [ids.nonce() for _ in range(1000)]
    assert len(set(found)) == 1000
    assert all(re.fullmatch(r"[0-9a-f]{32}", nonce) for nonce in found)
    # 128 random bits: each position takes each of the 16 digits within a thousand draws
    assert all(len({nonce[place] for nonce in found}) == 16 for place in range(32))


def test_a_kills_order_is_told_apart_from_every_signals() -> None:
    """Same length and alphabet, another first letter, and a new id for each attempt."""
    ids = {kill_order_id("RIGD_USA_SIM_01", symbol, nonce) for symbol in "AB" for nonce in "12"}
    assert len(ids) == 4
    for cl_ord_id in ids:
        assert re.fullmatch(r"K[A-Z2-7]{26}", cl_ord_id)
        assert is_kill_order(cl_ord_id)
    signal = client_order_id(
        bot="B",
        day=date(2024, 3, 4),
        number=1,
        strategy="open",
        symbol="A",
        signal_minute=1,
        leg="entry",
    )
    assert not is_kill_order(signal)
    assert not is_kill_order("KILLED-BY-HAND")
