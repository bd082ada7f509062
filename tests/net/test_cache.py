"""The session cache: age, bound, threads, and the file that outlives the process."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from rigd.core.errors import ConfigError, LogicError
from rigd.net.cache import SessionCache
from rigd.store.files import LocalFiles
from tests.fakes.clock import START, FakeClock

PRICE = {"price": 1.5, "name": "IBM"}


class Shelf:
    """A file of a folder, through the door of `store`."""

    def __init__(self, files: LocalFiles, name: str = "cache.json") -> None:
        self.files, self.name = files, name

    def read(self) -> bytes:
        return self.files.read(self.name) if self.files.exists(self.name) else b""

    def write(self, content: bytes) -> None:
        self.files.replace(self.name, content)


@pytest.fixture
def shelf(tmp_path) -> Shelf:
    return Shelf(LocalFiles(tmp_path))


def cache(clock: FakeClock | None = None, **changes) -> SessionCache:
    return SessionCache(clock or FakeClock(), **({"ttl_s": 60.0} | changes))


def test_a_row_is_good_until_its_time_to_live_has_passed() -> None:
    """N9, TTL: at 59.9 s it is known, at 60 s it is not, and what is too old takes no room."""
    clock = FakeClock()
    found = cache(clock)
    found.put("IBM", PRICE)
    clock.advance(59.9)
    assert found.get("IBM") == PRICE
    clock.advance(0.2)
    assert found.get("IBM") is None
    assert (found.usage().expired, found.usage().rows, found.usage().size_bytes) == (1, 0, 0)


def test_a_row_from_the_future_is_not_believed() -> None:
    """A clock that was set back must not make old rows young."""
    clock = FakeClock()
    found = cache(clock)
    found.put("IBM", PRICE)
    clock.jump(-10.0)
    assert found.get("IBM") is None


def test_what_comes_out_is_a_copy() -> None:
    """Nobody changes what the next one is told."""
    found = cache()
    found.put("IBM", PRICE)
    taken = found.get("IBM")
    assert taken is not None
    taken["price"] = 0
    assert found.get("IBM") == PRICE


def test_what_it_knew_and_did_not_is_counted() -> None:
    """Hits and misses say whether the cache is worth its room."""
    found = cache()
    for key in ("a", "b", "a"):
        if found.get(key) is None:
            found.put(key, PRICE)
    assert (found.usage().hits, found.usage().misses) == (1, 2)


def test_memory_is_counted_and_bounded() -> None:
    """N9, memory: keys and values as JSON; what was not asked for the longest makes room."""
    row = {"v": "x" * 80}
    size = len(json.dumps(row)) + 1
    found = cache(max_bytes=3 * size)
    for key in "abc":
        found.put(key, row)
    assert found.usage()[:2] == (3, 3 * size)
    found.get("a")
    found.put("d", row)
    assert [found.get(key) is not None for key in "abcd"] == [True, False, True, True]
    found.put("a", {"v": ""})
    assert found.usage().size_bytes == 2 * size + len('{"v": ""}') + 1
    assert found.usage().evicted == 1


def test_a_row_beyond_the_bound_is_not_kept() -> None:
    """It would push out everything and still not fit."""
    found = cache(max_bytes=50)
    found.put("a", {"v": 1})
    found.put("b", {"v": "x" * 100})
    assert (found.get("a"), found.get("b")) == ({"v": 1}, None)


def test_the_next_process_finds_what_is_young_enough(shelf: Shelf) -> None:
    """N9, persistent: rows keep the instant at which they were fetched."""
    clock = FakeClock()
    first = cache(clock, shelf=shelf)
    first.put("old", PRICE)
    clock.advance(40)
    first.put("new", PRICE)
    clock.advance(30)
    second = cache(clock, shelf=shelf)
    assert (second.get("old"), second.get("new")) == (None, PRICE)
    second.put("third", PRICE)
    clock.advance(29)
    assert cache(clock, shelf=shelf).get("new") == PRICE
    clock.advance(2)
    assert cache(clock, shelf=shelf).get("new") is None


def test_the_file_is_named_rows_and_says_what_it_is(shelf: Shelf) -> None:
    """A person can read it; a cache with another head does not use it."""
    cache(shelf=shelf, head={"source": "finnhub"}, rows_name="symbols").put("IBM", PRICE)
    assert json.loads(shelf.read()) == {
        "source": "finnhub",
        "symbols": {"IBM": {**PRICE, "fetched_at": "2024-03-04T14:00:00Z"}},
    }
    for head in ({"source": "other"}, {}, {"source": "finnhub", "day": "1"}):
        assert cache(shelf=shelf, head=head, rows_name="symbols").get("IBM") is None


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b"\xff",
        b'{"rows": []}',
        b'{"rows": {"a": 1}}',
        b'{"rows": {"a": {"v": 1}}}',
        b'{"rows": {"a": {"v": 1, "fetched_at": "noon"}}}',
        b'{"rows": {"a": {"v": 1, "fetched_at": 3}}}',
        b'{"rows": {"a": {"v": NaN, "fetched_at": "2024-03-04T14:00:00Z"}}}',
        b"\x80\x04\x95cposix\nsystem\n",
    ],
)
def test_a_broken_file_is_empty(shelf: Shelf, content: bytes) -> None:
    """It costs a question and nothing else, and it cannot run code."""
    shelf.write(content)
    found = cache(shelf=shelf)
    assert found.get("a") is None
    found.put("a", PRICE)
    assert cache(shelf=shelf).get("a") == PRICE


def test_a_file_beyond_the_bound_keeps_its_newest_rows(shelf: Shelf) -> None:
    """The bound holds for what another process left, too."""
    clock = FakeClock()
    first = cache(clock, shelf=shelf)
    for key in "abc":
        first.put(key, {"v": "x" * 20})
        clock.advance(1)
    second = cache(clock, shelf=shelf, max_bytes=70)
    assert [second.get(key) is not None for key in "abc"] == [False, True, True]


def test_threads_lose_nothing_and_count_right(shelf: Shelf) -> None:
    """N9, thread-safe: 8 threads, 400 puts and gets; sums agree and the file is whole."""
    found = cache(shelf=shelf)

    def work(number: int) -> bool:
        key = f"k{number % 40}"
        found.put(key, {"v": number % 40})
        return found.get(key) == {"v": number % 40}

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(400)))
    usage = found.usage()
    assert (usage.rows, usage.hits, usage.misses) == (40, 400, 0)
    held = json.loads(shelf.read())["rows"]
    assert {key: row["v"] for key, row in held.items()} == {f"k{n}": n for n in range(40)}
    sizes = [len(key) + len(json.dumps({"v": row["v"]})) for key, row in held.items()]
    assert usage.size_bytes == sum(sizes)


@pytest.mark.parametrize("value", [{"v": float("nan")}, {"v": START}, {"fetched_at": 1}])
def test_a_row_that_is_no_json_object_is_refused(value) -> None:
    """Values are JSON alone, and the instant is the cache's own."""
    with pytest.raises(LogicError):
        cache().put("a", value)


@pytest.mark.parametrize("wrong", [{"ttl_s": 0.0}, {"ttl_s": float("nan")}, {"max_bytes": 0}])
def test_a_cache_that_keeps_nothing_is_refused(wrong) -> None:
    """It would ask for everything each time."""
    with pytest.raises(ConfigError):
        cache(**wrong)


def test_the_age_is_exact(shelf: Shelf) -> None:
    """The file keeps microseconds."""
    clock = FakeClock(START + timedelta(microseconds=7))
    cache(clock, shelf=shelf).put("a", PRICE)
    assert b"14:00:00.000007Z" in shelf.read()
