"""The versioned table of inverse ETFs: what is accepted, what is refused, and how it changes."""

from __future__ import annotations

import json
from datetime import date

import pytest

from rigd.config.inverse_etfs import (
    FILE,
    KEPT,
    SHIPPED,
    InverseEtfs,
    change_inverse_etfs,
    keep_version,
    parse_inverse_etfs,
    read_inverse_etfs,
    text_of,
)
from rigd.core.errors import ConfigError
from tests.fakes.files import MemoryFiles

DAY = date(2026, 11, 30)
GOOD = {"version": 3, "dated": "2026-11-28", "pairs": {"SPY": "SH", "QQQ": "PSQ"}}


def content(**changes: object) -> bytes:
    return json.dumps(GOOD | changes).encode()


def parsed(text: bytes) -> InverseEtfs:
    return parse_inverse_etfs(text, source="env/inverse_etfs.json")


def files_with(**tables: bytes) -> MemoryFiles:
    files = MemoryFiles()
    for name, held in tables.items():
        files.replace(FILE if name == "own" else KEPT.format(version=name[1:]), held)
    return files


def test_a_table_is_read_as_it_stands() -> None:
    """Version, date and pairs; a symbol that is not there has no fund."""
    table = parsed(content())
    assert (table.version, table.dated) == (3, date(2026, 11, 28))
    assert table.pairs == (("QQQ", "PSQ"), ("SPY", "SH"))
    assert (table.of("SPY"), table.of("QQQ"), table.of("IBM")) == ("SH", "PSQ", "")
    assert table.name == "version 3 of 2026-11-28"
    assert parsed(text_of(table).encode()) == table


def test_the_shipped_table_is_valid_and_maps_the_large_funds() -> None:
    """It reads back from its own text; several symbols may share one fund."""
    assert parsed(text_of(SHIPPED).encode()) == SHIPPED
    assert SHIPPED.version == 1
    assert {SHIPPED.of(symbol) for symbol in ("SPY", "IVV", "VOO")} == {"SH"}
    assert SHIPPED.of("QQQ") == "PSQ"


def test_an_empty_table_maps_nothing() -> None:
    """Every short signal is then turned down."""
    assert parsed(content(pairs={})).pairs == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"SPY=SH", "must be JSON"),
        (b"[]", "must be an object with version, dated, pairs"),
        (b'"SPY"', "must be an object"),
        (content(versoin=4), "unknown field 'versoin'; the nearest is 'version'"),
        (b'{"version": 1, "version": 2, "dated": "2026-11-28", "pairs": {}}', "version is given"),
        (b'{"version": 1, "dated": "2026-11-28"}', "pairs is missing"),
        (content(version=0), "version must be a whole number from 1, was 0"),
        (content(version="3"), "version must be a whole number from 1, was '3'"),
        (content(version=True), "version must be a whole number from 1, was True"),
        (content(dated="28.11.2026"), "dated must be a day YYYY-MM-DD, was '28.11.2026'"),
        (content(dated=20261128), "dated must be a day YYYY-MM-DD"),
        (content(pairs=["SPY", "SH"]), "pairs must be an object of symbols"),
        (content(pairs={"SPY": 1}), "the inverse of SPY must be a symbol"),
        (content(pairs={"spy": "SH"}), "unknown symbol in 'spy': 'SH'"),
        (content(pairs={"SPY": ""}), "unknown symbol in 'SPY': ''"),
        (content(pairs={"SPY": "SPY"}), "SPY is mapped to itself"),
        (content(pairs={"SPY": "SH", "SH": "SPY"}), "SH, the inverse of SPY, must not be mapped"),
        (
            b'{"version": 1, "dated": "2026-11-28", "pairs": {"SPY": "SH", "SPY": "SDS"}}',
            "SPY is mapped twice",
        ),
    ],
)
def test_a_wrong_table_is_refused_with_the_reason(text: bytes, problem: str) -> None:
    """Unknown, duplicate and self mappings, and whatever is no table, name file and reason."""
    with pytest.raises(ConfigError) as caught:
        parsed(text)
    assert any(problem in str(each) for each in caught.value.problems), caught.value
    assert all(each.where == "env/inverse_etfs.json" for each in caught.value.problems)
    assert "env/inverse_etfs.json" in caught.value.fix


def test_every_problem_is_told_at_once() -> None:
    """A person corrects the file once."""
    with pytest.raises(ConfigError) as caught:
        parsed(content(pairs={"SPY": "SPY", "qqq": "PSQ", "IBM": "IBM"}))
    assert len(caught.value.problems) == 3


def test_a_home_without_a_table_has_the_shipped_one() -> None:
    """And one with a table has its own."""
    assert read_inverse_etfs(MemoryFiles()) == SHIPPED
    assert read_inverse_etfs(files_with(own=content())) == parsed(content())


def test_a_version_that_was_used_means_one_table_for_ever() -> None:
    """Pairs that change under the same number are refused; under the next one they are not."""
    files = files_with(own=content())
    keep_version(files, read_inverse_etfs(files))
    assert read_inverse_etfs(files).of("SPY") == "SH"
    files.replace(FILE, content(pairs={"SPY": "SDS"}))
    with pytest.raises(ConfigError, match="version 3 was used with other content") as caught:
        read_inverse_etfs(files)
    assert "next version" in caught.value.fix
    files.replace(FILE, content(pairs={"SPY": "SDS"}, version=4))
    assert read_inverse_etfs(files).of("SPY") == "SDS"


def test_a_kept_version_is_never_written_over() -> None:
    """Keeping another table under a number that was used changes nothing."""
    files = files_with(v3=content())
    keep_version(files, parsed(content(pairs={})))
    assert files.read(KEPT.format(version=3)) == content()


def test_a_change_makes_the_next_version_and_keeps_both() -> None:
    """Added, replaced and taken out; the file and the kept copies say so."""
    files = files_with(own=content())
    table = change_inverse_etfs(files, {"DIA": "DOG", "SPY": "SPXS", "QQQ": ""}, DAY)
    assert (table.version, table.dated) == (4, DAY)
    assert table.pairs == (("DIA", "DOG"), ("SPY", "SPXS"))
    assert read_inverse_etfs(files) == table
    kept = [KEPT.format(version=number) for number in (3, 4)]
    assert [parsed(files.read(name)).version for name in kept] == [3, 4]


def test_a_wrong_change_leaves_the_table_as_it_was() -> None:
    """A self mapping and a symbol that is not there are refused before anything is written."""
    files = files_with(own=content())
    before = dict(files.content)
    for changes, problem in (({"IBM": "IBM"}, "mapped to itself"), ({"XYZ": ""}, "XYZ must be")):
        with pytest.raises(ConfigError, match=problem):
            change_inverse_etfs(files, changes, DAY)
    assert files.content == before


def test_the_digest_tells_tables_apart() -> None:
    """Other pairs, another version and another day each give another digest."""
    tables = [
        parsed(content(**change))
        for change in ({}, {"pairs": {}}, {"version": 4}, {"dated": "2026-11-29"})
    ]
    assert len({table.digest for table in tables}) == 4
