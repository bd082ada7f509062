"""Run the small session once at the door, and print its boundaries as JSON: ``FOLDER``.

Started under strace, which then sees every call of the same process by itself.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rigd.hosts.crashes.processes import Stage
from rigd.hosts.crashes.sessions import session_of


def main(folder: str) -> int:
    """Run it; the session's home is ``FOLDER/home``."""
    stage = Stage(session_of("small"), Path(folder) / "template")
    home = stage.home(Path(folder) / "home")
    names: list[str] = []
    with stage.broker(home) as port:
        stage.run(home, port, on_call=lambda boundary: names.append(boundary.name)).require_good()
    sys.stdout.write(json.dumps(names) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
