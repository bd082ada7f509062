"""The panel's beat: one byte a second from its loop to the supervisor, through a pipe.

A process can live while its loop hangs, and then it answers nobody. The beat comes from the loop
that answers, so it stops with it, whatever the address and the certificate are. It is no file: a
full or slow disk would end a panel that is well, and a beat of an earlier panel is never read.
Nothing that the panel starts inherits the pipe: a page's kernel has no part in it.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from rigd.core.errors import ConfigError

if TYPE_CHECKING:
    from rigd.core.ports import ControlClock

BEAT_S: Final = 1.0
"""How often the loop says that it runs [s]."""


class Pulse:
    """Says that the loop runs.

    Parameters
    ----------
    pipe
        The end to write to, inherited from the supervisor; it goes to no child of this process.
    clock
        The control clock.

    Raises
    ------
    ConfigError
        If the descriptor is no pipe.
    """

    def __init__(self, pipe: int, clock: ControlClock) -> None:
        _require_pipe(pipe)
        os.set_inheritable(pipe, False)
        os.set_blocking(pipe, False)
        self._pipe = pipe
        self._clock = clock

    def beat(self) -> None:
        """Say it once; a supervisor that is gone, or reads no more, stops no panel."""
        with suppress(OSError):
            os.write(self._pipe, b".")

    async def run(self) -> None:
        """Say it again and again, as long as the loop runs."""
        while True:
            self.beat()
            await self._clock.wait(BEAT_S)


def _require_pipe(pipe: int) -> None:
    try:
        is_pipe = stat.S_ISFIFO(os.fstat(pipe).st_mode)
    except (OSError, OverflowError):
        is_pipe = False
    if not is_pipe:
        msg = f"--pulse must be an inherited pipe, descriptor {pipe} is none"
        raise ConfigError(msg, fix="leave it out: rigd up gives it to the panel that it starts")
