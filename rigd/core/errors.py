"""The one error tree, named by what the caller can do, and the process exit codes.

::

    RigdError
    ├── ConfigError            settings, flags or arguments a person must correct
    ├── DataError              market data that must not be traded on
    │   └── TamperError        a record that was changed, cut or reordered
    ├── NetworkError           a remote side that could not be reached
    ├── BrokerError            the broker refused or failed
    │   ├── OrderRejected      definitive: the order does not exist
    │   ├── OutcomeUnknown     the order may or may not exist: look it up
    │   ├── Unavailable        the broker cannot be reached now
    │   ├── RateLimited        wait until ``retry_at``
    │   ├── AuthError          credentials or permissions
    │   ├── NotSupported       the broker cannot do this
    │   └── ProtocolError      an answer that makes no sense
    ├── LogicError             a rule of the program was broken
    │   ├── IllegalTransition  a pair of states that is not in the table
    │   └── ForeignWriter      a module wrote a file that it does not own
    ├── LedgerError            books that would not balance, or do not
    ├── AccessError            a person or process that may not do this
    │   ├── AlreadyRunning     another process or session owns the bot
    │   └── Superseded         a newer owner took the bot over: this one must stop
    ├── StorageError           the disk refused or failed
    └── SecretError            a key or secret that is missing, wrong or exposed
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


class ExitCode(IntEnum):
    """How a process of rigd ends; shown by ``rigd --help``."""

    OK = 0
    ERROR = 1
    BAD_INPUT = 2
    ALREADY_RUNNING = 3
    HALTED = 4
    KILLED = 5
    TAMPERED = 6
    INTERRUPTED = 7


class ErrorType(StrEnum):
    """The four error types of document 050, one of which every captured exception carries."""

    NETWORK = "NetworkError"
    BROKER = "BrokerError"
    LOGIC = "LogicError"
    CONFIG = "ConfigError"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input, and where.

    Parameters
    ----------
    where
        File name, with ``:line`` where a line is known.
    message
        What was expected and what was found; never the value of a secret.
    key
        The setting or column concerned, blank when none is.
    """

    where: str
    message: str
    key: str = ""

    def __str__(self) -> str:
        """Return ``where: key: message``."""
        parts = (self.where, self.key, self.message)
        return ": ".join(part for part in parts if part)


class RigdError(Exception):
    """Base of every error that rigd raises.

    Parameters
    ----------
    message
        What was expected and what was found.
    fix
        What to do next, one sentence; blank when the message says it.
    """

    error_type = ErrorType.LOGIC
    exit_code = ExitCode.ERROR

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    @property
    def error_code(self) -> str:
        """The class name in capitals, the ``error_code`` field of document 050."""
        name = type(self).__name__
        return "".join(("_" if c.isupper() and i else "") + c.upper() for i, c in enumerate(name))


class ConfigError(RigdError):
    """Settings, flags or arguments that a person must correct; carries every problem found."""

    error_type = ErrorType.CONFIG
    exit_code = ExitCode.BAD_INPUT

    def __init__(self, message: str, *, problems: Sequence[Problem] = (), fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        """Return the message and, one a line, every problem."""
        return "\n".join((self.message, *(f"  {problem}" for problem in self.problems)))


class DataError(RigdError):
    """Market data or a record that must not be used; carries every problem found."""

    exit_code = ExitCode.BAD_INPUT

    def __init__(self, message: str, *, problems: Sequence[Problem] = (), fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        """Return the message and, one a line, every problem."""
        return "\n".join((self.message, *(f"  {problem}" for problem in self.problems)))


class TamperError(DataError):
    """A record that was changed, cut or reordered after it was written."""

    exit_code = ExitCode.TAMPERED


class NetworkError(RigdError):
    """A remote side that could not be reached."""

    error_type = ErrorType.NETWORK


class BrokerError(RigdError):
    """The broker refused or failed."""

    error_type = ErrorType.BROKER


class OrderRejected(BrokerError):  # noqa: N818 - the field's term
    """The broker refused the order; it is certain that it does not exist."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"order rejected by the broker: {code}: {text}")
        self.code = code
        self.text = text

    def __reduce__(self) -> tuple[type[OrderRejected], tuple[str, str]]:
        """Take apart for another process: an exception is made again from what it was given."""
        return type(self), (self.code, self.text)


class OutcomeUnknown(BrokerError):  # noqa: N818 - the field's term
    """No answer came: the order may or may not exist and must be looked up, never sent again."""


class Unavailable(BrokerError):  # noqa: N818 - the field's term
    """The broker cannot be reached now; nothing was sent."""

    error_type = ErrorType.NETWORK


class RateLimited(BrokerError):  # noqa: N818 - the field's term
    """The broker asks us to wait.

    Parameters
    ----------
    retry_at
        The earliest instant of the next attempt, UTC.
    """

    def __init__(self, retry_at: datetime) -> None:
        super().__init__(f"rate limited by the broker until {retry_at.isoformat()}")
        self.retry_at = retry_at

    def __reduce__(self) -> tuple[type[RateLimited], tuple[datetime]]:
        """Take apart for another process: an exception is made again from what it was given."""
        return type(self), (self.retry_at,)


class AuthError(BrokerError):
    """Credentials are wrong or lack a permission."""


class NotSupported(BrokerError):  # noqa: N818 - the field's term
    """What was asked is beyond this broker."""


class ProtocolError(BrokerError):
    """The broker's answer makes no sense."""


class LogicError(RigdError):
    """A rule of the program was broken: a defect, not an input."""


class IllegalTransition(LogicError):  # noqa: N818 - the field's term
    """A pair of states that is not in the table."""


class ForeignWriter(LogicError):  # noqa: N818 - the field's term
    """A module tried to write an output that belongs to another."""


class LedgerError(RigdError):
    """Books that would not balance, or do not."""


class AccessError(RigdError):
    """A person or process that may not do this."""


class AlreadyRunning(AccessError):  # noqa: N818 - the field's term
    """Another process, or another session in this process, owns the bot."""

    exit_code = ExitCode.ALREADY_RUNNING


class Superseded(AccessError):  # noqa: N818 - the field's term
    """A newer owner took the bot over: this one sends nothing any more and ends."""

    exit_code = ExitCode.ALREADY_RUNNING


class SecretError(RigdError):
    """A key or secret that is missing, wrong or exposed."""

    error_type = ErrorType.CONFIG
    exit_code = ExitCode.BAD_INPUT


class StorageError(RigdError):
    """The disk refused or failed: full, denied, broken.

    Parameters
    ----------
    message
        What was to be written and what the system answered.
    errno
        The system's error number; 0 when there is none.
    fix
        What to do next.
    """

    def __init__(self, message: str, *, errno: int = 0, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.errno = errno


def error_type_of(error: BaseException) -> ErrorType:
    """Return the document-050 type of any exception; an unknown one is a LogicError."""
    if isinstance(error, RigdError):
        return error.error_type
    if isinstance(error, OSError | TimeoutError):
        return ErrorType.NETWORK
    return ErrorType.LOGIC
