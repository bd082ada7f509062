"""Tests of the reader of KEY=VALUE lines."""

from __future__ import annotations

import pytest

from rigd.config.lines import ELSEWHERE, MAX_BYTES, decode, read_lines
from rigd.config.parse import KNOWN
from rigd.core.errors import ConfigError

KEYS = {"ALPHA": "alpha", "BETA": "beta"}


def test_values_and_lines() -> None:
    """Values come by attribute, lines by key; comments and blank lines count as lines."""
    found = read_lines("# x\nALPHA=1\n\nBETA= two words # y\n", source="f", known=KEYS)
    assert found.values == {"alpha": "1", "beta": "two words"}
    assert found.lines == {"ALPHA": 2, "BETA": 4}
    assert found.problems == []


def test_an_open_quote_does_not_swallow_the_next_line() -> None:
    """A quote that is not closed is an error of its own line alone."""
    found = read_lines('ALPHA="1\nBETA=2\nGAMMA="3\n', source="f", known=KEYS)
    assert found.values == {"beta": "2"}
    assert [line for line, _ in found.problems] == [1, 3]


def test_nothing_is_evaluated() -> None:
    """Dollar signs, backticks and braces stay as they are."""
    found = read_lines("ALPHA=${HOME}\nBETA=`id`$(id)\n", source="f", known=KEYS)
    assert found.values == {"alpha": "${HOME}", "beta": "`id`$(id)"}


def test_comments_may_hold_any_letters() -> None:
    """Comments are for people: letters outside ASCII are allowed there."""
    found = read_lines("ALPHA=1 # für große Werte ≤ 5\n", source="f", known=KEYS)
    assert (found.values, found.problems) == ({"alpha": "1"}, [])


def test_bytes_that_are_not_utf8_name_their_line() -> None:
    """A file in another encoding is refused at the line of the first foreign byte."""
    with pytest.raises(ConfigError) as caught:
        decode(b"ALPHA=1\nBETA=\xff\n", source="f")
    assert [str(problem) for problem in caught.value.problems] == [
        "f:2: must be UTF-8, found byte 0xff"
    ]
    assert caught.value.__cause__ is None


def test_too_many_bytes_are_refused_before_decoding() -> None:
    """The limit of 64 KB holds for bytes; the limit itself is allowed."""
    with pytest.raises(ConfigError, match="at most 65536 bytes, has 65537"):
        decode(b"\xff" * (MAX_BYTES + 1), source="f")
    assert len(decode(b"#" * MAX_BYTES, source="f")) == MAX_BYTES


def test_keys_that_live_elsewhere_are_no_settings() -> None:
    """The hint about another file is never given for a key of this one."""
    assert not set(ELSEWHERE) & set(KNOWN)


def test_suggestions_stop_after_eight() -> None:
    """A file full of unknown keys does not cost a search for each."""
    text = "".join(f"ALPHA{n}=1\n" for n in range(20))
    problems = read_lines(text, source="f", known=KEYS).problems
    assert sum("did you mean ALPHA?" in problem.message for _, problem in problems) == 8
