"""One whole session by `rigd session`: papermill, the kernel `rigd-bot`, the record it leaves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import nbformat
import psutil
import pytest

from rigd.hosts.request import SessionRequest
from tests.system.evidence import read_left, session_folders
from tests.system.processes import read_json, run_rigd, session_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.system

MEBIBYTE = 1 << 20


def test_a_session_on_the_sample_runs_in_a_notebooks_kernel(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """One command provisions, trades a day in the kernel rigd-bot and leaves a sealed record."""
    ran = run_rigd(tmp_path, "session")
    assert ran.code == 0, ran.err
    for said in ("Funnel", "Trades", "PnL", "balanced", "Record", "Next", "[TEST]"):
        assert said in ran.out
    (folder,) = session_folders(tmp_path)
    record = folder / "session.ipynb"
    notebook = nbformat.read(record, as_version=4)
    told = notebook.metadata.papermill
    assert notebook.metadata.kernelspec.name == "rigd-bot"
    assert told.parameters.home == str(tmp_path)
    assert json.loads(told.parameters.request) == json.loads(SessionRequest().to_json())
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    outputs = [output for cell in code for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error"] == []
    assert record.stat().st_size < MEBIBYTE
    left = read_left(tmp_path)
    assert left.problems == ()
    assert left.closed is not None
    assert left.closed.trades > 0
    truth = read_json(folder / "session.json")
    assert (truth["exit_code"], truth["notebook_exit_code"], truth["exit_reason"]) == (
        0,
        0,
        "session_end",
    )
    assert (truth["status"], truth["state"], truth["profile"]) == ("CLOSED", "idle", "TEST")
    whole = run_rigd(tmp_path, "verify")
    assert (whole.code, "whole" in whole.out) == (0, True)
    figure("session on the sample, fresh home", f"{ran.seconds:.1f} s, {left.closed.trades} trades")
    figure("executed notebook", f"{record.stat().st_size / 1024:.0f} KiB")


def test_a_changed_byte_of_the_record_is_named(tmp_path: Path) -> None:
    """After one byte of the executed notebook changed, verify names it and exits with 6."""
    assert run_rigd(tmp_path, "session").code == 0
    record = session_folders(tmp_path)[0] / "session.ipynb"
    content = bytearray(record.read_bytes())
    content[len(content) // 2] ^= 1
    record.write_bytes(bytes(content))
    found = run_rigd(tmp_path, "verify")
    assert found.code == 6
    assert "session.ipynb" in found.out + found.err


def test_the_kernel_of_a_session_stays_small(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """The kernel of a running session takes less memory than a page of the panel with pandas."""
    with session_of(tmp_path, "--speed", "12000") as running:
        running.wait_for_minute(330)
        rss = running.kernel.memory_info().rss / MEBIBYTE
        whole = sum(
            process.memory_info().rss
            for process in psutil.Process(running.process.pid).children(recursive=True)
        )
        assert running.ended().code == 0
    figure("memory of a session's kernel", f"{rss:.0f} MiB; with papermill {whole / MEBIBYTE:.0f}")
    assert rss < 177
