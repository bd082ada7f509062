"""The live chart: one anywidget that embeds a Bokeh figure and is fed by small messages.

What is sent before the browser's side is ready is lost, so that side says ``ready`` and is answered
with the whole figure; points that come later are streamed to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import anywidget
import traitlets

from rigd.reporting.live_chart import Points, pnl_item, source_name

if TYPE_CHECKING:
    from collections.abc import Mapping

BOKEH_URL = "/voila/templates/rigd/static/bokeh.min.js"
"""Where the panel serves BokehJS of the pinned version."""
ROLLOVER = 20_000


class LiveChart(anywidget.AnyWidget):
    """A chart of PnL by series.

    Parameters
    ----------
    height
        [pixels].
    dated
        Whether the days of x [ms] mean something; otherwise only the time of day is shown.
    bokeh_url
        Where BokehJS lies on the panel's own server.
    """

    _esm: ClassVar = Path(__file__).with_name("chart.js")
    bokeh_url = traitlets.Unicode(BOKEH_URL).tag(sync=True)
    rollover = traitlets.Int(ROLLOVER).tag(sync=True)

    def __init__(self, *, height: int, dated: bool = True, bokeh_url: str = BOKEH_URL) -> None:
        super().__init__(bokeh_url=bokeh_url)
        self._height = height
        self._dated = dated
        self._series: dict[str, Points] = {}
        self._ready = False
        self.on_msg(self._told)

    def plot(self, series: Mapping[str, Points]) -> None:
        """Show series; what only grew is streamed, anything else is drawn anew.

        Parameters
        ----------
        series
            Points by name.
        """
        new = dict(series)
        grown = _grown(self._series, new)
        self._series = new
        if not self._ready:
            return
        if grown is None:
            self._send_whole()
        elif grown:
            self.send({"kind": "points", "points": grown})

    def _told(self, _: object, content: object, __: object) -> None:
        """Answer the browser's side; whatever else it says changes nothing."""
        if isinstance(content, dict) and content.get("kind") == "ready":
            self._ready = True
            self._send_whole()

    def _send_whole(self) -> None:
        if self._series:
            item = pnl_item(self._series, height=self._height, dated=self._dated)
            self.send({"kind": "snapshot", "item": item})


def _grown(old: Mapping[str, Points], new: Mapping[str, Points]) -> dict[str, Any] | None:
    """Return the points that were added by data source; None when that is not all that changed."""
    if list(old) != list(new):
        return None
    added = {}
    for name, points in new.items():
        count = len(old[name].x)
        if old[name] != Points(points.x[:count], points.y[:count]):
            return None
        if len(points.x) > count:
            added[source_name(name)] = {"x": list(points.x[count:]), "y": list(points.y[count:])}
    return added
