from __future__ import annotations

import json

from rigd.reporting.charts import bokeh_script, equity_chart, price_chart
from rigd.reporting.equity import Marker, equity_curve, markers
from tests.reporting.journals import OPEN, bars, session, started


def test_charts_are_the_same_each_time() -> None:
    """Bokeh's running numbers do not reach the page."""
    points = equity_curve(session(), bars())
    assert equity_chart(points, started()) == equity_chart(points, started())


def test_the_equity_chart_holds_the_curve() -> None:
    """The item is JSON with the points inside."""
    points = equity_curve(session(), bars())
    item = json.loads(equity_chart(points, started()))
    assert item["root_id"] == item["doc"]["roots"][0]["id"]
    text = json.dumps(item)
    assert "12.8" in text
    assert str(int(OPEN.timestamp()) * 1000) in text


def test_the_price_chart_holds_bars_and_executions() -> None:
    """Candles and both triangles are drawn."""
    marks = [mark for mark in markers(session()) if mark.symbol == "IBM"]
    text = price_chart(bars()["IBM"], marks, started())
    assert '"triangle"' in text
    assert '"inverted_triangle"' in text
    assert "target_hit" in text
    assert "101.55" in text


def test_data_cannot_leave_its_script_element() -> None:
    """Angle brackets and ampersands inside the JSON are escapes, and come back as they were."""
    attack = "</script><img src=x onerror=alert(1)>"
    marks = [Marker("IBM", 21, OPEN, 1.0, 1.0, "buy", "exit", "open", attack)]
    text = price_chart([], marks, started())
    assert not set("<>&") & set(text)
    assert attack in json.dumps(json.loads(text))


def test_the_script_is_bokeh_itself_and_closes_nothing() -> None:
    """The JavaScript can stand inside one script element."""
    script = bokeh_script()
    assert "Bokeh" in script
    assert "</script" not in script.lower()
