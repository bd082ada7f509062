"""A home for a notebook that is run by hand: it goes with the process that made it."""

from __future__ import annotations

import atexit
from pathlib import Path
from tempfile import TemporaryDirectory


def throwaway_home() -> Path:
    """Return a new empty folder, which is removed when this process ends.

    Returns
    -------
    Path
        Absolute, below the system's folder for temporary files.
    """
    folder = TemporaryDirectory(prefix="rigd-", ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    return Path(folder.name).absolute()
