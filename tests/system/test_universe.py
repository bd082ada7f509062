"""The build of the universe, killed by kill -9 at each of its writes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from rigd.config.sources import checkout

pytestmark = pytest.mark.system


def test_a_build_killed_at_any_write_ends_with_the_same_bytes(tmp_path, figure) -> None:
    """Each child dies by SIGKILL at one change of the disk; the next one takes the build up."""
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "tests.system.universe_process", str(tmp_path / "world")],
        cwd=checkout(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    figure("universe build: kills by SIGKILL", str(found["killed"]))
    assert found["wrong"] == []
    assert found["killed"] > 40
    assert found["files"] == 8
