"""The books: balances, and entries grouped by transaction; read only (document 090, ledger_web)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rigd.access.roles import Action
from rigd.core.errors import LedgerError
from rigd.core.money import MONEY_DECIMALS, QUANTITY_DECIMALS, from_units
from rigd.ledger import chart
from widgets.controls import button, field
from widgets.desk import Block, Page, framed, row, stack
from widgets.markup import Html, tag, text
from widgets.parts import badge, card, cards, heading, instant, money, plain_number, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ipywidgets

    from rigd.ledger.statement import Posted
    from rigd.ledger.viewing import BooksView

FORMATS = ("ofx", "beancount", "csv", "json")
EXPORT = "download/books/"
"""Where the server hands the books out, by format."""
AT_ONCE = 40
NONE = Html()


class Reading(NamedTuple):
    """The books, and whether they may be taken away."""

    books: BooksView | None
    may_export: bool


class Books(Page):
    """Entries grouped, balances, export."""

    every_s = 2.0

    def build(self) -> ipywidgets.Widget:
        """Return the page."""
        self._page = 0
        self.figures = Block()
        self.balances = Block()
        self.head = Block()
        self.filter = field("", placeholder="filter: symbol, event or strategy")
        self.filter.observe(lambda _: self._turn(-self._page), "value")
        self.older = button("Older", "ghost", lambda: self._turn(1))
        self.newer = button("Newer", "ghost", lambda: self._turn(-1))
        self.entries = Block()
        return stack(
            self.figures,
            row(
                framed(self.balances, kind="side"),
                framed(
                    row(self.head, self.filter, self.newer, self.older, kind="log-bar"),
                    self.entries,
                ),
                kind="wide reversed",
            ),
        )

    def read(self) -> Reading:
        """Return the books at one moment."""
        return Reading(self.desk.facts.books(), self.desk.session.may(Action.EXPORT_BOOKS))

    def draw(self, found: Reading) -> None:
        """Show them."""
        if found.books is None:
            self.figures.show(tag("p", "no books yet: the first session begins them", kind="empty"))
            return
        books = found.books
        links = [
            tag("a", form, href=f"{self.desk.base}{EXPORT}{form}", kind="link") for form in FORMATS
        ]
        self.figures.show(
            cards(
                card("Ledger", books.identity, f"account {books.account.account_id}"),
                card("Transactions", len(books.transactions), "append only, chained"),
                card("Debit", money(books.debit), books.account.currency),
                card("Credit", money(books.credit), books.account.currency),
                card(
                    "Balance",
                    "balanced" if books.debit == books.credit else "NOT BALANCED",
                    tag("span", "export ", *_spaced(links)) if found.may_export else "",
                    "ok" if books.debit == books.credit else "bad",
                ),
            )
        )
        self.balances.show(_balances(books))
        wanted = str(self.filter.value).casefold()
        held = [posted for posted in reversed(books.transactions) if wanted in _words(posted)]
        last = max(0, (len(held) - 1) // AT_ONCE)
        self._page = min(max(self._page, 0), last)
        shown = held[self._page * AT_ONCE : (self._page + 1) * AT_ONCE]
        self.head.show(heading("Entries", f"{len(held)}, page {self._page + 1} of {last + 1}"))
        self.entries.show(_entries(shown))

    def _turn(self, by: int) -> None:
        self._page = max(0, self._page + by)


def _spaced(links: Sequence[Html]) -> list[object]:
    return [part for link in links for part in (link, " ")]


def _words(posted: Posted) -> str:
    held = posted.row
    return f"{held.symbol} {held.event} {held.strategy} {held.external_id}".casefold()


def _balances(books: BooksView) -> Html:
    rows: list[Sequence[object]] = [
        (
            line.account,
            line.name,
            badge(chart.find(line.account).kind.value),
            money(line.debit) if line.debit else NONE,
            money(line.credit) if line.credit else NONE,
        )
        for line in books.trial
    ]
    rows.append((NONE, tag("b", "total"), NONE, money(books.debit), money(books.credit)))
    return tag(
        "div",
        heading("Balances", books.account.currency),
        table(("No.", "Account", "Kind", "Debit", "Credit"), rows, numeric=(3, 4), kind="totalled"),
    )


def _entries(shown: Sequence[Posted]) -> Html:
    """Return transactions, each with its legs below it."""
    columns = (
        "No.",
        "Traded",
        "Event",
        "Symbol",
        "Strategy",
        "Quantity",
        "Price",
        "Debit",
        "Credit",
    )
    rows: list[Sequence[object]] = []
    for row_, legs in shown:
        rows.append((
            tag("b", row_.txn),
            instant(row_.traded_at),
            badge(row_.event, "warn" if row_.reverses else "info"),
            tag("b", row_.symbol),
            text(row_.strategy),
            plain_number(from_units(row_.quantity, QUANTITY_DECIMALS)) if row_.quantity else NONE,
            plain_number(from_units(row_.price, MONEY_DECIMALS)) if row_.price else NONE,
            NONE,
            NONE,
        ))
        for leg in legs:
            amount = from_units(abs(leg.amount), MONEY_DECIMALS)
            rows.append((
                NONE,
                tag("span", leg.account, kind="leg"),
                tag("span", _name(leg.account), kind="leg"),
                *(NONE, NONE, NONE, NONE),
                money(amount) if leg.amount > 0 else NONE,
                money(amount) if leg.amount < 0 else NONE,
            ))
    return table(columns, rows, numeric=(5, 6, 7, 8), kind="entries", empty="no entry")


def _name(number: int) -> str:
    """Return an account's name; control accounts (9100-9399) have none in the chart."""
    try:
        return chart.find(number).name
    except LedgerError:
        return "control account"
