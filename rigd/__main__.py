"""``rigd`` and ``python -m rigd`` are the command line; Ctrl-C while it loads ends it in a line."""

import os
import signal
from types import FrameType

INTERRUPTED = 7
"""As `rigd.core.errors.ExitCode`, which is not loaded yet."""


def main() -> None:
    """Load the command line and run it; an interrupt is the command's own once it is loaded."""
    is_ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not under nohup
    if is_ours:
        signal.signal(signal.SIGINT, _end)
    from rigd.cli.app import main as run  # noqa: PLC0415 - most of the start-up

    if is_ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


def _end(_number: int, _frame: FrameType | None) -> None:
    """End at once: an exception in an import ends in a traceback, or in a library's hands."""
    os.write(2, b"interrupted\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
