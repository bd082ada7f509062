"""Tests of the universe as a file, of its filter and of the difference between two."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest

from rigd.core.errors import DataError, TamperError
from rigd.core.universe import Universe
from rigd.screener.criteria import Criteria
from rigd.screener.universe import (
    BLOCKLISTED,
    NO_DETAILS,
    Change,
    Known,
    decode,
    detail_fields,
    details_of,
    diff,
    encode,
    select,
)
from tests.factories import settings
from tests.fakes.providers import listing, whole

CRITERIA = Criteria.of(settings())
KNOWN = {
    "A": Known(whole(), "one"),
    "B": Known(listing("50"), "two"),
    "C": Known(whole("1"), "one"),
    "D": Known(whole(), "one"),
}


def published(known=None, blocked=("D",), stamp: str = "s1") -> bytes:
    known = KNOWN if known is None else known
    members, rejected = select([*known, "E"], blocked, known, CRITERIA)
    return encode(
        stamp=stamp,
        origin="s0",
        built_at=datetime(2014, 3, 28, 21, 0, 0, 5, tzinfo=UTC),
        day=date(2014, 3, 29),
        dated=date(2014, 3, 28),
        criteria=CRITERIA.as_texts(),
        members=members,
        rejected=rejected,
    )


def test_every_symbol_is_a_member_or_has_a_reason() -> None:
    """The blocklist comes first, then what nobody knows, then the thresholds."""
    members, rejected = select(["E", *KNOWN], ["D", "Z"], KNOWN, CRITERIA)
    assert list(members) == ["A", "B"]
    assert rejected == {"C": "price_below_min", "D": BLOCKLISTED, "E": NO_DETAILS}
    assert members["A"].warned == ()
    assert members["B"].warned == ("missing_market_cap", "missing_pe", "missing_debt_equity")


def test_a_published_universe_is_read_back() -> None:
    """Every value comes back, and the same values give the same bytes."""
    content = published()
    found = decode(content)
    members, rejected = select(["E", *KNOWN], ["D"], KNOWN, CRITERIA)
    assert found == Universe(
        version=json.loads(content)["version"],
        stamp="s1",
        origin="s0",
        built_at=datetime(2014, 3, 28, 21, 0, 0, 5, tzinfo=UTC),
        day=date(2014, 3, 29),
        dated=date(2014, 3, 28),
        criteria=CRITERIA.as_texts(),
        members=members,
        rejected=rejected,
    )
    assert published() == content
    assert published(stamp="s2") != content


def test_an_empty_universe_is_one() -> None:
    """When nothing passes, that is published too."""
    found = decode(published({}, ()))
    assert dict(found.members) == {}
    assert dict(found.rejected) == {"E": NO_DETAILS}


def test_each_member_stands_on_its_own_line() -> None:
    """People and diff tools read it; the file is plain JSON."""
    lines = published().decode().splitlines()
    assert sum(line.startswith('{"symbol": ') for line in lines) == 2
    fields = json.loads(published())
    assert [row["symbol"] for row in fields["symbols"]] == ["A", "B"]
    assert fields["counts"] == {"members": 2, "rejected": 3}
    assert fields["symbols"][0]["price"] == "50"


@pytest.mark.parametrize(
    ("old", "new"), [(b'"50"', b'"51"'), (b'"D"', b'"F"'), (b"}\n", b"} \n"), (b"2014", b"2013")]
)
def test_a_changed_byte_is_found(old: bytes, new: bytes) -> None:
    """The version is a digest over all the rest."""
    content = published()
    assert old in content
    with pytest.raises((TamperError, DataError)):
        decode(content.replace(old, new, 1))


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"format": 2}', published()[:200], b"\xff"]
)
def test_anything_else_is_refused(content: bytes) -> None:
    """A file of another form is an error with a fix, never a traceback."""
    with pytest.raises(DataError, match="what rigd published") as caught:
        decode(content)
    assert caught.value.fix == "rigd universe build"


def test_unknown_numbers_are_left_out_of_the_file() -> None:
    """What is not known is not zero."""
    assert detail_fields(listing("12.50")) == {"price": "12.5", "average_volume": 1e6}
    for details in (whole(), listing(), listing("0.0001", None)):
        assert details_of(json.loads(json.dumps(detail_fields(details)))) == details


def test_the_difference_names_each_symbol_and_why() -> None:
    """Added, removed and changed members, with the rule or the numbers."""
    old = decode(published())
    later = {
        "A": Known(whole("55", market_cap=6e9), "one"),
        "B": Known(listing("1"), "two"),
        "C": Known(whole("60"), "one"),
        "F": Known(whole(), "one"),
    }
    new = decode(published(later, (), "s2"))
    found = diff(old, new)
    assert found.added == (
        Change("added", "C", "was price_below_min"),
        Change("added", "F", "was not_listed"),
    )
    assert found.removed == (Change("removed", "B", "price_below_min"),)
    assert found.changed == (Change("changed", "A", "price 50 → 55, market_cap 5e+09 → 6e+09"),)
    assert diff(old, old) == ((), (), ())


def test_a_symbol_that_is_listed_no_more_is_removed() -> None:
    """It has no rule of its own in the new universe."""
    old, new = decode(published()), decode(published({"A": KNOWN["A"]}, (), "s2"))
    assert diff(old, new).removed == (Change("removed", "B", "not_listed"),)
