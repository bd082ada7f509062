from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from rigd.core.values import Bar
from rigd.reporting.equity import equity_curve, markers
from rigd.reporting.svg import equity_svg, nice_ticks, price_svg
from tests.reporting.journals import OPEN, bars, session

SVG = "{http://www.w3.org/2000/svg}"


def drawn_equity() -> str:
    points = equity_curve(session(), bars())
    return equity_svg(points, currency="USD", opened=OPEN, minutes=390)


def drawn_price(symbol: str = "IBM") -> str:
    marks = [mark for mark in markers(session()) if mark.symbol == "IBM"]
    return price_svg(symbol, bars()["IBM"], marks, opened=OPEN, minutes=390)


@pytest.mark.parametrize("chart", [drawn_equity, drawn_price])
def test_charts_are_small_well_formed_and_repeatable(chart: object) -> None:
    """Valid XML, under 60 KB, no script, no reference, the same bytes twice."""
    text = chart()  # type: ignore[operator]
    tree = ET.fromstring(text)  # noqa: S314 - our own text
    assert tree.tag == f"{SVG}svg"
    assert len(text) < 60_000
    assert text == chart()  # type: ignore[operator]
    tags = {node.tag.removeprefix(SVG) for node in tree.iter()}
    assert tags <= {"svg", "rect", "text", "path", "circle", "title"}


def test_markers_tell_their_execution() -> None:
    """Each execution has a triangle with its words."""
    tree = ET.fromstring(drawn_price())  # noqa: S314 - our own text
    titles = [node.text for node in tree.iter(f"{SVG}title")]
    assert titles == [
        "open entry: buy 10 at 100, 13:51Z",
        "open exit: sell 10 at 101.5, 14:05Z, target_hit",
    ]


def test_the_price_line_goes_up_on_the_screen_when_the_price_does() -> None:
    """The first close lies lower (greater y) than the last."""
    up = [Bar(0, 1.0, 1.1, 0.9, 1.0, 1.0), Bar(389, 2.0, 2.1, 1.9, 2.0, 1.0)]
    tree = ET.fromstring(price_svg("X", up, [], opened=OPEN, minutes=390))  # noqa: S314 - ours
    line = next(node.get("d", "") for node in tree if node.get("stroke-width") == "1.2")
    (x0, y0), (x1, y1) = (map(float, pair.split()) for pair in line[1:].split("L"))
    assert [x0, x1] == pytest.approx([64, 64 + 680 * 389 / 390], abs=0.06)
    assert y0 > y1


def test_the_title_carries_the_final_pnl() -> None:
    """The reader sees the result without reading the axis."""
    assert "PnL [USD], final +12.80" in drawn_equity()


def test_a_hostile_symbol_is_escaped() -> None:
    """Markup in a name is text."""
    text = drawn_price("<img src=x onerror=alert(1)>")
    assert "<img" not in text
    assert ET.fromstring(text) is not None  # noqa: S314 - our own text


def test_nothing_to_draw_still_draws() -> None:
    """An empty session has axes and no error."""
    assert ET.fromstring(equity_svg([], currency="USD", opened=OPEN, minutes=390)) is not None  # noqa: S314 - ours
    assert ET.fromstring(price_svg("X", [], [], opened=OPEN, minutes=210)) is not None  # noqa: S314 - ours


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 10.0, [0.0, 2.5, 5.0, 7.5, 10.0]),
        (-1.0, 15.0, [0.0, 5.0, 10.0, 15.0]),
        (99.9, 100.3, [99.9, 100.0, 100.1, 100.2, 100.3]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, ticks: list[float]) -> None:
    """Steps of 1, 2, 2.5 or 5 times a power of ten."""
    assert nice_ticks(low, high, 4) == pytest.approx(ticks)
