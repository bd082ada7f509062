from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.core.errors import ConfigError
from rigd.hosts.request import MAX_SPEED, SessionRequest

FULL = SessionRequest(
    data="/data/bars",
    day=date(2013, 10, 7),
    symbols=("SPY", "BRK.B"),
    bar_stamp="end",
    overrides=(("WEIGHTS", "0.5,0.5"), ("MAX_TRADES", "2")),
    speed=60.0,
    universe="ab12",
)

WORDS = st.text(st.characters(codec="utf-8"), max_size=20)


def test_a_request_survives_its_text() -> None:
    """What travels as a notebook parameter comes back equal; the keys are sorted."""
    for request in (SessionRequest(), FULL):
        assert SessionRequest.from_json(request.to_json()) == request
        held = json.loads(request.to_json())
        assert list(held) == sorted(held)
    assert json.loads(FULL.to_json())["day"] == "2013-10-07"


@given(
    st.builds(
        SessionRequest,
        data=WORDS,
        day=st.just(date(2013, 10, 7)),
        symbols=st.lists(st.sampled_from(["A", "B.C", "SPY"]), min_size=1, unique=True).map(tuple),
        overrides=st.lists(st.tuples(WORDS, WORDS), max_size=3).map(tuple),
        speed=st.floats(0, MAX_SPEED),
    )
)
def test_every_request_survives_its_text(request) -> None:
    """Odd characters in a folder or a value change nothing."""
    assert SessionRequest.from_json(request.to_json()) == request


def test_fields_that_a_later_version_adds_do_not_matter() -> None:
    """The stored request carries the profile as well."""
    held = json.loads(FULL.to_json()) | {"profile": "TEST"}
    assert SessionRequest.from_json(json.dumps(held)) == FULL


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"symbols": ("spy",)}, "symbol"),
        ({"symbols": ("SPY", "SPY")}, "once each"),
        ({"symbols": ("../SPY",)}, "symbol"),
        ({"bar_stamp": "middle"}, "'start' or 'end'"),
        ({"speed": -1.0}, "speed must be 0"),
        ({"speed": float("nan")}, "speed must be 0"),
        ({"speed": MAX_SPEED + 1}, "speed must be 0"),
        ({"data": "x", "day": None}, "must name its day and its symbols"),
        ({"data": "x", "symbols": (), "universe": ""}, "must name its day and its symbols"),
    ],
)
def test_a_malformed_request_does_not_exist(changed, words) -> None:
    """Each rule has its message."""
    values = {name: getattr(FULL, name) for name in FULL.__slots__} | changed
    with pytest.raises(ConfigError, match=words):
        SessionRequest(**values)


@pytest.mark.parametrize(
    "text", ["", "{", "null", "3", "[]", "{}", '{"day": 5}', FULL.to_json().replace("2013-10", "x")]
)
def test_a_text_that_rigd_did_not_write_is_refused(text) -> None:
    """A broken request.json or parameter is a ConfigError and nothing else."""
    with pytest.raises(ConfigError, match="must be what rigd wrote"):
        SessionRequest.from_json(text)


def test_a_universe_stands_for_the_symbols() -> None:
    """A session on bar files names symbols, or the universe that they come from."""
    request = SessionRequest(data="x", day=date(2014, 6, 5), universe="latest")
    assert request.command_line() == "rigd session --data x --date 2014-06-05 --universe latest"


def test_a_request_of_before_the_universe_is_read() -> None:
    """A stored request without the field names none."""
    held = json.loads(FULL.to_json())
    del held["universe"]
    assert SessionRequest.from_json(json.dumps(held)).universe == ""
