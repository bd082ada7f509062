"""The error tree, the exit codes and the error types of document 050."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from rigd.core import errors
from rigd.core.errors import (
    ConfigError,
    DataError,
    ErrorType,
    ExitCode,
    OrderRejected,
    OutcomeUnknown,
    Problem,
    RateLimited,
    RigdError,
    StorageError,
    TamperError,
    error_type_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = datetime(2024, 3, 4, 12, 0, tzinfo=UTC)

# name, base, type of document 050, exit code, error_code
TABLE = """
    ConfigError        RigdError    ConfigError   2  CONFIG_ERROR
    DataError          RigdError    LogicError    2  DATA_ERROR
    TamperError        DataError    LogicError    6  TAMPER_ERROR
    NetworkError       RigdError    NetworkError  1  NETWORK_ERROR
    BrokerError        RigdError    BrokerError   1  BROKER_ERROR
    OrderRejected      BrokerError  BrokerError   1  ORDER_REJECTED
    OutcomeUnknown     BrokerError  BrokerError   1  OUTCOME_UNKNOWN
    Unavailable        BrokerError  NetworkError  1  UNAVAILABLE
    RateLimited        BrokerError  BrokerError   1  RATE_LIMITED
    AuthError          BrokerError  BrokerError   1  AUTH_ERROR
    NotSupported       BrokerError  BrokerError   1  NOT_SUPPORTED
    ProtocolError      BrokerError  BrokerError   1  PROTOCOL_ERROR
    LogicError         RigdError    LogicError    1  LOGIC_ERROR
    IllegalTransition  LogicError   LogicError    1  ILLEGAL_TRANSITION
    ForeignWriter      LogicError   LogicError    1  FOREIGN_WRITER
    LedgerError        RigdError    LogicError    1  LEDGER_ERROR
    AccessError        RigdError    LogicError    1  ACCESS_ERROR
    AlreadyRunning     AccessError  LogicError    3  ALREADY_RUNNING
    Superseded         AccessError  LogicError    3  SUPERSEDED
    StorageError       RigdError    LogicError    1  STORAGE_ERROR
    SecretError        RigdError    ConfigError   2  SECRET_ERROR
"""
ROWS = [row.split() for row in TABLE.strip().splitlines()]
NAMES = [row[0] for row in ROWS]
MADE_OTHERWISE: dict[str, Callable[[], RigdError]] = {
    "OrderRejected": lambda: OrderRejected("40310000", "insufficient buying power"),
    "RateLimited": lambda: RateLimited(NOON),
}


def make(name: str) -> RigdError:
    """Return an error of the named class."""
    if name in MADE_OTHERWISE:
        return MADE_OTHERWISE[name]()
    return classes()[name]("what happened")


def classes() -> dict[str, type[RigdError]]:
    """Return every error class of the module."""
    found = inspect.getmembers(errors, inspect.isclass)
    return {name: cls for name, cls in found if issubclass(cls, RigdError)}


def test_tree_has_these_errors_and_no_other() -> None:
    """The module holds the errors of the table, under one base."""
    assert classes().keys() == {*NAMES, "RigdError"}
    assert RigdError.__bases__ == (Exception,)


def test_drawing_of_the_tree_is_true() -> None:
    """The tree drawn in the module's text is the one of the table, in its order."""
    drawing = inspect.getdoc(errors)
    assert drawing is not None
    lines = re.findall(r"^ +([ │├└─]*)(\w+)(?:  |$)", drawing, flags=re.MULTILINE)
    parents = ["RigdError"]
    drawn = []
    for marks, name in lines[1:]:
        depth = len(marks) // 4
        parents[depth:] = [name]
        drawn.append((name, parents[depth - 1]))
    assert lines[0][1] == "RigdError"
    assert sorted(drawn) == sorted((name, base) for name, base, *_ in ROWS)


@pytest.mark.parametrize(("name", "base", "kind", "code", "told"), ROWS)
def test_error_is_where_the_table_has_it(
    name: str, base: str, kind: str, code: str, told: str
) -> None:
    """Each error has its one base, its type of document 050, its exit code and its error code."""
    error = make(name)
    assert [parent.__name__ for parent in type(error).__bases__] == [base]
    assert error.error_type == error_type_of(error) == kind
    assert error.exit_code == int(code)
    assert error.error_code == told


def test_base_error_is_a_logic_error() -> None:
    """An error without a class of its own counts as a defect."""
    error = RigdError("what happened")
    assert (error.error_code, error.error_type, error.exit_code) == (
        "RIGD_ERROR",
        ErrorType.LOGIC,
        ExitCode.ERROR,
    )


def test_error_codes_are_unique() -> None:
    """No two errors share an error code."""
    codes = {make(name).error_code for name in NAMES}
    assert len(codes) == len(NAMES) == 21


def test_exit_codes_are_distinct_and_fixed() -> None:
    """Scripts may rely on these numbers; none is used twice, by name or by alias."""
    assert {name: int(code) for name, code in ExitCode.__members__.items()} == {
        "OK": 0,
        "ERROR": 1,
        "BAD_INPUT": 2,
        "ALREADY_RUNNING": 3,
        "HALTED": 4,
        "KILLED": 5,
        "TAMPERED": 6,
        "INTERRUPTED": 7,
    }


def test_no_error_ends_a_process_as_success() -> None:
    """Whatever is raised, the process does not exit with 0."""
    assert all(cls.exit_code is not ExitCode.OK for cls in classes().values())


def test_error_types_are_the_four_of_document_050() -> None:
    """Document 050 names NetworkError, BrokerError, LogicError and ConfigError."""
    assert {kind.value for kind in ErrorType} == {
        "NetworkError",
        "BrokerError",
        "LogicError",
        "ConfigError",
    }


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionRefusedError(), "NetworkError"),
        (ConnectionResetError(), "NetworkError"),
        (BrokenPipeError(), "NetworkError"),
        (OSError(101, "Network is unreachable"), "NetworkError"),
        (TimeoutError(), "NetworkError"),
        (ValueError("x"), "LogicError"),
        (KeyError("x"), "LogicError"),
        (ZeroDivisionError(), "LogicError"),
        (AssertionError(), "LogicError"),
        (RuntimeError(), "LogicError"),
        (KeyboardInterrupt(), "LogicError"),
    ],
)
def test_foreign_exception_has_a_type(error: BaseException, kind: str) -> None:
    """Every exception of Python or a library has one of the four types."""
    assert error_type_of(error) == kind


@pytest.mark.parametrize("name", NAMES)
def test_error_survives_the_way_to_another_process(name: str) -> None:
    """An error that a worker process raised arrives whole, and so does a copy."""
    error = make(name)
    for back in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - made here
        assert type(back) is type(error)
        assert str(back) == str(error)
        assert vars(back) == vars(error)


def test_error_carries_its_fix() -> None:
    """The message says what happened, the fix what to do; without one it is blank."""
    error = OutcomeUnknown("no answer within 5 s", fix="look the order up")
    assert (str(error), error.message, error.fix) == (
        "no answer within 5 s",
        "no answer within 5 s",
        "look the order up",
    )
    assert RigdError("x").fix == ""


def test_rejection_keeps_the_words_of_the_broker() -> None:
    """Code and text of the broker are kept and told."""
    error = OrderRejected("40310000", "insufficient buying power")
    assert (error.code, error.text) == ("40310000", "insufficient buying power")
    assert str(error) == "order rejected by the broker: 40310000: insufficient buying power"


def test_rate_limit_keeps_the_instant() -> None:
    """The earliest next attempt is an instant, told in the message."""
    error = RateLimited(NOON)
    assert error.retry_at == NOON
    assert str(error) == "rate limited by the broker until 2024-03-04T12:00:00+00:00"


def test_storage_error_keeps_the_number_of_the_system() -> None:
    """A full disk (28) can be told from another fault."""
    assert StorageError("disk full", errno=28, fix="make room").errno == 28
    assert StorageError("disk full").errno == 0


@pytest.mark.parametrize("kind", [ConfigError, DataError, TamperError])
def test_every_problem_is_told_at_once(kind: type[ConfigError | DataError]) -> None:
    """The text lists each problem on a line of its own; without problems it is the message."""
    problems = [
        Problem("env/.env_bot:3", "must be a whole number, was 'x'", "MAX_TRADES"),
        Problem("env/.env_bot", "is missing"),
    ]
    error = kind("2 problems", problems=problems, fix="correct the file")
    assert str(error) == (
        "2 problems\n"
        "  env/.env_bot:3: MAX_TRADES: must be a whole number, was 'x'\n"
        "  env/.env_bot: is missing"
    )
    assert error.problems == tuple(problems)
    assert error.fix == "correct the file"
    assert str(kind("alone")) == "alone"


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("a.csv:2", "too short", "close"), "a.csv:2: close: too short"),
        (Problem("a.csv", "too short"), "a.csv: too short"),
        (Problem("", "too short", "close"), "close: too short"),
        (Problem("", "too short"), "too short"),
    ],
)
def test_text_of_a_problem_leaves_out_what_is_blank(problem: Problem, text: str) -> None:
    """A problem reads ``where: key: message`` without idle colons."""
    assert str(problem) == text
