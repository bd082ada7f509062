"""Every module that talks to a service outside is registered with what asks it again (N4)."""

from __future__ import annotations

import ast

from rigd.net import policies
from tests.house.tree import modules, walk

CLIENTS = frozenset({
    "aiohttp",
    "alpaca",
    "finnhub",
    "ftplib",
    "http.client",
    "httpx",
    "ib_async",
    "ib_insync",
    "imaplib",
    "poplib",
    "requests",
    "smtplib",
    "urllib.request",
    "urllib3",
    "websocket",
    "websockets",
    "yfinance",
})
"""Libraries that reach a service."""

REGISTERED = {
    "rigd/market/providers/finnhub.py": ("rigd.net.policies", "retry_api_call"),
}
"""Each module that uses one, with the wrapper of `rigd.net` through which it asks.

A broker's adapter needs none of its own: the engine asks every broker through one
`rigd.engine.broker_line`, whose tests hold each call of the port to it.
"""


def imported(name: str) -> set[str]:
    """Every module that a file imports, with the names taken from it."""
    found = set()
    for node in walk(name):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def reaches_out(name: str) -> bool:
    """Tell whether a file uses a client of a service."""
    names = imported(name)
    return any(
        each == client or each.startswith(f"{client}.") for each in names for client in CLIENTS
    )


def test_every_client_of_a_service_is_registered() -> None:
    """INVENTORY N4: a new one without retry and backoff is found here."""
    product = modules("rigd", "widgets")
    using = {name for name in product if reaches_out(name) and "/adapters/" not in name}
    assert using == REGISTERED.keys()


def test_each_registered_client_asks_through_its_wrapper() -> None:
    """The wrapper is imported by it, and is one of `rigd.net`."""
    for name, (module, wrapper) in REGISTERED.items():
        assert f"{module}.{wrapper}" in imported(name), name
        assert callable(getattr(policies, wrapper)), wrapper


def test_each_kind_of_service_waits_between_its_attempts() -> None:
    """INVENTORY N4: at least one repetition, after a wait."""
    for service in policies.Service:
        policy = policies.POLICIES[service]
        assert policy.max_retries >= 1, service
        assert 0.0 < policy.base_delay <= policy.longest_delay, service
