"""Look for changed settings while a session runs: one file, read through the vault."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rigd.config.hot import Offer, Refusal
from rigd.config.parse import override
from rigd.core.errors import RigdError
from rigd.hosts.bot import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rigd.core.ports import ControlClock
    from rigd.hosts.bot import Bot

Mark = tuple[int, int, int]
"""Inode, time of change [ns] and size [bytes]: every whole replacement has another one."""


class SettingsWatch:
    """Offers the settings of a bot's file whenever the file was replaced.

    What is offered was read from one file, decrypted and validated as a whole, with the session's
    own changes laid over it. The first look always offers: a file may have changed since the plan
    was made, and while no process ran.

    Parameters
    ----------
    bot
        Whose settings.
    own
        The session's own changes (``--set``), by key.
    version_file
        VERSION.md, which VERSION_TAG must equal.
    clock
        The control clock.
    interval_s
        How often the file is looked at, at most [seconds].
    """

    def __init__(
        self,
        bot: Bot,
        own: Mapping[str, str],
        version_file: Path,
        clock: ControlClock,
        interval_s: float,
    ) -> None:
        self._home = bot.home
        self._source = bot.settings_source
        self._own = dict(own)
        self._version_file = version_file
        self._clock = clock
        self._interval_s = interval_s
        self._next_look = float("-inf")
        self._seen: Mark | None = None

    def poll(self) -> Offer | Refusal | None:
        """Return the file's settings when it was replaced since the last call.

        Returns
        -------
        Offer or Refusal or None
            Valid settings; or why they cannot be had: gone, not decrypted, malformed, or in
            conflict with the session's own changes. None when nothing was replaced.
        """
        now = self._clock.monotonic()
        if now < self._next_look:
            return None
        self._next_look = now + self._interval_s
        mark = self._mark()
        if mark == self._seen:
            return None
        self._seen = mark
        try:
            found = read_settings(self._home, self._source.removeprefix("env/"), self._version_file)
            settings = override(found, self._own, source="--set") if self._own else found
        except RigdError as error:
            return Refusal(source=self._source, reason=" ".join(str(error).split()))
        return Offer(settings=settings, source=self._source)

    def _mark(self) -> Mark:
        try:
            status = os.lstat(self._home.root / self._source)
        except OSError:
            return (0, 0, 0)
        return (status.st_ino, status.st_mtime_ns, status.st_size)
