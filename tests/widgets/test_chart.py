"""The chart: a whole figure when the browser is ready, then only what was added."""

from __future__ import annotations

import json

from rigd.reporting.live_chart import Points
from widgets.chart import LiveChart


class Line(LiveChart):
    """A chart that keeps what it sends."""

    def __init__(self) -> None:
        self.sent: list[dict] = []
        super().__init__(height=200)

    def send(self, content: object, buffers: object = None) -> None:  # noqa: ARG002 - of the base
        self.sent.append(content)

    def hear(self, content: object) -> None:
        """What the browser's side says."""
        self._told(self, content, [])


FIRST = {"total": Points((1.0, 2.0), (0.0, 3.0))}


def test_nothing_is_sent_before_the_browser_is_ready() -> None:
    """What is sent too early is lost, so that it is kept instead."""
    chart = Line()
    chart.plot(FIRST)
    assert chart.sent == []
    chart.hear({"kind": "ready"})
    assert [message["kind"] for message in chart.sent] == ["snapshot"]
    assert "3.0" in json.dumps(chart.sent[0]["item"])


def test_what_grew_is_streamed() -> None:
    """Only the new points of the series that grew are sent, by the name of its source."""
    chart = Line()
    chart.plot(FIRST)
    chart.hear({"kind": "ready"})
    chart.plot({"total": Points((1.0, 2.0, 3.0), (0.0, 3.0, 4.5))})
    assert chart.sent[1:] == [
        {"kind": "points", "points": {"series total": {"x": [3.0], "y": [4.5]}}}
    ]
    chart.plot({"total": Points((1.0, 2.0, 3.0), (0.0, 3.0, 4.5))})
    assert len(chart.sent) == 2


def test_another_past_is_drawn_anew() -> None:
    """A new session, a new series or a corrected point is a new figure."""
    chart = Line()
    chart.plot(FIRST)
    chart.hear({"kind": "ready"})
    chart.plot({"total": Points((1.0, 2.0), (0.0, 9.0))})
    chart.plot({"total": Points((1.0, 2.0), (0.0, 9.0)), "open": Points((1.0,), (0.0,))})
    assert [message["kind"] for message in chart.sent] == ["snapshot"] * 3


def test_a_browser_that_comes_back_gets_everything() -> None:
    """Each ``ready`` is answered; any other word is not."""
    chart = Line()
    chart.plot(FIRST)
    for content in ({"kind": "ready"}, {"kind": "ready"}, {"kind": "eval"}, "ready", None):
        chart.hear(content)
    assert [message["kind"] for message in chart.sent] == ["snapshot"] * 2


def test_bokeh_comes_from_the_panels_own_server() -> None:
    """No address of another machine is in the widget or its script."""
    chart = Line()
    assert chart.bokeh_url.startswith("/voila/templates/rigd/static/")
    assert "://" not in str(chart._esm)
