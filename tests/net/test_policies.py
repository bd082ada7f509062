"""Retry policies by kind of service, their decorators, and what none of them may wrap."""

from __future__ import annotations

import ast
import asyncio

import pytest

from rigd.core.draws import Draws
from rigd.core.errors import DataError, LogicError, NetworkError
from rigd.net.breaker import Breaker, Patience
from rigd.net.policies import (
    POLICIES,
    SENT_ONCE,
    Service,
    Terms,
    policy_of,
    retry_api_call,
    retry_ibkr_call,
    retry_smtp_call,
)
from tests.fakes.clock import FakeClock
from tests.house.tree import called, modules, syntax, walk

DECORATORS = {
    Service.API: retry_api_call,
    Service.IBKR: retry_ibkr_call,
    Service.SMTP: retry_smtp_call,
}


def terms(clock: FakeClock, seed: int = 1, **more) -> Terms:
    return Terms(clock, Draws(seed), **more)


def failing(times: int, error: type[Exception] = NetworkError):
    """A read that fails some times before it answers what it was asked."""
    left = [error("down")] * times

    def read(name: str) -> str:
        if left:
            raise left.pop()
        return name

    return read


def failing_later(times: int):
    """The same as a coroutine function."""
    read = failing(times)

    async def later(name: str) -> str:
        return read(name)

    return later


def test_the_table_has_the_three_kinds_of_document_stability() -> None:
    """INVENTORY N3: api, ibkr and smtp, each with max_retries and base_delay."""
    assert set(POLICIES) == {"api", "ibkr", "smtp"}
    assert {policy._fields[:2] for policy in POLICIES.values()} == {("max_retries", "base_delay")}


@pytest.mark.parametrize("service", list(Service))
@pytest.mark.parametrize("make", [failing, failing_later])
def test_each_decorator_repeats_by_its_row(service: Service, make) -> None:
    """INVENTORY N3: `max_retries` repetitions, the waits below `base_delay` and its doubles."""
    policy = POLICIES[service]
    clock = FakeClock()
    read = DECORATORS[service](terms(clock))(make(policy.max_retries))
    answer = read("IBM")
    assert (asyncio.run(answer) if make is failing_later else answer) == "IBM"
    bounds = [
        min(policy.longest_delay, policy.base_delay * 2**number)
        for number in range(policy.max_retries)
    ]
    assert all(0.0 < wait < bound for wait, bound in zip(clock.slept, bounds, strict=True))


def test_a_decorator_takes_other_figures() -> None:
    """Document stability: ``@retry_api_call(max_retries=3, base_delay=1.0)``."""
    clock = FakeClock()
    decorated = retry_api_call(terms(clock), max_retries=1, base_delay=100.0)(failing(2))
    with pytest.raises(NetworkError):
        decorated("IBM")
    assert len(clock.slept) == 1
    assert 8.0 < clock.slept[0] < 100.0


def test_a_decorated_read_keeps_its_name_and_a_seed_its_waits() -> None:
    """N1: the draws are keyed by service and name, so a run repeats itself."""

    def waits(seed: int) -> list[float]:
        clock = FakeClock()
        decorated = retry_api_call(terms(clock, seed))(failing(3))
        assert decorated.__name__ == "read"
        decorated("IBM")
        return clock.slept

    assert waits(4) == waits(4) != waits(5)


def test_what_asking_again_cannot_mend_goes_up_at_once() -> None:
    """A malformed answer is no outage."""
    clock = FakeClock()
    with pytest.raises(DataError):
        retry_api_call(terms(clock))(failing(1, DataError))("IBM")
    assert clock.slept == []


def test_a_breaker_ends_the_repetitions() -> None:
    """N2: once it is open the service is left alone, also by the call that opened it."""
    clock = FakeClock()
    breaker = Breaker("x", clock, Patience(failures=2, rest_s=60.0))
    decorated = retry_api_call(terms(clock, breaker=breaker))(failing(2))
    with pytest.raises(NetworkError, match="down"):
        decorated("IBM")
    with pytest.raises(NetworkError, match="left alone"):
        decorated("IBM")
    assert len(clock.slept) == 1
    clock.advance(61.0)
    assert decorated("IBM") == "IBM"


def test_ibkr_has_its_own_row_and_every_other_broker_the_apis() -> None:
    """INVENTORY N3: the policy is chosen by the broker's code."""
    assert policy_of("IBKR") is POLICIES[Service.IBKR]
    assert {policy_of(code) for code in ("SIM", "ALPACA", "TRADIER")} == {POLICIES[Service.API]}


@pytest.mark.parametrize("name", sorted(SENT_ONCE))
@pytest.mark.parametrize("service", list(Service))
def test_no_decorator_wraps_what_sends_an_order(service: Service, name: str) -> None:
    """FAULTS O01: a submission is refused before it can ever be repeated."""

    def send() -> None:
        pytest.fail("nothing is sent")

    send.__name__ = name
    with pytest.raises(LogicError, match="sent once"):
        DECORATORS[service](terms(FakeClock()))(send)


REPEATING = {"retried", "ask", "_ask", "retry_call", "repeated"} | {
    f"retry_{service}_call" for service in Service
}
"""Names of functions that call what they are given again."""

SENDING = {"submit", "replace", "transmit"}
"""Names of what sends an order, `replace` where it is a broker's."""


def order_sends(node: ast.AST) -> set[str]:
    """The sends of an order inside a piece of code."""
    return {
        found.attr
        for found in ast.walk(node)
        if isinstance(found, ast.Attribute)
        and found.attr in SENDING
        and (found.attr != "replace" or "broker" in ast.unparse(found.value))
    }


def repeated_sends(tree: ast.AST) -> list[str]:
    """Each place where a send of an order is handed to something that repeats it."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node).rpartition(".")[2] in REPEATING:
            arguments = [*node.args, *(each.value for each in node.keywords)]
            found += [send for each in arguments for send in order_sends(each)]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            marks = {ast.unparse(mark).split("(")[0] for mark in node.decorator_list}
            if marks & REPEATING and (node.name in SENT_ONCE or order_sends(node)):
                found.append(node.name)
    return found


@pytest.mark.parametrize(
    "code",
    [
        "retried(self._broker.submit, clock=c)",
        "self._ask(lambda: self._broker.replace(a, b))",
        "calls.ask(lambda: broker.submit(x))",
        "retry_api_call(terms)(broker.submit)\nretry_api_call(broker.submit)",
        "@retry_ibkr_call(terms)\ndef place():\n    broker.submit(x)",
    ],
)
def test_the_finder_finds(code: str) -> None:
    """The finder below sees a repeated order however it is handed over."""
    assert repeated_sends(ast.parse(code))


ALLOWED = {
    "rigd/broker/flatten.py": "the kill waits for a rate limit alone: that order does not exist",
}
"""Where a close is handed to a loop of its own, with the reason."""


def test_nothing_in_the_product_repeats_an_order() -> None:
    """INVENTORY N3, FAULTS O01: no submission or replacement is given to what asks again."""
    found = {module: repeated_sends(syntax(module)) for module in modules("rigd")}
    assert {module for module, sends in found.items() if sends} == set(ALLOWED)
    seen = [
        node
        for module in found
        for node in walk(module)
        if isinstance(node, ast.Call) and called(node).rpartition(".")[2] in REPEATING
    ]
    assert len(seen) > 10
