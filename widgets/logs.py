"""The logs page: exactly the files that document 070 shows, filtered, followed, to download."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from rigd.access.roles import Action
from rigd.reporting import shown_logs
from widgets.controls import button, choice, field
from widgets.desk import Block, Page, framed, row, stack
from widgets.markup import tag
from widgets.parts import heading, log_rows, message, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ipywidgets

    from rigd.reporting.shown_logs import Line, LogFile

LINES = 300
DOWNLOAD = "download/log/"
"""Where the server hands a shown log out, by its name in the output table."""
LEVELS = [
    ("all levels", ""),
    ("info and above", "INFO"),
    ("warnings", "WARNING"),
    ("errors", "ERROR"),
]


class Reading(NamedTuple):
    """The list of files and the rows of the chosen one."""

    files: Sequence[LogFile]
    lines: Sequence[Line]
    chosen: str


class Logs(Page):
    """One file at a time, newest rows below."""

    every_s = 1.0

    def build(self) -> ipywidgets.Widget:
        """Return the page."""
        self._chosen = ""
        self._buttons: dict[str, ipywidgets.Button] = {}
        self._frozen: tuple[str, Sequence[Line]] | None = None
        self.list = stack(kind="log-list")
        self.filter = field("", placeholder="filter: any text")
        self.level = choice("", LEVELS)
        self.follow = button("Following", "ghost", self._follow)
        self.following = True
        self.head = Block()
        self.rows = Block(kind="log-rows")
        bar = row(self.head, self.filter, self.level, self.follow, kind="log-bar")
        return row(framed(self.list, kind="log-files"), framed(bar, self.rows, kind="log-pane"))

    def read(self) -> Reading:
        """Return the files and the rows that the filter lets through."""
        facts = self.desk.facts
        files = shown_logs.listing(facts.home, facts.bot())
        present = [file.name for file in files if file.size is not None]
        chosen = self._chosen or (present[0] if present else "")
        if not chosen:
            return Reading(files, (), "")
        path = shown_logs.path_of(facts.home, facts.bot(), chosen)
        lines = shown_logs.tail(
            path, LINES, containing=str(self.filter.value), level=str(self.level.value or "")
        )
        return Reading(files, lines, chosen)

    def draw(self, found: Reading) -> None:
        """Show them; while following is off the rows stay as they are."""
        self._draw_list(found)
        shown = next((file for file in found.files if file.name == found.chosen), None)
        link = tag("a", "download", href=f"{self.desk.base}{DOWNLOAD}{found.chosen}", kind="link")
        note = f"{size(shown.size)}, written by {shown.alias}" if shown else ""
        self.head.show(heading(found.chosen or "no log yet", note, " ", link if shown else ""))
        key = f"{found.chosen}|{self.filter.value}|{self.level.value}"
        if self.following or self._frozen is None or self._frozen[0] != key:
            self._frozen = key, found.lines
        self.rows.show(log_rows(self._frozen[1]))

    def choose(self, name: str) -> None:
        """Show another file; only a name of the table is taken."""
        if self.desk.session.may(Action.VIEW_LOGS) and name in self._buttons:
            self._chosen = name
            self.rows.show(message("reading…", "muted"))

    def _draw_list(self, found: Reading) -> None:
        names = [file.name for file in found.files]
        if names != list(self._buttons):
            self._buttons = {
                name: button(name, "file", partial(self.choose, name)) for name in names
            }
            self.list.children = tuple(self._buttons.values())
        for file in found.files:
            made = self._buttons[file.name]
            made.disabled = file.size is None
            made.tooltip = f"{file.folder} log, {size(file.size)}"
            (made.add_class if file.name == found.chosen else made.remove_class)("on")

    def _follow(self) -> None:
        self.following = not self.following
        self.follow.description = "Following" if self.following else "Paused"
