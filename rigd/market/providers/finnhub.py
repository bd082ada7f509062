"""Companies' metrics from Finnhub, for the day that is today (BROKERS §3).

Finnhub knows what holds now. Of another day nothing is known here: a session on past bars must not
look ahead.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rigd.core.errors import AuthError, ConfigError, DataError, NetworkError, RateLimited
from rigd.market.fundamentals import metrics_of
from rigd.net.policies import retry_api_call
from rigd.net.rate import Quota

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from rigd.core.errors import RigdError
    from rigd.core.readings import Fundamentals
    from rigd.net.policies import Terms
    from rigd.vault.api_keys import ApiKey

QUOTAS = (Quota(30, 1.0), Quota(60, 60.0))
"""What the free plan allows; 30 a second on every plan (BROKERS §3)."""

URL = "https://api.finnhub.io/api/v1"
CONNECT_S = 0.4
READ_S = 0.8
"""How long one attempt waits to be heard and to hear [s].

The engine waits for the answer: with one repetition it must stay below the 3 s after which its
beat is missed (FAULTS K08).
"""
RETRIES = 1
FIRST_WAIT_S = 0.25

_TOKEN_HEADER = "X-Finnhub-Token"  # noqa: S105 - the header's name
_LIMITED_S = 60.0


class FinnhubFundamentals:
    """Implements ``core.ports.FundamentalsSource`` over Finnhub's own client.

    Parameters
    ----------
    key
        From the vault; it goes into a header, never into an address, where errors and logs of the
        libraries would show it.
    terms
        Clock, draws, quotas and breaker.
    today
        The one day of which Finnhub is asked.
    url
        Where the service lies; a test names its own.

    Raises
    ------
    ConfigError
        If the client is not installed.
    """

    label = "finnhub"

    def __init__(self, key: ApiKey, terms: Terms, today: date, url: str = URL) -> None:
        self._clock = terms.clock
        self._today = today
        self._client = _connected(key, url)
        repeated = retry_api_call(terms, max_retries=RETRIES, base_delay=FIRST_WAIT_S)
        self._metrics = repeated(self._metrics_once)

    def fundamentals(self, symbol: str, day: date) -> Fundamentals:
        """Return what Finnhub says of a symbol today; of another day nothing is known.

        Parameters
        ----------
        symbol, day
            What is asked.

        Returns
        -------
        Fundamentals
            Unknown metrics are None.

        Raises
        ------
        NetworkError
            If it does not answer, or is left alone for having failed.
        RateLimited
            If its quota is used up.
        AuthError
            If the key is wrong or lacks a permission.
        DataError
            If the answer makes no sense.
        """
        named = self._metrics(symbol) if day == self._today else {}
        return metrics_of(symbol, named, dated=day, source=self.label)

    def _metrics_once(self, symbol: str) -> Mapping[str, Any]:
        # The vendor's errors hold the request with its key: ours are raised after they are gone,
        # so that no traceback leads to them.
        answer, failure = self._answer(symbol)
        if failure is not None:
            raise failure
        return _metrics_in(answer, symbol)

    def _answer(self, symbol: str) -> tuple[object, RigdError | None]:
        from finnhub.exceptions import (  # noqa: PLC0415 - an optional extra, loaded with its client
            FinnhubAPIException,
            FinnhubRequestException,
        )

        try:
            return self._client.company_basic_financials(symbol, "all"), None
        except FinnhubAPIException as error:
            return None, self._refusal(error.status_code, error.response.headers)
        except (FinnhubRequestException, ValueError):
            return None, DataError("finnhub must answer with JSON, answered with something else")
        except OSError as error:
            return None, NetworkError(f"finnhub did not answer: {type(error).__name__}")

    def _refusal(self, status: int, headers: Mapping[str, str]) -> RigdError:
        if status == 429:
            return RateLimited(self._reset(headers.get("X-Ratelimit-Reset", "")))
        if status in {401, 403}:
            return AuthError(f"finnhub refused the key or the call: HTTP {status}")
        if status >= 500:
            return NetworkError(f"finnhub failed: HTTP {status}")
        return DataError(f"finnhub must answer, refused with HTTP {status}")

    def _reset(self, text: str) -> datetime:
        now = self._clock.now()
        try:
            seconds = float(text)
            told = datetime.fromtimestamp(seconds, UTC) if math.isfinite(seconds) else now
        except (ValueError, OverflowError, OSError):
            told = now
        latest = now + timedelta(seconds=_LIMITED_S)
        return told if now < told < latest else latest


def _connected(key: ApiKey, url: str) -> Any:  # noqa: ANN401 - the vendor's client has no types
    try:
        from finnhub import Client  # noqa: PLC0415 - an optional extra, loaded where a key is kept
    except ImportError as error:
        msg = "the client of Finnhub must be installed where FINNHUB_API_KEY is kept, is missing"
        raise ConfigError(msg, fix="pip install 'rigd[brokers]'") from error

    class Door(Client):  # type: ignore[misc] # the vendor's class has no types
        """The vendor's client at an address, with bounds on how long it waits."""

        API_URL = url
        DEFAULT_TIMEOUT = (CONNECT_S, READ_S)

    client = Door("")
    session = client._session  # noqa: SLF001 - the client knows no other way to use a header
    session.params.pop("token", None)
    session.headers[_TOKEN_HEADER] = key.value
    session.max_redirects = 0  # the header would go along to another host
    return client


def _metrics_in(answer: object, symbol: str) -> Mapping[str, Any]:
    """Return the metrics of an answer; an unknown symbol has none."""
    if not isinstance(answer, dict):
        msg = f"finnhub must answer with an object, answered with {type(answer).__name__}"
        raise DataError(msg)
    if answer.get("symbol", symbol) != symbol:
        msg = f"finnhub was asked for {symbol}, answered for another symbol"
        raise DataError(msg)
    metric = answer.get("metric", {})
    if not isinstance(metric, dict):
        msg = f"finnhub's metrics must be an object, were {type(metric).__name__}"
        raise DataError(msg)
    return metric
