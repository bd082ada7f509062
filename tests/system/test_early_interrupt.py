"""Ctrl-C while `rigd` still loads: one line and exit code 7, whatever is being imported."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rigd.config.sources import HOME_VARIABLE, checkout
from rigd.core.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

EVERY = ("rigd.cli", "rigd.cli.app", "pathlib", "typer", "inspect", "typer.core")
"""Modules that each command loads, in this order."""
COMMANDS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("--help",): (*EVERY, "rich.console", "decimal", "markdown_it.main"),
    ("health",): (*EVERY, "rigd.cli.up", "rigd.hosts.up.facts", "rigd.config.schema"),
    ("up", "--no-panel"): (*EVERY, "rigd.cli.up", "rigd.hosts.bot", "rigd.hosts.up.service"),
}
"""Where each command is interrupted: when it begins to load a module."""
INTERRUPTED_AT = """\
import os, runpy, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[0]:
            os.write(2, b"now: ")
            os.kill(os.getpid(), signal.SIGINT)

module, *sys.argv[1:] = sys.argv[1:]
sys.argv[0] = module
sys.meta_path.insert(0, Finder())
runpy.run_module("rigd", run_name="__main__", alter_sys=False)
"""


def interrupted(home: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `rigd` in a process that interrupts itself when it begins to load a module."""
    return subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", INTERRUPTED_AT, module, *arguments],
        env=dict(os.environ) | {HOME_VARIABLE: str(home)},
        cwd=checkout(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("command", "module"),
    [(command, module) for command, modules in COMMANDS.items() for module in modules],
)
def test_ctrl_c_while_it_loads_is_one_line(
    tmp_path: Path, command: tuple[str, ...], module: str
) -> None:
    """No traceback, the code of an interrupt, and nothing was written."""
    ended = interrupted(tmp_path, module, *command)
    assert ended.stderr == "now: interrupted\n"
    assert ended.returncode == ExitCode.INTERRUPTED
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    """Under nohup, or behind & in a script, Ctrl-C of the terminal is not its own."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        ended = interrupted(tmp_path, "typer", "--help")
    finally:
        signal.signal(signal.SIGINT, before)
    assert (ended.returncode, ended.stderr) == (0, "now: ")


def test_the_code_is_that_of_every_interrupt() -> None:
    """The entry names it without loading the table of codes."""
    from rigd import __main__ as entry  # noqa: PLC0415 - as it is run

    assert entry.INTERRUPTED == ExitCode.INTERRUPTED
