"""bot_state.txt: what the bot is doing, in one of the 16 words of document 070; one writer.

It is written by whoever holds the bot's launch lock: the launcher or supervisor of its sessions, or
`rigd kill` when there is none any more.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from rigd.core.errors import StorageError
from rigd.core.lifecycle import BotState, check_step
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from rigd.store.paths import Home

WRITER = "rigd.hosts.bot_state"


def read_state(home: Home) -> BotState | None:
    """Return what the file says; None when it is missing or holds no state."""
    with suppress(StorageError, ValueError), Registry(home) as registry:
        return BotState(registry.read("bot_state.txt").decode("ascii", "replace").strip())
    return None


class BotStateFile:
    """Writes the file when the state changes.

    Parameters
    ----------
    home
        Whose state.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._last = ""

    @property
    def state(self) -> BotState | None:
        """What was published last through this object; None before anything was."""
        return BotState(self._last) if self._last else None

    def write(self, text: str) -> None:
        """Publish a state; one that is published already, or is no state, changes nothing."""
        if text == self._last or text not in set(BotState):
            return
        with Registry(self._home) as registry:
            registry.write("bot_state.txt", f"{text}\n".encode(), writer=WRITER)
        self._last = text

    def step(self, state: BotState) -> None:
        """Publish the next state, as the table has it.

        Raises
        ------
        LogicError
            If the step is not in the table.
        """
        if self._last:
            check_step(BotState(self._last), state)
        self.write(state.value)
