"""Two sessions of one bot at once."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import pytest

from tests.system.processes import run_rigd, session_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.system


def test_the_second_session_is_refused_at_once(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """It exits with 3 within a second of its own start-up and names the owner's process."""
    with session_of(tmp_path, "--speed", "600") as running:
        running.wait_for_minute(2)
        bare = median(run_rigd(tmp_path, "--help").seconds for _ in range(3))
        second = run_rigd(tmp_path, "session", "--speed", "600")
        assert second.code == 3, second.err
        assert str(running.process.pid) in second.err or str(running.kernel.pid) in second.err
        took = second.seconds - bare
        figure("the second session is refused after", f"{took:.2f} s (rigd --help {bare:.2f} s)")
        assert took < 1.0


def test_a_kernel_that_outlived_its_launcher_still_owns_the_bot(tmp_path: Path) -> None:
    """While a kernel runs, its launcher gone, another session is refused and told whose it is."""
    with session_of(tmp_path, "--speed", "600") as running:
        running.wait_for_minute(2)
        running.process.kill()
        second = run_rigd(tmp_path, "session", "--speed", "600")
        assert second.code == 3, second.err
        assert str(running.kernel.pid) in second.err
