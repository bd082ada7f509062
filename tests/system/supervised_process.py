"""Run a supervised session on a notebook of the test's own: ``HOME NOTEBOOK REQUEST``."""

from __future__ import annotations

import sys
from pathlib import Path

from rigd.core.clock import SystemClock
from rigd.core.ids import SystemIds
from rigd.hosts.launch import Launcher
from rigd.hosts.request import SessionRequest
from rigd.store.paths import Home


def main(arguments: list[str]) -> int:
    """Run it; return what `rigd session --supervised` would return."""
    home, notebook, request = arguments
    launcher = Launcher(
        Home(Path(home)),
        SystemClock(),
        SystemIds(),
        lambda _: None,
        supervised=True,
        notebook=Path(notebook),
    )
    ended = launcher.launch(SessionRequest.from_json(request))
    sys.stdout.write(f"{ended.message or ended.closed}\n")
    return ended.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
