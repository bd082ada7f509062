"""The panel's kernels: whose each one is, what it inherits, and when it goes.

A kernel is given to the log-in whose request it is for, at its start or when it is taken from the
warm pool, in memory and in SYSTEM_USERS.db. It goes when its page is gone, when the log-in ends or
changes its role, or when the user opens another page too many.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from jupyter_core.utils import ensure_async
from jupyter_server import CallContext
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.web import HTTPError

from rigd.access.roles import Role
from rigd.access.session import bind, release
from rigd.access.users import standing
from rigd.core.errors import AccessError
from rigd.hosts.panel.frames import Allowance
from rigd.hosts.panel.identity import PanelUser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from rigd.core.ports import ControlClock
    from rigd.hosts.panel.identity import Desk

LOOK_S: Final = 0.4
"""How often log-ins and pages are looked at [s]; a log-in that ended is gone within a second."""

LOST_S: Final = 6.0
NEVER_S: Final = 30.0
"""A kernel goes so long after its page was lost, or was never shown [s]."""

LEAVE_S: Final = 1.0
"""How long a page that was left may still do what was pressed [s]: a Stop before a reload."""

MOST_PER_USER: Final = 2
"""Open pages of one user, over all log-ins; one more ends the oldest (FAULTS §4.7 S03)."""
MOST_WAITING: Final = 4
"""Pages that one user may ask for at once; they are made one after the other."""
MOST_SOCKETS: Final = 4
"""Sockets of one page: one, and what a lost connection leaves behind for a while."""

_LOG = logging.getLogger("rigd.panel")

_OF_VOILA = frozenset({
    "VOILA_PREHEAT",
    "VOILA_BASE_URL",
    "VOILA_SERVER_URL",
    "VOILA_APP_PORT",
})


@dataclass(slots=True, kw_only=True)
class Owned:
    """One kernel that was given away."""

    digest: str
    user: str
    role: Role
    since_s: float
    allowance: Allowance
    shown: bool = False
    lost_s: float | None = None
    sockets: set[Any] = field(default_factory=set)


@dataclass(slots=True)
class _Turn:
    """Whose page is made, and how many wait for theirs."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


class Kernels:
    """Whose kernels are whose.

    Parameters
    ----------
    desk
        The users.
    clock
        The control clock.
    """

    def __init__(self, desk: Desk, clock: ControlClock) -> None:
        self._desk = desk
        self._clock = clock
        self.owned: dict[str, Owned] = {}
        self.manager: Any = None
        self._turns: dict[str, _Turn] = {}
        self._told: set[str] = set()

    def owner_of(self, kernel: str) -> str | None:
        """Return the digest of the log-in that a kernel was given to."""
        held = self.owned.get(kernel)
        return held.digest if held else None

    def give(self, kernel: str, user: PanelUser, page: str) -> None:
        """Give a kernel to a log-in.

        Parameters
        ----------
        kernel
            Its id.
        user
            Who asked for the page.
        page
            Which page was asked for.

        Raises
        ------
        AccessError
            If the log-in ended meanwhile, or the kernel was given away before.
        """
        if user.role is None:
            msg = "a kernel must be given to a user with a role"
            raise AccessError(msg)
        bind(self._desk.database, kernel, user.digest, page, self._desk.now_s())
        self.owned[kernel] = Owned(
            digest=user.digest,
            user=user.username,
            role=user.role,
            since_s=self._clock.monotonic(),
            allowance=Allowance(self._clock),
        )

    def of(self, digest: str) -> list[str]:
        """Return the kernels of a log-in, the oldest first."""
        return [kernel for kernel, held in self.owned.items() if held.digest == digest]

    @asynccontextmanager
    async def turn(self, user: str) -> AsyncIterator[bool]:
        """Let one page of a user be made at a time, with room for it.

        Parameters
        ----------
        user
            Who asks for a page.

        Yields
        ------
        bool
            False when too many of theirs are asked for at once: none may be made.
        """
        turn = self._turns.setdefault(user, _Turn())
        if turn.waiting >= MOST_WAITING:
            yield False
            return
        turn.waiting += 1
        try:
            async with turn.lock:
                await self.make_room(user)
                yield True
        finally:
            turn.waiting -= 1
            if not turn.waiting:
                del self._turns[user]

    async def make_room(self, user: str) -> None:
        """End the oldest pages of a user who has as many as they may; those not shown go first."""
        held = [kernel for kernel, each in self.owned.items() if each.user == user]
        held.sort(key=lambda kernel: bool(self.owned[kernel].sockets))
        for kernel in held[: max(0, len(held) - MOST_PER_USER + 1)]:
            await self.end(kernel)

    def connected(self, kernel: str, socket: Any) -> bool:  # noqa: ANN401 - a socket's handler
        """Note that a page is shown; False when it has as many sockets as it may."""
        held = self.owned.get(kernel)
        if held is None or len(held.sockets) >= MOST_SOCKETS:
            return False
        held.sockets.add(socket)
        held.shown, held.lost_s = True, None
        return True

    def takes(self, kernel: str, size: int) -> bool:
        """Count what a page sends [bytes]; False when it is more than it may."""
        held = self.owned.get(kernel)
        return held is not None and held.allowance.takes(size)

    def disconnected(self, kernel: str, socket: Any) -> None:  # noqa: ANN401 - a socket's handler
        """Note that a page was lost."""
        held = self.owned.get(kernel)
        if held is None or socket not in held.sockets:
            return
        held.sockets.discard(socket)
        if not held.sockets:
            held.lost_s = self._clock.monotonic()

    async def end(self, kernel: str) -> None:
        """Close a page's sockets and end its kernel at once; what fails can be tried again."""
        held = self.owned.pop(kernel, None)
        for socket in list(held.sockets) if held else []:
            socket.close(1008, "the log-in of this page has ended")
        try:
            release(self._desk.database, kernel)
            await self._shut_down(kernel)
        except Exception:
            if held is not None:
                self.owned.setdefault(kernel, held)
            raise

    async def _shut_down(self, kernel: str) -> None:
        try:
            if kernel in self.manager:
                await ensure_async(self.manager.shutdown_kernel(kernel, now=True))
        except (KeyError, HTTPError):
            if kernel in self.manager:  # else it ended by itself meanwhile
                raise

    async def leave(self, kernel: str) -> None:
        """End the kernel of a page that was left, once what was pressed just before is sent."""
        await self._clock.wait(LEAVE_S)
        await self.end(kernel)

    async def end_all(self, digest: str) -> None:
        """End every page of a log-in."""
        for kernel in self.of(digest):
            await self.end(kernel)

    async def look(self) -> list[str]:
        """End the kernels whose time has come.

        Returns
        -------
        list of str
            Those that ended. One that cannot be ended keeps no other from its end; the next look
            tries again.
        """
        now = self._clock.monotonic()
        gone = []
        for kernel, held in list(self.owned.items()):
            try:
                if not self._is_over(kernel, held, now):
                    continue
                await self.end(kernel)
                if self._ended(held):
                    self._desk.users.holder(held.digest)
            except Exception as error:  # noqa: BLE001 - the watch's outermost loop
                self._tell(error)
            else:
                gone.append(kernel)
        return gone

    def _tell(self, error: Exception) -> None:
        """Write what failed to the panel's log, once for each cause."""
        text = f"{type(error).__name__}: {error}"
        if text not in self._told:
            self._told.add(text)
            _LOG.error("a page could not be ended, it is tried again: %s", text)

    async def watch(self) -> None:
        """Look again and again; no failure ends the watch."""
        while True:
            await self.look()
            await self._clock.wait(LOOK_S)

    def _is_over(self, kernel: str, held: Owned, now: float) -> bool:
        lost = held.lost_s is not None and now - held.lost_s >= LOST_S
        never = not held.shown and now - held.since_s >= NEVER_S
        dead = kernel not in self.manager
        return lost or never or dead or self._ended(held)

    def _ended(self, held: Owned) -> bool:
        """Tell whether the log-in ended, or its role is another than when the page was opened."""
        found = standing(self._desk.database, held.digest, self._desk.now_s())
        return found is None or found.user.role is not held.role


def kernel_environment(given: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a kernel.

    Parameters
    ----------
    given
        What Voila would hand over: this process's environment and parts of the request.
    own
        This server's environment, which holds no secret.

    Returns
    -------
    dict of str to str
        The server's own variables and four of Voila's; nothing that a browser can set.
    """
    return dict(own) | {name: given[name] for name in _OF_VOILA if name in given}


class RigdKernels(AsyncMappingKernelManager):
    """Starts kernels with a clean environment and gives them away."""

    kernels: Kernels
    own_environment: Mapping[str, str]

    async def _async_start_kernel(
        self,
        *,
        kernel_id: str | None = None,
        path: Any = None,  # noqa: ANN401 - of the base
        **given: Any,  # noqa: ANN401 - of the base
    ) -> str:
        warm = (given.get("env") or {}).get("VOILA_PREHEAT") == "True"
        given["env"] = kernel_environment(given.get("env") or {}, type(self).own_environment)
        started: str = await super()._async_start_kernel(kernel_id=kernel_id, path=path, **given)
        if not warm:
            await hand_out(type(self).kernels, started)
        return started

    start_kernel = _async_start_kernel  # type: ignore[assignment] # as the base does it


async def hand_out(kernels: Kernels, kernel: str) -> None:
    """Give a kernel to whoever sent the request that is being answered; end it when nobody did.

    Parameters
    ----------
    kernels
        Whose kernels are whose.
    kernel
        The kernel's id.

    Raises
    ------
    AccessError
        If there is nobody to give it to.
    """
    handler = CallContext.get(CallContext.JUPYTER_HANDLER)
    user = getattr(handler, "current_user", None)
    try:
        kernels.give(kernel, _required(user), getattr(handler, "page", ""))
    except AccessError:
        await kernels.end(kernel)
        raise


def _required(user: object) -> PanelUser:
    if isinstance(user, PanelUser):
        return user
    msg = "a kernel must be started for a log-in"
    raise AccessError(msg)
