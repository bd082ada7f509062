from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rigd.core.events import Entry, NoteMade, TradeClosed
from rigd.core.values import Profile
from rigd.reporting.report import NAME, report_html, write_report
from tests.fakes.outputs import FakeOutputs
from tests.reporting.journals import bars, quiet_session, session, started
from tests.reporting.pages import Page

if TYPE_CHECKING:
    from rigd.core.events import Record

ATTACK = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def content() -> bytes:
    """The report of the hand-made session."""
    return report_html(
        session(), bars(), books=(("Trial balance", "balanced"),), seal=(("Journal", "abc"),)
    )


@pytest.fixture(scope="module")
def page(content: bytes) -> Page:
    """The same, as a browser reads it."""
    return Page(content.decode())


def test_the_page_refers_to_nothing_outside(content: bytes, page: Page) -> None:
    """No src, href or action anywhere, no import in styles, and a policy that forbids loading."""
    assert page.references == []
    assert not {"link", "img", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    head = content.decode().split("</head>", maxsplit=1)[0]
    assert "default-src 'none'" in head
    assert "http" not in head.replace("http-equiv", "")
    assert "@import" not in head


def test_title_and_heading_are_marked_test(page: Page) -> None:
    """The TEST profile shows in the title; production has no badge."""
    assert page.title == "[TEST] Session 2013-10-07_1 of RIGD_USA_SIM_01"
    real = [Entry(1, session()[0].at, started(profile=Profile.PRODUCTION), "0")]
    assert Page(report_html(real, {}).decode()).title == "Session 2013-10-07_1 of RIGD_USA_SIM_01"


@pytest.mark.parametrize(
    "text",
    [
        "Data: real minute bars",
        "+12.80",
        "target_hit",
        "limit_reached",
        "adx_above_threshold",
        "too few analysis bars",
        "limits are complete",
        "daily_loss_limit",
        "balanced",
        "abc",
        "150–165",
        "DEBUG_LOG_LEVEL",
    ],
)
def test_the_page_tells_the_session(page: Page, text: str) -> None:
    """PnL, trades, funnel, limits, checks, windows, books, seal and parameters are all there."""
    assert text in page.text


def test_there_is_a_chart_for_the_curve_and_each_traded_symbol(page: Page) -> None:
    """Four data blocks, each with its place in the page."""
    blocks = [(a, text) for a, text in page.scripts if a.get("type") == "application/json"]
    assert [a["data-chart"] for a, _ in blocks] == ["equity", "price-0", "price-1", "price-2"]
    for _, text in blocks:
        assert json.loads(text)["doc"]["roots"]


def test_the_same_session_gives_the_same_bytes(content: bytes) -> None:
    """Bokeh's counters leave no trace."""
    again = report_html(
        session(), bars(), books=(("Trial balance", "balanced"),), seal=(("Journal", "abc"),)
    )
    assert again == content


def test_hostile_text_appears_only_escaped() -> None:
    """Markup in symbols, notes, labels, books and reasons never becomes an element."""
    attacked = [e._replace(record=_attacked(e.record)) for e in session()]
    html = report_html(attacked, bars(), books=((ATTACK, ATTACK),), seal=((ATTACK, ATTACK),))
    page = Page(html.decode())
    assert "img" not in page.tags
    assert page.handlers == []
    assert page.text.count(ATTACK) >= 6
    assert ATTACK.encode() not in html


def test_a_session_without_trades_has_its_reasons() -> None:
    """No chart per symbol, but why nothing traded."""
    page = Page(report_html(quiet_session(), {}).decode())
    assert "no trade was made" in page.text
    assert "below_trigger (largest move 0.004000, needed more than 0.02)" in page.text


def test_the_report_is_written_by_its_owner(content: bytes) -> None:
    """report.html goes into the session's folder through the output table."""
    outputs = FakeOutputs()
    write_report(outputs, content)
    assert outputs.files == {NAME: content}


def test_bokeh_is_loaded_only_for_a_report() -> None:
    """Importing every module of reporting loads neither bokeh nor pandas."""
    script = (
        "import sys, rigd.reporting.report, rigd.reporting.session_view, rigd.reporting.status;"
        "sys.exit(bool({'bokeh', 'pandas', 'numpy'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0  # noqa: S603 - fixed text


def _attacked(record: Record) -> Record:
    if record == started():
        return started(data_label=ATTACK, symbols=(ATTACK,), limits=((ATTACK, ATTACK),))
    if isinstance(record, TradeClosed):
        return replace(record, symbol=ATTACK, error_code=ATTACK)
    if hasattr(record, "symbol"):
        return replace(record, symbol=ATTACK)  # type: ignore[call-arg]
    if hasattr(record, "detail"):
        return replace(record, detail=ATTACK, name=ATTACK)  # type: ignore[call-arg]
    return NoteMade(topic=ATTACK, text=ATTACK) if hasattr(record, "previous") else record
