"""The chart of accounts with its versions; changed by administrators, through this page alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from rigd.access.roles import Action
from rigd.core.errors import RigdError
from rigd.ledger.chart import CHART, VERSION, Account
from widgets.controls import Confirmed, button, field
from widgets.desk import Block, Page, framed, refusal, row, stack, visible
from widgets.markup import Html, tag
from widgets.parts import badge, heading, instant, message, money, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import ipywidgets

    from rigd.ledger.viewing import BooksView

EXPORT = "coa/export"
API = "coa/api"


class Reading(NamedTuple):
    """The versions, newest first, and the balances."""

    versions: Sequence[Mapping[str, Any]]
    books: BooksView | None
    may_edit: bool


class ChartOfAccounts(Page):
    """Accounts by number, what they hold, and how the chart came to be."""

    every_s = 2.0

    def build(self) -> ipywidgets.Widget:
        """Return the page."""
        self._names: dict[int, str] = {}
        self._wanted: dict[int, str] = {}
        self._version = VERSION
        self.told = Block()
        self.number = field("", placeholder="number, 1000-5999")
        self.name = field("", placeholder="name")
        self.why = field("", placeholder="why (kept with the version)")
        self.add = button("Add or rename", "", self._add)
        self.clear = button("Clear", "ghost", self._clear)
        self.save = Confirmed("Save version", "Confirm version", "go", self.desk.clock, self._save)
        self.diff = Block()
        self.editor = framed(
            Block(heading("New version", "accounts are added and renamed, never removed")),
            row(self.number, self.name, self.add, self.clear, kind="edit"),
            self.diff,
            row(self.why, self.save.view, kind="edit"),
            self.told,
        )
        self.accounts = Block()
        self.history = Block()
        return stack(
            self.editor,
            row(framed(self.accounts), framed(self.history, kind="side"), kind="wide"),
        )

    def read(self) -> Reading:
        """Return the chart, its history and the balances."""
        facts = self.desk.facts
        return Reading(
            facts.chart_versions(), facts.books(), self.desk.session.may(Action.EDIT_CHART)
        )

    def draw(self, found: Reading) -> None:
        """Show them."""
        self.save.tick()
        visible(self.editor, on=found.may_edit)
        newest = found.versions[0] if found.versions else {}
        self._version = int(newest.get("version", VERSION))
        self._names = names_of(newest)
        self._draw_diff()
        self.accounts.show(_accounts(self._names, found.books, self._version, self.desk.base))
        self.history.show(_history(found.versions))

    def _add(self) -> None:
        try:
            number = int(str(self.number.value).strip())
            Account(number=number, name=str(self.name.value))
        except (ValueError, RigdError) as error:
            self.told.show(
                refusal(error)
                if isinstance(error, RigdError)
                else message("a number must be of four digits", "warn")
            )
            return
        name = str(self.name.value).strip()
        if not 2 <= len(name) <= 60:
            self.told.show(message("a name must have 2 to 60 characters", "warn"))
            return
        self._wanted[number] = name
        self.told.show(Html())
        self._draw_diff()

    def _clear(self) -> None:
        self._wanted.clear()
        self._draw_diff()

    def _changes(self) -> list[tuple[int, str, str]]:
        return [
            (number, self._names.get(number, ""), name)
            for number, name in sorted(self._wanted.items())
            if self._names.get(number) != name
        ]

    def _draw_diff(self) -> None:
        changes = self._changes()
        self.save.enable(on=bool(changes))
        rows = [
            (number, tag("del", before or "(none)"), tag("ins", after))
            for number, before, after in changes
        ]
        self.diff.show(table(("No.", "Now", "Then"), rows, empty="no change yet"))

    def _save(self) -> None:
        if not self._changes():
            return
        names = {**self._names, **self._wanted}
        version = {
            "version": self._version + 1,
            "follows": self._version,
            "accounts": [{"number": n, "name": names[n]} for n in sorted(names)],
        }
        self.desk.send(
            self.told,
            Action.EDIT_CHART,
            why=str(self.why.value).strip() or "changed on the chart page",
            payload={"version": json.dumps(version)},
            then=self._clear,
        )


def names_of(version: Mapping[str, Any]) -> dict[int, str]:
    """Return the accounts of a version, the template's where it says nothing."""
    names = {account.number: account.name for account in CHART}
    for held in version.get("accounts") or ():
        try:
            names[int(held["number"])] = str(held["name"])
        except (KeyError, TypeError, ValueError):
            continue
    return names


def _accounts(names: Mapping[int, str], books: BooksView | None, version: int, base: str) -> Html:
    held = {line.account: line.debit - line.credit for line in books.trial} if books else {}
    rows = [
        (
            number,
            names[number],
            badge(Account(number=number, name=names[number]).kind.value),
            money(held[number]) if number in held else Html(""),
        )
        for number in sorted(names)
    ]
    links = tag(
        "span",
        tag("a", "export", href=f"{base}{EXPORT}", kind="link"),
        " ",
        tag("a", "api", href=f"{base}{API}", kind="link"),
    )
    return tag(
        "div",
        heading("Chart of accounts", f"version {version} ", links),
        table(("No.", "Account", "Kind", "Balance"), rows, numeric=(3,)),
    )


def _history(versions: Sequence[Mapping[str, Any]]) -> Html:
    rows = [
        (held.get("version"), instant(held.get("at")), held.get("by"), held.get("why"))
        for held in versions
    ]
    rows.append((VERSION, "", "template", "shipped with the program"))
    return tag("div", heading("Versions"), table(("Version", "At", "By", "Why"), rows))
