"""The screener from the market's files to a session's candidates (document 070, V8).

The interface is simulated: a provider that is slow, limited, down for a while and incomplete.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from rigd.core.draws import Draws
from rigd.core.errors import NetworkError, RateLimited
from rigd.core.events import PoolRanked
from rigd.hosts import universe as host
from rigd.hosts.request import SessionRequest
from rigd.net.calls import Calls
from rigd.net.rate import Quota, RateLimit
from rigd.net.retry import Backoff
from rigd.screener.asking import Source
from rigd.screener.build import UniverseBuild
from rigd.screener.criteria import Criteria
from rigd.screener.plan import Phase
from tests.factories import settings
from tests.fakes.clock import FakeClock
from tests.fakes.providers import FakeProvider, listing, whole
from tests.flags import run_by_hand
from tests.hosts.homes import bot_of, demo, run

if TYPE_CHECKING:
    from rigd.store.paths import Home

DAY = date(2012, 11, 13)
SAMPLE = {"AAPL": whole("100"), "FB": whole("20"), "GOOG": whole("350"), "MSFT": listing("27")}


@pytest.fixture
def home(tmp_path) -> Home:
    return demo(tmp_path / "home")


def limited(provider: FakeProvider, clock: FakeClock, quota: Quota) -> Source:
    """A provider that may be asked so often."""
    return Source(
        provider,
        Calls(
            provider.name,
            clock=clock,
            backoff=Backoff(limit=3),
            rate=RateLimit((quota,), clock),
            draws=Draws(1),
        ),
    )


def test_the_candidates_of_a_session_come_from_the_universe(home) -> None:
    """No window ranks a symbol that the screen kept out; no provider is asked in the session."""
    provider = FakeProvider("vendor", SAMPLE, dated=DAY)
    outcome = host.build(bot_of(home), [provider], FakeClock(), day=DAY)
    assert outcome.published is not None
    calls = (provider.listed, len(provider.asked))
    request = host.applied(home, SessionRequest(universe="latest", symbols=("FB", "IBM")))
    ran, _ = run(home, request)
    ranked = [
        entry.symbol
        for each in ran.entries()
        if isinstance(each.record, PoolRanked)
        for entry in each.record.pool
    ]
    assert set(ranked) == {"FB"}
    assert (provider.listed, len(provider.asked)) == calls


def test_a_limited_vendor_is_asked_within_its_rate(home) -> None:
    """Four requests at one a minute take three minutes of the clock, and none fails."""
    clock = FakeClock()
    began = clock.monotonic()
    known = {f"S{number:02d}": whole() for number in range(15)}
    provider = FakeProvider("vendor", known, dated=DAY)
    builder = UniverseBuild(home, clock, lambda *_: None)
    source = limited(provider, clock, Quota(1, 60.0))
    outcome = builder.build([source], Criteria.of(settings()), keep=3, day=DAY, batch=5)
    assert outcome.state.phase is Phase.PUBLISHED
    assert clock.monotonic() - began == pytest.approx(180.0)
    assert (source.calls.asked, source.calls.failed) == (4, 0)


def test_outages_and_limits_pass_and_are_counted(home) -> None:
    """Down twice, then limited for half a minute: the build waits, goes on and says how often."""
    clock = FakeClock()
    errors = [
        NetworkError("down"),
        NetworkError("down"),
        RateLimited(clock.now() + timedelta(seconds=30)),
    ]
    provider = FakeProvider("vendor", SAMPLE, dated=DAY, errors=errors)
    outcome = host.build(bot_of(home), [provider], clock, day=DAY)
    assert outcome.published is not None
    assert clock.now() >= FakeClock().now() + timedelta(seconds=30)
    raw = home.screeners / "builds" / outcome.published.stamp / "raw.json"
    assert json.loads(raw.read_bytes())["calls"] == {"vendor": [4, 3]}


def test_a_partial_answer_is_no_crash(home) -> None:
    """What the vendor leaves out comes from the next one, or stays out with its reason (T07)."""
    vendor = FakeProvider("vendor", SAMPLE, dated=DAY)
    details = vendor.details
    vendor.details = lambda symbols, day: details(symbols[:2], day)  # type: ignore[method-assign]
    other = FakeProvider("other", {"MSFT": whole("28")}, dated=DAY)
    found = host.build(bot_of(home), [vendor, other], FakeClock(), day=DAY).published
    assert found is not None
    assert {name: member.provider for name, member in found.members.items()} == {
        "AAPL": "vendor",
        "FB": "vendor",
        "MSFT": "other",
    }
    assert found.rejected == {"GOOG": "no_details"}


if __name__ == "__main__":
    raise SystemExit(run_by_hand(__file__))
