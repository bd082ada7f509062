"""Finnhub's own client against a service on loopback: answers, errors, quotas, and the key."""

from __future__ import annotations

import inspect
import logging
import traceback
from datetime import date, timedelta

import pytest
from finnhub import exceptions

from rigd.core.draws import Draws
from rigd.core.errors import AuthError, DataError, NetworkError, RateLimited, RigdError
from rigd.market.providers.finnhub import (
    CONNECT_S,
    FIRST_WAIT_S,
    QUOTAS,
    READ_S,
    RETRIES,
    FinnhubFundamentals,
)
from rigd.net.breaker import Breaker, Patience
from rigd.net.policies import Terms
from rigd.vault.api_keys import FINNHUB, ApiKey
from tests.fakes.clock import START, FakeClock
from tests.fakes.finnhub import FakeFinnhub, serving

DAY = START.date()
KEY = ApiKey(FINNHUB, "canary-0123456789abcdef")
NOBODY = "http://127.0.0.1:9/api/v1"
"""The discard port, where nothing listens."""


@pytest.fixture
def service():
    with serving() as found:
        yield found


def source(url: str, clock: FakeClock | None = None, **more) -> FinnhubFundamentals:
    return FinnhubFundamentals(KEY, Terms(clock or FakeClock(), Draws(1), **more), DAY, url)


def test_the_three_metrics_are_read(service: FakeFinnhub) -> None:
    """INVENTORY E21-E23: Finnhub's names and units, under our fields."""
    found = source(service.url).fundamentals("KHC", DAY)
    assert (found.pe_ratio, found.debt_equity, found.market_cap_musd) == (24.5, 1.2, 28779.943)
    assert (found.symbol, found.dated, found.source) == ("KHC", DAY, "finnhub")


def test_the_key_goes_into_a_header_and_never_into_an_address(service: FakeFinnhub) -> None:
    """E19: an address is what errors and logs of the libraries show."""
    source(service.url).fundamentals("KHC", DAY)
    assert service.tokens == [KEY.value]
    assert KEY.value not in service.paths[0]
    assert "token" not in service.paths[0]


def test_another_day_is_not_asked_for(service: FakeFinnhub) -> None:
    """What holds today was not known then: nothing is."""
    found = source(service.url).fundamentals("KHC", date(2014, 3, 28))
    assert (found.pe_ratio, found.debt_equity, found.market_cap_musd) == (None, None, None)
    assert service.asked == []


@pytest.mark.parametrize("metric", [{}, {"peNormalizedAnnual": None}])
def test_an_unknown_symbol_has_no_metrics(service: FakeFinnhub, metric) -> None:
    """BROKERS §3: an unknown symbol is no error, and a loss maker's ratio is null."""
    service.metric = metric
    assert source(service.url).fundamentals("NONE", DAY).pe_ratio is None


JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html"}

FAILURES = {
    "server error": (500, b'{"error": "KEY"}', JSON, NetworkError),
    "gateway": (502, b"<html>KEY</html>", HTML, NetworkError),
    "wrong key": (401, b'{"error": "bad KEY"}', JSON, AuthError),
    "not on the plan": (403, b'{"error": "KEY"}', JSON, AuthError),
    "quota": (429, b'{"error": "KEY"}', JSON, RateLimited),
    "bad request": (422, b'{"error": "KEY"}', JSON, DataError),
    "no json": (200, b"KEY", HTML, DataError),
    "broken json": (200, b'{"metric": KEY', JSON, DataError),
    "a list": (200, b'["KEY"]', JSON, DataError),
    "no object": (200, b'{"metric": "KEY"}', JSON, DataError),
    "other symbol": (200, b'{"symbol": "KEY", "metric": {}}', JSON, DataError),
    "text": (200, b'{"metric": {"peNormalizedAnnual": "high"}}', JSON, DataError),
    "elsewhere": (302, b"KEY", {"Location": "/KEY"}, NetworkError),
}


def told(error: BaseException) -> str:
    """Everything that a log or a notebook may print of an error."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=False)
    return "".join([str(error), repr(error), repr(error.args), *shown.format(chain=True)])


@pytest.mark.parametrize("name", FAILURES)
def test_each_failure_is_one_of_ours_and_shows_no_key(service: FakeFinnhub, name, caplog) -> None:
    """C46, C47, E19: an answer that repeats the key is translated; no text leads back to it."""
    status, body, headers, kind = FAILURES[name]
    service.replies = [(status, body, headers)] * 9
    caplog.set_level(logging.DEBUG)
    with pytest.raises(RigdError) as caught:
        source(service.url).fundamentals("KHC", DAY)
    assert type(caught.value) is kind
    assert service.tokens[0] == KEY.value
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert KEY.value not in told(caught.value) + caplog.text


def test_a_service_that_is_away_is_a_network_error(caplog) -> None:
    """E19: the vendor's error names the address; ours names the kind of failure alone."""
    caplog.set_level(logging.DEBUG)
    clock = FakeClock()
    with pytest.raises(NetworkError) as caught:
        source(NOBODY, clock).fundamentals("KHC", DAY)
    assert KEY.value not in told(caught.value) + caplog.text
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert len(clock.slept) == RETRIES
    assert all(0.0 < wait < FIRST_WAIT_S for wait in clock.slept)


def test_every_error_of_the_vendor_is_translated() -> None:
    """STYLE §4: a new exception of the client must get its translation here."""
    kinds = {name for name, found in vars(exceptions).items() if inspect.isclass(found)}
    assert kinds == {"FinnhubAPIException", "FinnhubRequestException"}


def test_one_outage_is_survived(service: FakeFinnhub) -> None:
    """N3: one repetition, as the engine waits along."""
    service.replies = [(503, b"{}", JSON)]
    clock = FakeClock()
    assert source(service.url, clock).fundamentals("KHC", DAY).pe_ratio == 24.5
    assert len(clock.slept) == 1


def test_the_longest_question_is_shorter_than_the_missed_beat() -> None:
    """FAULTS K08: attempts and waits together stay below 3 s."""
    assert (1 + RETRIES) * (CONNECT_S + READ_S) + RETRIES * FIRST_WAIT_S < 3.0


def test_the_quotas_are_kept_without_waiting_for_them(service: FakeFinnhub) -> None:
    """I7: 30 a second and 60 a minute; beyond them the guard is told at once."""
    clock = FakeClock()
    found = source(service.url, clock, quotas=QUOTAS, patience_s=0.5)
    for _ in range(2):
        for _ in range(30):
            found.fundamentals("KHC", DAY)
        clock.advance(1.5)
    with pytest.raises(RateLimited):
        found.fundamentals("KHC", DAY)
    assert (len(service.asked), clock.slept) == (60, [])


def test_a_reset_of_the_quota_is_believed_within_a_minute(service: FakeFinnhub) -> None:
    """429 with a time: until then, but for nonsense and the far future."""
    for text, seconds in ((str(START.timestamp() + 7), 7), ("soon", 60), ("1e300", 60), ("0", 60)):
        service.replies = [(429, b"{}", JSON | {"X-Ratelimit-Reset": text})]
        with pytest.raises(RateLimited) as caught:
            source(service.url, patience_s=0.5).fundamentals("KHC", DAY)
        assert caught.value.retry_at == START + timedelta(seconds=seconds)


def test_a_failing_service_is_left_alone(service: FakeFinnhub) -> None:
    """N2: the breaker opens; the next candidate does not wait for what does not answer."""
    clock = FakeClock()
    breaker = Breaker("finnhub", clock, Patience(failures=3, rest_s=60.0))
    found = source(service.url, clock, breaker=breaker)
    service.replies = [(500, b"{}", JSON)] * 3
    for _ in range(5):
        with pytest.raises(NetworkError):
            found.fundamentals("KHC", DAY)
    assert len(service.asked) == 3
    clock.advance(61.0)
    assert found.fundamentals("KHC", DAY).pe_ratio == 24.5
