"""Turn exceptions into records with the seven fields of document 050.

Timestamp is the journal entry's; the other six are here, without what looks like a secret: the
journal goes into backups. Writing them to ``error_tracebacks.log`` and ``unresolved_orders.log`` is
reporting's part.
"""

from __future__ import annotations

import traceback
from pathlib import PurePath

from rigd.core.emergencies import Emergency
from rigd.core.errors import RigdError, error_type_of
from rigd.core.events import ErrorCaptured
from rigd.core.redaction import redact
from rigd.core.values import SelfCheck

TRACE_LIMIT = 4000
"""Characters of a traceback that the journal keeps; the end says the most."""


def event_of(error: BaseException, strategy: str) -> Emergency:
    """Return which event of the table of emergencies an unexpected exception is.

    Parameters
    ----------
    error
        Any exception.
    strategy
        The strategy whose own code raised it; blank for everything else.

    Returns
    -------
    Emergency
        A strategy's fault is its own; everything else is critical, and so is a process that is
        exhausted.
    """
    if strategy and not isinstance(error, MemoryError):
        return Emergency.PLAIN_ERROR
    return Emergency.CRITICAL_ERROR


def captured(
    error: BaseException, strategy: str, broker: str, context: str, *, fatal: bool
) -> ErrorCaptured:
    """Return the record of an exception.

    Parameters
    ----------
    error
        Any exception; an unknown type counts as a LogicError.
    strategy, broker
        Where it happened; blank when it belongs to none.
    context
        What was being done.
    fatal
        Whether the session cannot go on.

    Returns
    -------
    ErrorCaptured
        The record for the journal.
    """
    code = error.error_code if isinstance(error, RigdError) else type(error).__name__
    return ErrorCaptured(
        strategy=strategy,
        broker=broker,
        error_type=error_type_of(error).value,
        error_code=code,
        raw_exception=_trace(error),
        context=context,
        fatal=fatal,
    )


def self_check() -> SelfCheck:
    """Check that an exception becomes a record with type, code, trace and context.

    Returns
    -------
    SelfCheck
        Names the fields that came out wrong.
    """
    found = captured(LookupError("probe"), "open", "SIM", "self-check", fatal=False)
    wanted = {
        "strategy": "open",
        "broker": "SIM",
        "error_type": "LogicError",
        "error_code": "LookupError",
        "raw_exception": "LookupError: probe",
        "context": "self-check",
    }
    wrong = [name for name, value in wanted.items() if getattr(found, name) != value]
    detail = f"wrong: {', '.join(wrong)}" if wrong else f"{len(wanted) + 1} fields"
    return SelfCheck(name="engine.error_handler", passed=not wrong, detail=detail)


def _trace(error: BaseException) -> str:
    """Return the traceback with short file names: a record must not depend on the machine."""
    frames = [
        f"{'/'.join(PurePath(frame.filename).parts[-3:])}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    return redact("\n".join((*frames, f"{type(error).__name__}: {error}")))[-TRACE_LIMIT:]
