from __future__ import annotations

from rigd.reporting.page import badges, block, table_html
from rigd.reporting.tables import Table
from tests.reporting.pages import Page

ATTACK = "<img src=x onerror=alert(1)>"


def test_cells_titles_and_columns_are_escaped() -> None:
    """Markup in any part of a table appears as text only."""
    page = Page(block(table_html(Table(ATTACK, (ATTACK,), ((ATTACK,),)))))
    assert page.text.count(ATTACK) == 3
    assert "img" not in page.tags
    assert page.handlers == []


def test_an_empty_table_says_so() -> None:
    """Instead of a bare head the reader gets a sentence."""
    html = table_html(Table("Trades", ("A",), (), frozenset(), "no trade was made"))
    assert "no trade was made" in html
    assert "<table" not in html


def test_gains_and_losses_are_coloured_and_totals_stand_out() -> None:
    """The PnL column takes its tone from the sign; numbers are right-aligned."""
    table = Table("T", ("Who", "PnL"), (("a", "+1.00"), ("total", "-1.00")), frozenset({1}))
    html = table_html(table, title=False)
    assert '<td class="n gain">+1.00</td>' in html
    assert '<tr class="total"><td>total</td><td class="n loss">-1.00</td></tr>' in html
    assert "<h2>" not in html


def test_badges_are_escaped_marks() -> None:
    """Each mark has its badge."""
    assert badges(["TEST", "<b>"]).count('class="badge"') == 2
    assert "<b>" not in badges(["<b>"])
