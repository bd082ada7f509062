"""The one page of the panel's kernel: navigation, header, and the page that a person opened."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import ipywidgets

from rigd.access.roles import asks_again, may
from rigd.core.clock import SystemClock
from rigd.core.errors import AccessError, RigdError
from widgets import pages
from widgets.controls import button
from widgets.desk import Block, Desk, refusal, stack, visible
from widgets.facts import Facts
from widgets.markup import Html, sheet, tag
from widgets.parts import badge, instant, message, mode_badge
from widgets.states import view_of
from widgets.work import Threads

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from rigd.access.roles import Action
    from rigd.access.users import User
    from rigd.core.lifecycle import BotState
    from rigd.store.paths import Home
    from widgets.access import People, Requests, Session
    from widgets.desk import Page

TICK_S = 0.25
"""How often the header looks at its files [s]."""
LOOK = Path(__file__).with_name("look.css")


class Head(NamedTuple):
    """What stands above every page."""

    user: User
    state: BotState | None
    supervised: bool
    mode: str
    bot: str
    testing: str
    now: str
    allowed: frozenset[str]


class Router:
    """The panel in one kernel.

    Parameters
    ----------
    desk
        What the pages may use.
    first
        The page to begin with; blank for the one that the bot's state asks for.
    """

    def __init__(self, desk: Desk, first: str = "") -> None:
        self._desk = desk
        self._built: dict[str, Page] = {}
        self._asked = pages.find(first) if first else None
        self._shown: pages.Row | None = None
        self._state: BotState | None = None
        self._due = 0.0
        self._broken = False
        self.links = {
            row.name: button(row.title, "nav", partial(self.go, row.name))
            for row in pages.PAGES
            if row.listed
        }
        self.head = Block(kind="rigd-head")
        self.told = Block()
        self.body = stack(kind="rigd-body")
        self.foot = Block(kind="rigd-foot")
        brand = Block(
            tag("div", "RIGD", tag("span", "trading console"), kind="brand"), kind="rigd-brand"
        )
        nav = stack(brand, *self.links.values(), self.foot, kind="rigd-nav")
        main = stack(self.head, self.told, self.body, kind="rigd-main")
        self.view = ipywidgets.HBox([Block(sheet(LOOK), kind="rigd-look"), nav, main])
        self.view.add_class("rigd-app")

    def go(self, name: str) -> None:
        """Open a page for a user who may see it; the check is made and noted at this moment."""
        row = pages.find(name)
        if row is None:
            return

        def opened(_: object) -> None:
            self.told.show(Html())
            self._open(row)

        self._desk.work.do(
            lambda: self._admit(row.action),
            opened,
            lambda error: self.told.show(refusal(error)),
        )

    def read(self) -> tuple[Head, Any]:
        """Return the header and, when it is due, what the open page shows; in a worker thread.

        Returns
        -------
        tuple
            `Head`, and the page's own reading or None.

        Raises
        ------
        AccessError
            If the log-in ended.
        """
        session, facts = self._desk.session, self._desk.facts
        user, stands = session.user(), facts.standing()
        head = Head(
            user=user,
            state=stands.state,
            supervised=not stands.told,
            mode=facts.mode(),
            bot=str(facts.bot() or ""),
            testing=facts.testing(),
            now=instant(f"{facts.now():%Y-%m-%dT%H:%M:%S}.Z"),
            allowed=frozenset(row.name for row in pages.PAGES if may(user.role, row.action)),
        )
        row = self._shown
        page = self._built.get(row.name) if row else None
        if row is None or page is None or row.name not in head.allowed or not self._is_due():
            return head, None
        return head, page.read()

    def draw(self, head: Head, found: Any) -> None:  # noqa: ANN401 - the page's own reading
        """Show what was read; the page follows the bot's state until a person chooses another."""
        self._draw_head(head)
        row = self._shown
        page = self._built.get(row.name) if row else None
        if row is not None and row.name not in head.allowed:
            self.body.children = ()
            self.told.show(tag("p", f"{row.title} is not open to {head.user.role}", kind="empty"))
        elif page is not None and found is not None:
            page.draw(found)
            self._due = self._desk.clock.monotonic() + page.every_s
        self._follow(head)

    def ended(self, error: RigdError) -> None:
        """Show that the log-in ended, and nothing else."""
        self.head.show(Html())
        self.foot.show(Html())
        self.body.children = ()
        for link in self.links.values():
            visible(link, on=False)
        again = tag("a", "log in again", href=f"{self._desk.base}login", kind="link")
        self.told.show(tag("div", refusal(error), " ", again, kind="pane"))

    async def run(self, clock: SystemClock) -> None:
        """Read in a thread and draw, again and again, until the log-in ends."""
        while True:
            tick = asyncio.ensure_future(self._tick())
            await asyncio.wait({tick})
            error = tick.exception()
            if isinstance(error, AccessError):
                self.ended(error)
                return
            self.failed(error)
            await clock.wait(TICK_S)

    def failed(self, error: BaseException | None) -> None:
        """Tell that the open page could not be drawn; the next tick tries again."""
        broken = error is not None
        if broken:
            kind = type(error).__name__
            words = f"this page could not be drawn ({kind}); the other pages and the bot go on"
            self.told.show(
                refusal(error) if isinstance(error, RigdError) else message(words, "bad")
            )
        elif self._broken:
            self.told.show(Html())
        self._broken = broken

    async def _tick(self) -> None:
        self.draw(*await asyncio.to_thread(self.read))

    def _admit(self, action: Action) -> None:
        """Refuse who may not see a page, and note it; reading asks for no password again."""
        session = self._desk.session
        if not (asks_again(action) and session.may(action)):
            session.require(action)

    def _is_due(self) -> bool:
        return self._desk.clock.monotonic() >= self._due

    def _open(self, row: pages.Row) -> None:
        if row.name not in self._built:
            self._built[row.name] = row.page(self._desk)
        self._shown = row
        self._due = 0.0
        self.body.children = (self._built[row.name].view,)
        for name, link in self.links.items():
            (link.add_class if name == row.name else link.remove_class)("on")

    def _follow(self, head: Head) -> None:
        """Open the first page, and the one that a new state of the bot asks for (U1-U6)."""
        wanted = pages.find(view_of(head.state, testing=bool(head.testing)).page)
        changed = head.state != self._state
        self._state = head.state
        if self._shown is None:
            self._start(self._asked or wanted, head)
        elif changed and wanted is not None and self._follows(wanted.name):
            self._start(wanted, head)

    def _follows(self, wanted: str) -> bool:
        """Tell whether a change of state changes the page: only between the views of states."""
        shown = self._shown.name if self._shown else ""
        views = {"dashboard", "halted", "registration"}
        return shown != wanted and (shown in views or (wanted == "halted" and shown == "status"))

    def _start(self, row: pages.Row | None, head: Head) -> None:
        chosen = row if row is not None and row.name in head.allowed else None
        chosen = chosen or next((each for each in pages.PAGES if each.name in head.allowed), None)
        if chosen is not None:
            self._open(chosen)

    def _draw_head(self, head: Head) -> None:
        for name, link in self.links.items():
            visible(link, on=name in head.allowed)
        title = self._shown.title if self._shown else ""
        state = head.state.value.replace("_", " ") if head.state else "no supervisor"
        tone = view_of(head.state, testing=bool(head.testing)).tone
        self.head.show(
            tag(
                "div",
                tag("h1", title),
                mode_badge(head.mode),
                badge(state, tone),
                "" if head.supervised or head.state is None else badge("no supervisor", "warn"),
                badge("tests run", "info") if head.testing else "",
                tag("span", head.bot, kind="bot"),
                tag("span", head.now, kind="now"),
                kind=f"head {head.mode.lower().replace(' ', '-')}",
            )
        )
        self.foot.show(
            tag(
                "div",
                tag("b", head.user.name),
                tag("span", head.user.role.value),
                tag("a", "Sign out", href=f"{self._desk.base}logout"),
                kind="who",
            )
        )


def show(
    session: Session,
    requests: Requests,
    home: Home,
    *,
    people: Callable[[], AbstractContextManager[People]],
    first: str = "",
) -> ipywidgets.Widget:
    """Build the panel in this kernel and keep it up to date.

    Parameters
    ----------
    session
        The log-in that this kernel was given.
    requests
        The door to the supervisor.
    home
        Whose files are shown.
    people
        Opens the users' database for one piece of work.
    first
        The page to begin with; blank for the one that the bot's state asks for.

    Returns
    -------
    Widget
        The whole page.
    """
    clock = SystemClock()
    work = Threads(clock)
    desk = Desk(
        session=session,
        requests=requests,
        facts=Facts(home, clock),
        people=people,
        clock=clock,
        work=work,
    )
    router = Router(desk, first)
    work.start(router.run(clock))
    return router.view
