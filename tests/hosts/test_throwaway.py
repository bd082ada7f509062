"""A throw-away home lives as long as its process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
from rigd.hosts.throwaway import throwaway_home
home = throwaway_home()
(home / "runs").mkdir()
(home / "runs" / "journal.log").write_text("x")
print(home, (home / "runs" / "journal.log").exists())
"""


def test_it_is_gone_when_its_process_is() -> None:
    """Files in it do not keep it; while the process runs it is there."""
    command = [sys.executable, "-c", CODE]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own code
    home, there = told.split()
    assert there == "True"
    assert Path(home).name.startswith("rigd-")
    assert not Path(home).exists()
