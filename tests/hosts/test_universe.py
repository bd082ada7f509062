from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from time import perf_counter
from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import ConfigError, DataError, StorageError
from rigd.core.values import Reference
from rigd.hosts import universe as host
from rigd.hosts.launch import Launcher
from rigd.hosts.request import SessionRequest
from rigd.screener import blocklist, versions
from rigd.screener.plan import Phase
from rigd.store.registry import Registry
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.fakes.providers import FakeProvider, whole
from tests.hosts.homes import InProcess, bot_of, demo
from tests.market.days import HEADER, MONDAY, row, write
from tests.shared import shared_path

if TYPE_CHECKING:
    from rigd.core.universe import Universe
    from rigd.hosts.bot import Bot
    from rigd.store.paths import Home

BEFORE = date(2012, 11, 13)
"""The day before the session of the built-in sample."""


@pytest.fixture
def home(tmp_path) -> Home:
    return demo(tmp_path / "home")


def built(home: Home, *symbols: str, dated: date = BEFORE) -> Universe:
    """Publish a universe of these symbols, each known whole."""
    provider = FakeProvider("fake", {name: whole() for name in symbols}, dated=dated)
    outcome = host.build(bot_of(home), [provider], FakeClock(), day=dated)
    assert outcome.published is not None
    return outcome.published


def log_of(home: Home) -> list[dict[str, object]]:
    return [json.loads(line) for line in Registry(home).read("screener.log").splitlines()]


def test_each_step_has_its_row_in_the_screeners_log(home) -> None:
    """Started and published, as rows of the schema of every log, marked with the profile (L5)."""
    built(home, "FB", "IBM")
    rows = log_of(home)
    assert [row["event"] for row in rows] == ["universe_build_started", "universe_published"]
    assert {row["session"] for row in rows} == {"universe"}
    assert {row["profile"] for row in rows} == {"TEST"}
    assert [row["seq"] for row in rows] == [1, 2]
    assert rows[1]["details"]["rejected"] == {}


def test_without_a_provider_the_home_waits(home) -> None:
    """Neither a folder named nor env/universe: recorded in state and log."""
    bot = bot_of(home)
    assert host.providers(home, []) == []
    outcome = host.build(bot, [], FakeClock())
    assert outcome.state.phase is Phase.WAITING
    assert [(row["level"], row["event"]) for row in log_of(home)] == [
        ("WARNING", "universe_waiting")
    ]


def test_the_folder_of_the_home_is_asked_unless_others_are_named(home, tmp_path) -> None:
    """env/universe is the default provider (BROKERS §5)."""
    (home.env / "universe").mkdir()
    assert [each.name for each in host.providers(home, [])] == ["folder universe"]
    named = host.providers(home, [str(tmp_path / "a"), str(tmp_path / "b")])
    assert [each.name for each in named] == ["folder a", "folder b"]


def test_two_providers_of_one_name_are_refused(home) -> None:
    """The name tells their calls, failures and symbols apart."""
    twice = [FakeProvider("x", {}), FakeProvider("x", {})]
    with pytest.raises(ConfigError, match="different names"):
        host.sources(bot_of(home), twice, FakeClock())


def test_the_settings_retry_limit_holds(home) -> None:
    """API_RETRY_LIMIT repetitions of each request."""
    (source,) = host.sources(bot_of(home), [FakeProvider("x", {})], FakeClock())
    failing = FakeProvider("x", {"A": whole()}, down_from="A")
    with pytest.raises(Exception, match="down"):
        source.calls.ask(lambda: failing.details(["A"], BEFORE))
    assert source.calls.asked == 1 + bot_of(home).settings.api_retry_limit


def test_blocking_and_unblocking_are_logged(home) -> None:
    """The line is stamped by the operator; blocking twice changes nothing."""
    bot, clock = bot_of(home), FakeClock()
    line = host.block(bot, "FB", " halted ", clock, by="ada")
    assert line is not None
    assert line.line() == "FB|halted|2024-03-04T14:00:00Z|operator"
    assert host.block(bot, "FB", "again", clock, by="ada") is None
    assert list(blocklist.read(Registry(home))) == ["FB"]
    assert host.unblock(bot, "FB", clock, by="ada") == line
    assert [(row["event"], row["details"]["by"]) for row in log_of(home)] == [
        ("universe_blocklisted", "ada"),
        ("universe_unblocked", "ada"),
    ]


def test_a_change_of_the_blocklist_is_on_record_before_it_is_made(home, monkeypatch) -> None:
    """Where the row cannot be written, nothing is blocked and nothing unblocked."""
    bot, clock = bot_of(home), FakeClock()
    host.block(bot, "IBM", "halted", clock, by="ada")

    def full(*_: object, **__: object) -> None:
        msg = "could not write screener.log: No space left on device"
        raise StorageError(msg)

    monkeypatch.setattr(host, "tell_universe", full)
    with pytest.raises(StorageError):
        host.block(bot, "FB", "halted", clock, by="ada")
    with pytest.raises(StorageError):
        host.unblock(bot, "IBM", clock, by="ada")
    assert list(blocklist.read(Registry(home))) == ["IBM"]


def test_the_symbols_are_those_of_universe_and_feed(home) -> None:
    """The sample has five symbols, the universe two of them and one more."""
    found = built(home, "FB", "IBM", "ZZZ")
    request = host.applied(home, SessionRequest(universe="latest"))
    assert request.symbols == ("FB", "IBM")
    assert request.universe == found.version
    narrowed = host.applied(home, SessionRequest(universe="latest", symbols=("IBM", "AAPL")))
    assert narrowed.symbols == ("IBM",)


def test_the_symbols_of_bar_files_need_a_bar_on_the_day(home, tmp_path) -> None:
    """What has no bar on the day is not traded, nor is what the universe does not hold."""
    built(home, "SPY", "IBM", dated=date(2013, 10, 4))
    for symbol in ("SPY", "BAC"):
        write(tmp_path / "bars" / f"{symbol}.csv", HEADER, row(0))
    request = SessionRequest(data=str(tmp_path / "bars"), day=MONDAY.day, universe="latest")
    assert host.applied(home, request).symbols == ("SPY",)


def test_a_universe_of_the_day_itself_or_later_is_refused(home) -> None:
    """It would know the session's own closes."""
    for dated in (date(2012, 11, 14), date(2014, 3, 28)):
        built(home, "FB", dated=dated)
        with pytest.raises(DataError, match="older than the session") as caught:
            host.applied(home, SessionRequest(universe="latest"))
        assert "--date" in caught.value.fix


def test_nothing_in_common_is_refused(home) -> None:
    """The error says how to find out why."""
    built(home, "ZZZ")
    with pytest.raises(ConfigError, match="must share a symbol") as caught:
        host.applied(home, SessionRequest(universe="latest"))
    assert "rigd universe show" in caught.value.fix


def test_without_a_universe_it_cannot_be_asked_for(home) -> None:
    """A session never builds one."""
    with pytest.raises(DataError, match="found none") as caught:
        host.applied(home, SessionRequest(universe="latest"))
    assert caught.value.fix == "rigd universe build"


def test_a_request_reads_the_version_that_it_names(home) -> None:
    """A session that is taken up reads its own universe, though another was published since."""
    first = built(home, "FB", "IBM")
    request = host.applied(home, SessionRequest(universe="latest"))
    provider = FakeProvider("fake", {"FB": whole(market_cap=9e9)}, dated=BEFORE)
    clock = FakeClock()
    clock.advance(60)
    host.build(bot_of(home), [provider], clock, day=BEFORE)
    assert versions.published(home).version != first.version
    assert host.known(home, request) == {
        name: Reference(previous_volume=1e6, market_cap=5e9) for name in ("FB", "IBM")
    }
    assert host.known(home, replace(request, universe="")) == {}
    assert host.applied(home, request) == request


def test_a_session_trades_the_universe_and_keeps_its_version(home, monkeypatch) -> None:
    """From the launch to the sealed record: the request holds version and symbols."""
    from rigd.hosts import supervisor  # noqa: PLC0415 - patched in this test alone

    monkeypatch.setattr(supervisor, "run_notebook", InProcess())
    found = built(home, "FB")
    request = host.applied(home, SessionRequest(universe="latest"))
    ended = Launcher(home, FakeClock(), FakeIds(), lambda _: None).launch(request)
    assert ended.exit_code == 0
    held = json.loads((ended.folder / "request.json").read_bytes())
    assert (held["symbols"], held["universe"]) == (["FB"], found.version)
    assert ended.entries[0].record.symbols == ("FB",)


def expected_by_hand(folder, day: date) -> set[str]:
    """The members of a day by a few lines of pandas: mean volume, price band, single tickers."""
    import pandas as pd  # noqa: PLC0415 - an oracle that shares no code

    files = sorted(folder.glob("coarse_*.csv.gz"))
    frames = [pd.read_csv(path, keep_default_na=False) for path in files]
    newest = frames[-1]
    single = newest[~newest["symbol"].duplicated(keep=False)]
    volume = pd.concat(frames).groupby("symbol")["volume"].mean()
    fits = single[(single["close"] >= 2) & (single["close"] <= 300)]
    assert files[-1].name == f"coarse_{day:%Y%m%d}.csv.gz"
    return {name for name in fits["symbol"] if volume[name] >= 500_000}


def bot_with(home: Home, **changes: object) -> Bot:
    bot = bot_of(home)
    return replace(bot, settings=bot.settings.model_copy(update=changes))


def test_the_whole_market_is_screened_as_by_hand(home) -> None:
    """Golden: 7,065 symbols of 2014-03-28 under the default thresholds (R8), in a few seconds."""
    folder = shared_path("data", "universe")
    bot = bot_with(home, max_price=300, min_price=2, min_volume_threshold=500_000.0)
    began = perf_counter()
    outcome = host.build(
        bot, host.providers(home, [str(folder)]), FakeClock(), day=date(2014, 3, 28)
    )
    took = perf_counter() - began
    found = outcome.published
    assert found is not None
    assert set(found.members) == expected_by_hand(folder, date(2014, 3, 28))
    assert len(found.members) + len(found.rejected) == 7065
    assert found.warned == {name: len(found.members) for name in found.warned}
    assert took < 60
    began = perf_counter()
    again = host.refilter(bot, FakeClock()).published
    assert perf_counter() - began < 30
    assert again is not None
    assert dict(again.members) == dict(found.members)
