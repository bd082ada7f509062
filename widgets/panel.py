"""What a notebook of the panel calls: `open` shows the panel for the log-in of this kernel.

The notebook ends at once, so that a kernel can be made before somebody asks for it; the pages are
built when the server has bound the kernel to a log-in, and without one there is nothing to see.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import ipywidgets

from rigd.access.directory import users_of
from rigd.access.requests import Requests
from rigd.access.session import of_kernel_later
from rigd.config.sources import rigd_home
from rigd.core.clock import SystemClock
from rigd.core.errors import RigdError
from rigd.core.ids import SystemIds
from rigd.reporting.live_chart import TOTAL, Points, pnl_item
from rigd.store.paths import Home
from widgets import router
from widgets.desk import Block, refusal
from widgets.markup import sheet, tag
from widgets.work import Threads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from widgets.access import Session


def open(page: str = "") -> ipywidgets.Widget:  # noqa: A001 - the word that a notebook reads by
    """Show the panel in this kernel.

    Parameters
    ----------
    page
        The page to begin with, by its name or an alias such as ``logs_web``; blank for the one
        that the bot's state asks for.

    Returns
    -------
    Widget
        Blank until the kernel is bound to a log-in.
    """
    home, clock = Home(rigd_home()), SystemClock()
    place = ipywidgets.Box([
        Block(sheet(router.LOOK)),
        Block(tag("p", "Connecting to the session…")),
    ])
    place.add_class("rigd-wait")
    find = partial(of_kernel_later, home, clock)
    Threads(clock).start(fill(place, find, home, clock, page))
    return place


async def fill(
    place: ipywidgets.Box,
    find: Callable[[], Awaitable[Session]],
    home: Home,
    clock: SystemClock,
    page: str,
) -> None:
    """Put the panel in its place once a log-in is found; a refusal is shown instead.

    Parameters
    ----------
    place
        Where it goes.
    find
        Waits for the log-in, or raises.
    home, clock
        Whose panel, and wall time.
    page
        The page to begin with.
    """
    await asyncio.to_thread(warm)
    try:
        session = await find()
    except RigdError as error:
        place.children = (*place.children[:1], Block(refusal(error)))
        return
    requests = Requests(home, clock, SystemIds())
    first = page or str(getattr(session, "page", ""))
    place.children = (
        router.show(session, requests, home, people=partial(users_of, home, clock), first=first),
    )


def warm() -> None:
    """Load what the first chart needs, while nobody waits for it."""
    pnl_item({TOTAL: Points((0.0,), (0.0,))}, height=100)
