"""Exceptions become records with the fields of document 050."""

from __future__ import annotations

import pytest

from rigd.core.emergencies import Emergency
from rigd.core.errors import BrokerError, ConfigError, LogicError, NetworkError, OutcomeUnknown
from rigd.engine.error_handler import TRACE_LIMIT, captured, event_of, self_check


def throw(error: BaseException) -> None:
    raise error


def raised(error: BaseException) -> BaseException:
    with pytest.raises(type(error)) as caught:
        throw(error)
    return caught.value


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (NetworkError("x"), "NetworkError", "NETWORK_ERROR"),
        (BrokerError("x"), "BrokerError", "BROKER_ERROR"),
        (OutcomeUnknown("x"), "BrokerError", "OUTCOME_UNKNOWN"),
        (ConfigError("x"), "ConfigError", "CONFIG_ERROR"),
        (ZeroDivisionError("x"), "LogicError", "ZeroDivisionError"),
        (ConnectionResetError("x"), "NetworkError", "ConnectionResetError"),
    ],
)
def test_each_exception_has_one_of_the_four_types(error, kind, code) -> None:
    """Document 050: NetworkError, BrokerError, LogicError, ConfigError, nothing else."""
    record = captured(raised(error), "open", "SIM", "a test", fatal=False)
    assert (record.error_type, record.error_code) == (kind, code)
    assert (record.strategy, record.broker, record.context) == ("open", "SIM", "a test")
    assert not record.fatal


def test_the_trace_names_files_without_their_folders() -> None:
    """A journal must not differ between machines: three parts of a path at most."""
    record = captured(raised(ValueError("boom")), "", "SIM", "x", fatal=True)
    assert record.fatal
    lines = record.raw_exception.splitlines()
    assert lines[-1] == "ValueError: boom"
    assert lines[0].startswith("tests/engine/test_error_handler.py:")
    assert lines[0].endswith(" raised")
    assert lines[1].endswith(" throw")


def test_a_long_trace_keeps_its_end() -> None:
    """The last words say the most."""
    record = captured(raised(ValueError("x" * 9000)), "", "", "", fatal=False)
    assert record.raw_exception == "x" * TRACE_LIMIT


@pytest.mark.parametrize(
    ("error", "strategy", "event"),
    [
        (ValueError("x"), "open", Emergency.PLAIN_ERROR),
        (ValueError("x"), "", Emergency.CRITICAL_ERROR),
        (LogicError("x"), "", Emergency.CRITICAL_ERROR),
        (MemoryError(), "open", Emergency.CRITICAL_ERROR),
    ],
)
def test_a_strategys_fault_is_its_own_and_everything_else_is_critical(
    error, strategy, event
) -> None:
    """X10: critical and non-critical logic errors are told apart by whose code raised them."""
    assert event_of(error, strategy) is event


def test_the_self_check_tells_a_field_that_is_lost(monkeypatch) -> None:
    """S13, S14: seven fields come out, or the launch is refused by name."""
    assert self_check().passed
    monkeypatch.setattr("rigd.engine.error_handler._trace", lambda _: "")
    assert self_check().detail == "wrong: raw_exception"
