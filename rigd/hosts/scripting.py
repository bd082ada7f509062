"""What a person's own script or notebook calls, under the names that document stability gave them.

Each is the product's own part on the real clock and the home of RIGD_HOME: the decorators of
`rigd.net.policies`, the settings of `rigd.config`, the log of `rigd.reporting.trading_log` and the
health of `rigd.hosts.up.facts`. Nothing here sends an order or returns a secret.
"""

from __future__ import annotations

import difflib
import os
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeVar, cast

from rigd.config.choices import BrokerCode
from rigd.config.sources import checkout, rigd_home
from rigd.core.clock import SystemClock
from rigd.core.draws import Draws
from rigd.core.errors import ConfigError, NetworkError
from rigd.core.ids import SystemIds
from rigd.hosts.bot import first_settings, is_provisioned, open_bot
from rigd.hosts.up.facts import Health, Part, examine
from rigd.net.policies import Service, Terms, policy_of, retry_call
from rigd.reporting.trading_log import KEPT_DAYS, MAX_BYTES, TradingLog, TradingLogger
from rigd.store.paths import Home
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from rigd.config.schema import Settings

_Function = TypeVar("_Function", bound="Callable[..., Any]")

CLOCK = SystemClock()


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerConfig:
    """What a script may know of a broker; its credentials are no part of it.

    Parameters
    ----------
    name
        The broker's code.
    enabled
        Whether the bot trades there.
    timeout_s
        How long an answer is waited for [s].
    max_retries, base_delay
        How often a read is repeated, and the longest first wait [s].
    """

    name: str
    enabled: bool
    timeout_s: float
    max_retries: int
    base_delay: float


def retry_api_call(
    *, max_retries: int | None = None, base_delay: float | None = None
) -> Callable[[_Function], _Function]:
    """Return a decorator that repeats a read of a service when the network fails it.

    Parameters
    ----------
    max_retries
        Repetitions after the first attempt; those of `rigd.net.policies.POLICIES` without it.
    base_delay
        The longest first wait [s]; it doubles from one to the next.

    Returns
    -------
    callable
        The decorator; a function that sends an order is refused (LogicError).
    """
    return _retried(Service.API, max_retries, base_delay)


def retry_ibkr_call(
    *, max_retries: int | None = None, base_delay: float | None = None
) -> Callable[[_Function], _Function]:
    """Return a decorator that repeats a read of IBKR; as `retry_api_call`."""
    return _retried(Service.IBKR, max_retries, base_delay)


def retry_smtp_call(
    *, max_retries: int | None = None, base_delay: float | None = None
) -> Callable[[_Function], _Function]:
    """Return a decorator that repeats a call of a mail server; as `retry_api_call`."""
    return _retried(Service.SMTP, max_retries, base_delay)


def get_config() -> Settings:
    """Return the bot's settings, validated and frozen; the demo's where there is no bot yet.

    Returns
    -------
    Settings
        One attribute per key of ``.env_bot``; no secret is among them.

    Raises
    ------
    ConfigError
        If they are malformed, with every problem.
    """
    home, version = _home(), checkout() / "VERSION.md"
    if is_provisioned(home):
        return open_bot(home, version).settings
    return first_settings(home, version)


def get_broker_config(name: str) -> BrokerConfig:
    """Return what a script may know of a broker.

    Parameters
    ----------
    name
        Its code, such as ``IBKR``; capitals or not.

    Returns
    -------
    BrokerConfig
        Without credentials.

    Raises
    ------
    ConfigError
        If there is no such broker; the nearest is named.
    """
    codes = [code.value for code in BrokerCode]
    code = name.strip().upper()
    if code not in codes:
        near = difflib.get_close_matches(code, codes, n=1, cutoff=0.4)
        hint = f"; the nearest is {near[0]}" if near else ""
        msg = f"a broker must be one of {', '.join(codes)}, was {name!r}{hint}"
        raise ConfigError(msg)
    settings = get_config()
    return BrokerConfig(
        name=code,
        enabled=settings.broker_code.value == code,
        timeout_s=settings.api_timeout,
        max_retries=settings.api_retry_limit,
        base_delay=policy_of(code).base_delay,
    )


def get_trading_logger(name: str) -> TradingLogger:
    """Return a logger that writes JSON lines to ``runs/logs/trading_bot.log``.

    Parameters
    ----------
    name
        Who tells it, such as a module's name.

    Returns
    -------
    TradingLogger
        Safe to use from any thread.
    """
    return TradingLogger(_log_of(_home().root), name)


def run_health_check(config: Mapping[str, object], *, detailed: bool = False) -> dict[str, object]:
    """Return how the bot is.

    Parameters
    ----------
    config
        Settings by key, as `get_config` gave them: where one is no longer in force, the part
        ``config`` is ill and names it. An empty mapping asks for nothing.
    detailed
        Whether every part and service stands in the answer.

    Returns
    -------
    dict of str to object
        ``status`` and ``state``; with `detailed` also ``services``.
    """
    found = examine(_home(), CLOCK)
    if config:
        found = Health(state=found.state, parts=(*found.parts, _compared(config)))
    fields = found.as_fields()
    return fields if detailed else {name: fields[name] for name in ("status", "state")}


def _home() -> Home:
    return Home(rigd_home())


@cache
def _log_of(root: Path) -> TradingLog:
    registry = Registry(Home(root), max_bytes=MAX_BYTES, kept=KEPT_DAYS)
    return TradingLog(registry, CLOCK, os.getpid())


def _compared(config: Mapping[str, object]) -> Part:
    in_force = dict(get_config().public_items())
    stale = sorted(key for key, value in config.items() if in_force.get(key) != str(value))
    return Part(
        name="config",
        well=not stale,
        detail=f"not in force: {', '.join(stale)}" if stale else "in force",
    )


def _retried(
    service: Service, max_retries: int | None, base_delay: float | None
) -> Callable[[_Function], _Function]:
    terms = Terms(clock=CLOCK, draws=Draws(int(SystemIds().nonce(), 16)))
    decorate = retry_call(service, terms, max_retries=max_retries, base_delay=base_delay)
    return lambda function: decorate(_translated(function))


def _translated(function: _Function) -> _Function:
    """Let a socket's own errors count as those of the network."""
    name = function.__name__

    @wraps(function)
    async def awaited(*args: object, **named: object) -> object:
        with _as_network_error(name):
            return await function(*args, **named)

    @wraps(function)
    def called(*args: object, **named: object) -> object:
        with _as_network_error(name):
            return function(*args, **named)

    return cast("_Function", awaited if iscoroutinefunction(function) else called)


@contextmanager
def _as_network_error(name: str) -> Iterator[None]:
    try:
        yield
    except (ConnectionError, TimeoutError) as error:
        msg = f"{name} must reach its service, {type(error).__name__}: {error}"
        raise NetworkError(msg) from error
