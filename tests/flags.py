"""No test runs without its flag (document 070): ``test_mode_<name>.flag`` in a control folder.

Under pytest the flag lies in a temporary control folder of the run, put and removed by a fixture.
Started by hand as ``python -m tests.test_<name>``, it must lie in the control folder of the home.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

REFUSED = 2
"""Exit code of a test module that was started without its flag."""


def flag_name(module: str) -> str:
    """Return the flag's file name for a module such as ``tests.store.test_files``."""
    parts = module.removeprefix("tests.").split(".")
    return f"test_mode_{'_'.join([*parts[:-1], parts[-1].removeprefix('test_')])}.flag"


def missing_flag(control: Path, name: str) -> str:
    """Return a message when the flag does not lie in the control folder, else a blank."""
    if (control / name).is_file():
        return ""
    return f"refused: {name} does not lie in {control.name}/; it allows this test to run"


def run_by_hand(file: str) -> int:
    """Run one test module by itself; its flag is used up by the run.

    Returns pytest's exit code, or 2 when the flag does not lie in the home's control folder.
    """
    from rigd.config.sources import rigd_home  # noqa: PLC0415 - only when started by hand

    control = rigd_home() / "runs" / "control"
    name = flag_name(f"tests.{Path(file).stem}")
    refusal = missing_flag(control, name)
    if refusal:
        sys.stderr.write(f"{refusal}\nnext: touch $RIGD_HOME/runs/control/{name}\n")
        return REFUSED
    try:
        return int(pytest.main([file, "-p", "no:cacheprovider"]))
    finally:
        (control / name).unlink(missing_ok=True)


def under_ci() -> bool:
    """Tell whether a skipped test counts as a failed one."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}
