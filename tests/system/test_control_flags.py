"""Stop and kill by a file in the control folder, in each form that is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.system.evidence import read_left
from tests.system.processes import read_json, run_rigd, session_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.system

PACED = ("--speed", "1200", "--set", "STATUS_INTERVAL_MS=100")


def by_command(home: Path, command: str) -> None:
    """Raise a flag as a person does."""
    assert run_rigd(home, "flags", "raise", command).code == 0


def by_bare_file(home: Path, command: str) -> None:
    """Touch the flag."""
    (home / "runs" / "control").mkdir(exist_ok=True)
    (home / "runs" / "control" / f"control_{command}.flag").touch()


def by_text_file(home: Path, command: str) -> None:
    """Use the older form."""
    (home / "runs" / "control").mkdir(exist_ok=True)
    (home / "runs" / "control" / f"control_{command}.txt").touch()


@pytest.mark.parametrize("raise_flag", [by_command, by_bare_file, by_text_file])
@pytest.mark.parametrize(("command", "code"), [("stop", 0), ("kill", 5)])
def test_a_flag_closes_the_session(
    tmp_path: Path,
    figure: Callable[[str, str], None],
    raise_flag: Callable[[Path, str], None],
    command: str,
    code: int,
) -> None:
    """Stop: flat, stopped, exit code 0. Kill: flat, stopped, exit code 5. The flag is used up."""
    with session_of(tmp_path, *PACED) as running:
        running.wait_for_positions()
        raise_flag(tmp_path, command)
        ran = running.ended()
    assert ran.code == code, ran.out + ran.err
    truth = read_json(running.folder / "session.json")
    assert (truth["exit_reason"], truth["state"], truth["status"]) == (command, "stopped", "CLOSED")
    assert truth["notebook_exit_code"] == 0
    left = read_left(tmp_path)
    assert left.closed is not None
    assert left.closed.flat
    assert left.trades
    assert left.problems == ()
    assert list((tmp_path / "runs" / "control").glob("control_*.*g")) == []
    assert list((tmp_path / "runs" / "control").glob("control_*.txt")) == []
    figure(f"{command} {raise_flag.__name__} to the launcher's end", f"{ran.seconds:.1f} s")


def test_a_flag_that_lies_there_refuses_the_start(tmp_path: Path) -> None:
    """A stop flag from before refuses the start with a message, until it is cleared."""
    assert run_rigd(tmp_path, "session", "--set", "STRATEGY_SEQUENCE=open").code == 0
    by_bare_file(tmp_path, "stop")
    refused = run_rigd(tmp_path, "session")
    assert refused.code != 0
    assert "control_stop.flag" in refused.err
    assert "rigd flags clear" in refused.err
    assert run_rigd(tmp_path, "flags", "clear").code == 0
    assert run_rigd(tmp_path, "session").code == 0
