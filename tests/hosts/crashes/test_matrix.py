"""The plan of the matrix and its rules; the matrix itself runs in tests/system."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from rigd.core.errors import ConfigError, ExitCode, StorageError
from rigd.core.events import Entry, ErrorCaptured, SessionClosed
from rigd.core.lifecycle import BotState
from rigd.hosts.crashes.boundaries import Boundary, Fault
from rigd.hosts.crashes.matrix import (
    Case,
    Outcome,
    _of_first,
    _read,
    _wrong_state,
    is_sealed,
    moment_of,
    moments_of,
)
from rigd.hosts.crashes.processes import KILLED, Run
from rigd.hosts.crashes.watch import Moment, Watched
from tests.hosts.homes import bot_of, demo

CALLS = (
    Boundary(kind="openat", file="a", takes_room=True),
    Boundary(kind="pwrite64", file="a", content=b"abc", takes_room=True),
    Boundary(kind="fsync", file="a"),
)


def test_every_fault_meets_every_boundary_that_it_can() -> None:
    """In the order of the session; a sample is spread over all of them."""
    moments = moments_of(CALLS, ("kill", "enospc"))
    assert [(str(m.fault), m.nth) for m in moments] == [
        ("kill", 1),
        ("enospc", 1),
        ("full", 1),
        ("kill", 2),
        ("torn", 2),
        ("enospc", 2),
        ("full", 2),
        ("kill", 3),
    ]
    assert [m.nth for m in moments_of(CALLS, ("eio",))] == [1, 2, 3]
    assert moments_of(CALLS, ("kill", "enospc"), 4) == moments[1::2]
    assert moments_of(CALLS, ("int",), 99) == moments_of(CALLS, ("int",))


@pytest.mark.parametrize("names", [("melt",), ()])
def test_an_unknown_injection_is_refused(names) -> None:
    """The known ones are told."""
    with pytest.raises(ConfigError, match="kill, int, enospc, eio"):
        moments_of(CALLS, names)


def test_a_moment_is_found_again_by_its_text() -> None:
    """As a violation names it."""
    assert moment_of(CALLS, "torn:2") == Moment(Fault.TORN, 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("melt:1", "FAULT:NTH, kill"),
        ("kill", "at 1 to 3, was 'kill'"),
        ("kill:0", "at 1 to 3"),
        ("kill:4", "at 1 to 3"),
        ("kill:x", "at 1 to 3"),
        ("torn:3", "boundary 3 (fsync a) does not meet torn"),
    ],
)
def test_a_moment_that_is_none_is_refused(text, said) -> None:
    """It is said what would be one."""
    with pytest.raises(ConfigError, match=re.escape(said)):
        moment_of(CALLS, text)


def first(code: int, output: str = "", hit: str = "fsync a", *wrongs: str) -> Run:
    return Run(code, output, 0.1, Watched(hit=hit, wrongs=list(wrongs)))


@pytest.mark.parametrize(
    ("fault", "run", "wrong"),
    [
        (Fault.KILL, first(KILLED), ""),
        (Fault.KILL, first(0), "to be killed"),
        (Fault.EIO, first(0), ""),
        (Fault.EIO, first(1, "rigd.core.errors.StorageError: x"), ""),
        (Fault.EIO, first(1, "OSError: x"), "no error of rigd: OSError: x"),
        (Fault.ENOSPC, first(-11), "signal 11"),
        (Fault.INT, first(1, "KeyboardInterrupt"), ""),
        (Fault.INT, first(0, "", ""), "not reached"),
        (Fault.EIO, first(0, "", "fsync a", "sent before"), "sent before"),
    ],
)
def test_the_process_that_was_hit_is_judged(tmp_path, fault, run, wrong) -> None:
    """A killed one was killed; any other one ends well or says why, by an error of rigd."""
    found = _of_first(run, Moment(fault, 1), bot_of(demo(tmp_path)))
    assert len(found) == bool(wrong), found
    assert wrong in "".join(found)


def closed(state: BotState) -> SessionClosed:
    return SessionClosed(
        state=state,
        status="CLOSED",
        exit_reason="fatal",
        exit_code=ExitCode.ERROR,
        flat=True,
        trades=0,
        signals=0,
        realised_pnl=Decimal(0),
        closing_cash=Decimal(0),
    )


def captured(kind: str) -> ErrorCaptured:
    return ErrorCaptured(
        strategy="",
        broker="SIM",
        error_type="LogicError",
        error_code=kind,
        raw_exception="",
        context="",
        fatal=True,
    )


@pytest.mark.parametrize(
    ("kind", "state", "wrong"),
    [
        ("STORAGE_ERROR", BotState.ERROR, ""),
        ("STORAGE_ERROR", BotState.STOPPED, "must end in the state error"),
        ("LEDGER_ERROR", BotState.ERROR, "must be told as such"),
    ],
)
def test_a_failing_disk_is_an_error_with_its_name(kind, state, wrong) -> None:
    """The state is error, and what was captured is the disk's error."""
    at = datetime(2013, 10, 7, tzinfo=UTC)
    entries = [Entry(1, at, captured(kind), ""), Entry(2, at, closed(state), "")]
    found = _wrong_state(entries)
    assert len(found) == bool(wrong)
    assert wrong in "".join(found)


def test_what_cannot_be_read_is_wrong() -> None:
    """A judge that fails is a finding and no crash of the matrix."""

    def judge() -> list[str]:
        msg = "gone"
        raise StorageError(msg)

    assert _read(judge) == ["StorageError: gone"]
    assert _read(lambda: ["a"]) == ["a"]


def test_a_session_is_over_when_it_is_sealed(tmp_path) -> None:
    """The manifest is the last file of a session."""
    assert not is_sealed(tmp_path)
    folder = tmp_path / "runs" / "RIGD_USA_SIM_01" / "sessions" / "2013-10-07_1"
    folder.mkdir(parents=True)
    assert not is_sealed(tmp_path)
    (folder / "manifest.json").touch()
    assert is_sealed(tmp_path)


def test_an_outcome_counts_violations_and_recoveries() -> None:
    """Recoveries in order, violations by case."""
    cases = [
        Case(moment=Moment(Fault.KILL, n), boundary="a", wrongs=w, died=True, recovery_s=r)
        for n, w, r in ((1, (), 0.3), (2, ("x",), None), (3, (), 0.1))
    ]
    outcome = Outcome(
        session="small", boundaries=Counter(), at_stake={}, cases=tuple(cases), seconds=1.0
    )
    assert outcome.violations == [cases[1]]
    assert outcome.recoveries == [0.1, 0.3]
