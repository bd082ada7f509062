"""Companies' metrics: memory, file and the day's cache."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import DataError, ForeignWriter, NetworkError
from rigd.market.fundamentals import (
    CACHE,
    WRITER,
    DayCache,
    MemoryFundamentals,
    find_fundamentals,
    metrics_of,
    read_fundamentals,
)
from rigd.store.paths import Home
from rigd.store.registry import Registry
from tests.fakes.clock import FakeClock
from tests.fakes.sources import FakeFundamentals, sound

if TYPE_CHECKING:
    from pathlib import Path

DAY = date(2026, 7, 15)
NAMED = {
    "peNormalizedAnnual": 24.5,
    "totalDebt/totalEquityAnnual": 1.2,
    "marketCapitalization": 2000,
    "beta": 1.1,
}

OTHER = (
    b'{"dated": "2026-07-15", "source": "other", "peNormalizedAnnual": 1.0,'
    b' "fetched_at": "2024-03-04T14:00:00Z"}'
)


def door(root: Path) -> Registry:
    """The output files of a home on the day."""
    return Registry(Home(root), day=DAY)


def written(root: Path, **changes: object) -> Path:
    """A file of metrics."""
    content = {"source": "finnhub", "dated": "2026-07-14", "metrics": {"IBM": NAMED}} | changes
    path = root / "fundamentals.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_finnhubs_names_are_ours() -> None:
    """INVENTORY E21-E23: the three metrics of document 050 are read under Finnhub's names."""
    found = metrics_of("IBM", NAMED, dated=DAY, source="finnhub")
    assert (found.pe_ratio, found.debt_equity, found.market_cap_musd) == (24.5, 1.2, 2000.0)


@pytest.mark.parametrize("name", list(NAMED)[:3])
def test_a_missing_or_null_metric_is_not_known(name: str) -> None:
    """INVENTORY E24: null and a missing name are unknown metrics, never 0."""
    for named in (NAMED | {name: None}, {k: v for k, v in NAMED.items() if k != name}):
        found = metrics_of("IBM", named, dated=DAY, source="finnhub")
        assert [found.pe_ratio, found.debt_equity, found.market_cap_musd].count(None) == 1


@pytest.mark.parametrize("value", ["24.5", True, float("nan"), float("inf"), [1]])
def test_a_metric_that_is_no_number_is_refused(value: object) -> None:
    """Corrupt input is an error, not a guess."""
    with pytest.raises(DataError, match="peNormalizedAnnual of IBM"):
        metrics_of("IBM", NAMED | {"peNormalizedAnnual": value}, dated=DAY, source="finnhub")


def test_the_second_question_of_a_day_asks_no_one(tmp_path: Path) -> None:
    """INVENTORY E20: a symbol is asked once a day, also by another process of the day."""
    source = FakeFundamentals()
    for _ in range(2):
        cache = DayCache(source, door(tmp_path), DAY, FakeClock())
        for _ in range(2):
            assert cache.fundamentals("IBM", DAY) == sound("IBM", DAY)
    assert source.asked == [("IBM", DAY)]


def test_the_cache_lies_under_its_date(tmp_path: Path) -> None:
    """INVENTORY E20: runs/cache/fundamentals_{date}.json exists with the UTC date."""
    DayCache(FakeFundamentals(pe_ratio=None), door(tmp_path), DAY, FakeClock()).fundamentals(
        "IBM", DAY
    )
    path = tmp_path / "runs" / "cache" / "fundamentals_2026-07-15.json"
    held = json.loads(path.read_text(encoding="utf-8"))
    assert held["symbols"]["IBM"]["peNormalizedAnnual"] is None
    assert held["symbols"]["IBM"]["totalDebt/totalEquityAnnual"] == 0.5


def test_the_cache_grows_by_symbol(tmp_path: Path) -> None:
    """What was fetched before stays when another symbol is fetched."""
    source = FakeFundamentals()
    for symbol in ("IBM", "SPY", "IBM"):
        DayCache(source, door(tmp_path), DAY, FakeClock()).fundamentals(symbol, DAY)
    assert [symbol for symbol, _ in source.asked] == ["IBM", "SPY"]


def test_a_failed_question_is_not_kept(tmp_path: Path) -> None:
    """An error reaches the filter and the next question asks again."""
    source = FakeFundamentals(error=NetworkError("no route"))
    cache = DayCache(source, door(tmp_path), DAY, FakeClock())
    with pytest.raises(NetworkError):
        cache.fundamentals("IBM", DAY)
    source.error = None
    assert cache.fundamentals("IBM", DAY).pe_ratio == 15.0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"date": "2026-07-14", "source": "fake", "symbols": {}}',
        b'{"date": "2026-07-15", "source": "fake", "symbols": {"IBM": {}}}',
        b'{"date": "2026-07-15", "source": "other", "symbols": {"IBM": ' + OTHER + b"}}",
    ],
)
def test_a_cache_that_is_not_the_days_is_fetched_anew(tmp_path: Path, content: bytes) -> None:
    """A broken cache, or one of another day or source, costs a question and nothing else."""
    files = door(tmp_path)
    files.write(CACHE, content, writer=WRITER)
    source = FakeFundamentals()
    assert DayCache(source, files, DAY, FakeClock()).fundamentals("IBM", DAY).pe_ratio == 15.0
    assert DayCache(source, files, DAY, FakeClock()).fundamentals("IBM", DAY).pe_ratio == 15.0
    assert len(source.asked) == 1


def test_an_answer_grows_old(tmp_path: Path) -> None:
    """N9: a session that is taken up a day later asks again; before, it is not asked."""
    source, clock = FakeFundamentals(), FakeClock()
    for step, asked in ((0, 1), (86_399, 1), (1, 2)):
        clock.advance(step)
        cache = DayCache(source, door(tmp_path), DAY, clock)
        cache.fundamentals("IBM", DAY)
        assert len(source.asked) == asked
    assert (cache.usage().rows, cache.usage().misses) == (1, 1)
    assert 50 < cache.usage().size_bytes < 500


def test_a_malformed_row_is_fetched_anew(tmp_path: Path) -> None:
    """One row that makes no sense costs one question."""
    files = door(tmp_path)
    row = OTHER.replace(b"1.0", b'"high"')
    files.write(
        CACHE,
        b'{"date": "2026-07-15", "source": "fake", "symbols": {"IBM": ' + row + b"}}",
        writer=WRITER,
    )
    source = FakeFundamentals()
    assert DayCache(source, files, DAY, FakeClock()).fundamentals("IBM", DAY).pe_ratio == 15.0
    assert len(source.asked) == 1


def test_another_day_is_not_answered_from_the_cache(tmp_path: Path) -> None:
    """A cache holds one day."""
    source = FakeFundamentals()
    cache = DayCache(source, door(tmp_path), DAY, FakeClock())
    before = date(2026, 7, 14)
    assert cache.fundamentals("IBM", before).dated == before
    assert not (tmp_path / "runs").exists()


def test_no_one_else_writes_the_cache(tmp_path: Path) -> None:
    """INVENTORY E20: the cache has one registered writer."""
    with pytest.raises(ForeignWriter):
        door(tmp_path).write(CACHE, b"{}", writer="rigd.enhancements.fundamentals")


def test_a_file_answers_from_its_date_on(tmp_path: Path) -> None:
    """Metrics dated after a day were not known on it; other symbols are not known at all."""
    known = read_fundamentals(written(tmp_path))
    assert known.fundamentals("IBM", DAY).market_cap_musd == 2000.0
    assert known.fundamentals("IBM", date(2026, 7, 13)).market_cap_musd is None
    assert known.fundamentals("SPY", DAY).pe_ratio is None


def test_another_file_has_another_label(tmp_path: Path) -> None:
    """A changed file is another source, so that no cache of the old one answers for it."""
    first = read_fundamentals(written(tmp_path)).label
    assert read_fundamentals(written(tmp_path)).label == first
    assert read_fundamentals(written(tmp_path, metrics={"IBM": {}})).label != first


@pytest.mark.parametrize(
    "changes",
    [
        {"dated": "yesterday"},
        {"metrics": []},
        {"metrics": {"IBM": 3}},
        {"metrics": {"IBM": {"marketCapitalization": "2B"}}},
    ],
)
def test_a_malformed_file_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    """A wrong metric is worse than none."""
    with pytest.raises(DataError):
        read_fundamentals(written(tmp_path, **changes))


def test_a_folder_may_hold_none(tmp_path: Path) -> None:
    """Without a file nobody knows."""
    assert find_fundamentals(tmp_path) is None
    written(tmp_path)
    assert isinstance(find_fundamentals(tmp_path), MemoryFundamentals)
