"""Tests of the blocklist of the universe: its lines and its file."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import ConfigError, DataError
from rigd.screener.blocklist import NAME, Blocked, add, parse, read, remove
from rigd.store.paths import Home
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2014, 3, 28, 21, 5, tzinfo=UTC)


def blocked(symbol: str = "TAN", reason: str = "ambiguous_ticker", provider: str = "f") -> Blocked:
    return Blocked(symbol=symbol, reason=reason, at=AT, provider=provider)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(Home(tmp_path))


def test_a_line_is_symbol_reason_utc_provider() -> None:
    """The form of SPEC §3, and it comes back equal."""
    assert blocked().line() == "TAN|ambiguous_ticker|2014-03-28T21:05:00Z|f"
    assert parse(b"TAN|ambiguous_ticker|2014-03-28T21:05:00Z|f\n") == {"TAN": blocked()}
    assert parse(b"") == {}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("TAN", "4 fields, has 1"),
        ("TAN|a|b|c|d", "4 fields, has 5"),
        ("tan|x|2014-03-28T21:05:00Z|f", "symbol must be"),
        ("TAN||2014-03-28T21:05:00Z|f", "reason must be"),
        ("TAN|x|2014-03-28T21:05:00Z| ", "provider must be"),
        ("TAN|x|yesterday|f", "yesterday"),
        ("TAN|x|2014-03-28T21:05:00|f", "zone"),
        ("", "4 fields, has 1"),
    ],
)
def test_a_malformed_line_refuses_the_file(line: str, words: str) -> None:
    """File and line are named; no line is skipped, for it would unblock a symbol."""
    content = f"{blocked('A').line()}\n{line}\n{blocked('B').line()}\n"
    with pytest.raises(DataError, match=rf"blocklist\.txt:2: .*{words}"):
        parse(content.encode())


def test_a_symbol_stands_there_once() -> None:
    """Two lines of one symbol are a problem, and all problems are shown at once."""
    line = blocked().line()
    with pytest.raises(DataError, match=r"(?s)txt:2: TAN stands there twice.*txt:3: a line must"):
        parse(f"{line}\n{line}\nx\n".encode())


@pytest.mark.parametrize("text", ["a|b", "a\nb", "", " a", "x" * 201])
def test_a_reason_that_would_break_the_line_is_refused(text: str) -> None:
    """Neither reason nor provider holds a bar or a line end."""
    with pytest.raises(ConfigError, match="reason must be"):
        blocked(reason=text)
    with pytest.raises(ConfigError, match="provider must be"):
        blocked(provider=text)


def test_what_is_listed_keeps_its_line(registry: Registry) -> None:
    """Adding twice changes nothing: the first reason and instant stay."""
    assert add(registry, [blocked("A"), blocked("B")]) == (blocked("A"), blocked("B"))
    before = registry.read(NAME)
    assert add(registry, [blocked("A", "another reason")]) == ()
    assert registry.read(NAME) == before
    assert list(read(registry)) == ["A", "B"]


def test_nothing_new_writes_nothing(registry: Registry) -> None:
    """An empty addition leaves no file behind."""
    assert add(registry, []) == ()
    assert not registry.path(NAME).exists()


def test_a_symbol_is_taken_off(registry: Registry) -> None:
    """Its line comes back, the others stay; one that is not listed is an error."""
    add(registry, [blocked("A"), blocked("B")])
    assert remove(registry, "A") == blocked("A")
    assert list(read(registry)) == ["B"]
    with pytest.raises(ConfigError, match="A is not"):
        remove(registry, "A")
