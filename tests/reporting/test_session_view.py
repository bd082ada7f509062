from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rigd.core.events import OrderIntent, TradeClosed
from rigd.reporting import session_view as view
from tests.reporting.journals import Writer, bars, fill, session, started
from tests.reporting.pages import Page

ATTACK = "<img src=x onerror=alert(1)>"
PAIRS = (("Trial balance", "balanced"),)


def blocks(entries: Any) -> dict[str, str]:
    return {
        "heading": view.heading(entries),
        "parameters": view.parameters(entries),
        "self_checks": view.self_checks(entries),
        "limits": view.limits(entries),
        "funnel": view.funnel(entries),
        "trades": view.trades(entries),
        "equity": view.equity(entries, bars()),
        "books": view.books(PAIRS),
        "seal": view.seal(PAIRS),
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("heading", "Data: real minute bars"),
        ("parameters", "MAX_TRADES"),
        ("self_checks", "limits are complete"),
        ("limits", "daily_loss_limit"),
        ("limits", "16:00Z to 16:55Z"),
        ("funnel", "adx_above_threshold"),
        ("funnel", "mid BAC (not ranked): too few analysis bars"),
        ("trades", "+14.80"),
        ("equity", "PnL [USD], final +12.80"),
        ("equity", "IBM, price"),
        ("books", "balanced"),
        ("seal", "balanced"),
    ],
)
def test_each_block_shows_its_part(name: str, text: str) -> None:
    """The notebook's blocks tell parameters, checks, limits, funnel, trades, equity and books."""
    assert text in Page(blocks(session())[name]).text


def test_the_blocks_are_small_static_and_repeatable() -> None:
    """Together far below 1 MB, no script, no reference, the same text twice."""
    made = blocks(session())
    whole = "".join(made.values())
    page = Page(whole)
    assert len(whole) < 200_000
    assert "script" not in page.tags
    assert page.references == []
    assert made == blocks(session())


def test_the_heading_is_marked_test() -> None:
    """The badge of the profile stands beside the title."""
    assert '<span class="badge">TEST</span>' in view.heading(session())


def test_hostile_text_is_escaped() -> None:
    """Markup in a symbol is text in every block."""
    attacked = [
        e._replace(
            record=replace(e.record, symbol=ATTACK)
            if isinstance(e.record, TradeClosed | OrderIntent)
            else e.record
        )
        for e in session()
    ]
    attacked[0] = attacked[0]._replace(record=started(data_label=ATTACK))
    page = Page("".join(blocks(attacked).values()))
    assert "img" not in page.tags
    assert page.handlers == []
    assert ATTACK in page.text


def test_many_symbols_leave_the_rest_to_the_report() -> None:
    """A notebook draws six price charts and says how many more there are."""
    journal = Writer()
    journal.add(0, started())
    for number in range(8):
        journal.add(22, fill(f"A{number}", 21, symbol=f"S{number}"))
    html = view.equity(journal.entries, {})
    assert html.count("<svg") == 7
    assert "2 more charts are in report.html." in html
