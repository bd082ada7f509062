"""From an event to the row of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rigd.ledger import entries
from rigd.ledger.posting import Execution
from rigd.ledger.sealing import Sealer
from tests.ledger.books import ACCOUNT

TEXT = st.text().filter(str.isprintable)
NUMBER = st.integers(0, 2**50)
SIGN = st.sampled_from([1, -1])


def legs_of(*amounts, lots=1):
    return [
        (7, number, 1030, "USD", amount, 3 if number <= lots else 0, 9)
        for number, amount in enumerate(amounts, start=1)
    ]


@given(
    st.lists(TEXT, min_size=4, max_size=4),
    st.lists(NUMBER, min_size=4, max_size=4),
    SIGN,
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=6),
    st.integers(0, 2),
)
def test_a_row_is_what_the_plain_functions_say(texts, numbers, sign, amounts, lots):
    """FITID and hash, written by hand for speed, are those that `entries` computes."""
    key, because, symbol, strategy = texts
    size, price, notional, fee = numbers
    at = "2013-10-07T13:30:00Z"
    fact = Execution(
        "buy", at, at, key, because, symbol, sign, size, price, notional, fee, strategy
    )
    legs = legs_of(*amounts, lots=lots)
    row = Sealer(ACCOUNT).seal("f" * 64, 7, fact, legs, 5)
    *body, digest = row
    fitid = entries.fitid(
        broker="SIM",
        account_id="SIM01",
        external_id=key,
        event=f"buy/{because}" if because else "buy",
        symbol=symbol,
        at=at,
        amount=-sign * notional - fee,
        quantity=sign * size,
        price=price,
        currency="USD",
    )
    own = (7, fitid, "buy", at, at, key, because, symbol, sign * size, price)
    told = (*own, -sign * notional - fee, fee, "USD", strategy, 5, len(legs))
    slots = entries.slots_of(legs)
    assert tuple(body) == (*told, *slots)
    apart = entries.literal([leg[1:] for leg in legs]) if slots == entries.NO_SLOTS else ""
    assert (apart != "") == (len(legs) > 4 or lots > 1)
    assert digest == entries.seal("f" * 64, entries.literal(body), apart)
