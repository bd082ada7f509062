"""Interactive charts (Bokeh, imported when the first one is drawn) as inert JSON for a page.

Bokeh numbers its models from a process-wide counter; the numbers are replaced by their order in
the chart, so that the same session gives the same bytes.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from rigd.reporting.svg import BAND, GAIN, INK, LINE, LOSS, MUTED, RULE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rigd.core.events import SessionStarted
    from rigd.core.values import Bar
    from rigd.reporting.equity import EquityPoint, Marker

_MODEL_ID = re.compile(r'("(?:id|root_id)":")(p\d+)(")')
_MINUTE_MS = 60_000
_FONT = "system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif"


def bokeh_script() -> str:
    """Return Bokeh's own JavaScript, to be put into the page itself."""
    from bokeh.resources import Resources  # noqa: PLC0415 - heavy, wanted by reports only

    return "\n".join(Resources(mode="inline", components=["bokeh"]).js_raw)


def equity_chart(points: Sequence[EquityPoint], started: SessionStarted) -> str:
    """Return the PnL curve as a Bokeh item, JSON text that is safe inside a script element."""
    figure = _figure(started, height=300)
    times = [milliseconds(point.at) for point in points]
    values = [point.pnl for point in points]
    source = source_of({"time": times, "pnl": values})
    figure.varea(x="time", y1=0, y2="pnl", source=source, fill_color=BAND, fill_alpha=0.45)
    line = figure.line(x="time", y="pnl", source=source, line_color=LINE, line_width=2)
    figure.add_layout(_span(0.0))
    with_hover(figure, line, [("UTC", "@time{%H:%M}"), ("PnL", "@pnl{+0,0.00}")], mode="vline")
    figure.yaxis.axis_label = f"PnL [{started.currency}]"
    return item(figure)


def price_chart(bars: Sequence[Bar], marks: Sequence[Marker], started: SessionStarted) -> str:
    """Return one symbol's candles with its executions as a Bokeh item, safe JSON text."""
    figure = _figure(started, height=340)
    opened = milliseconds(started.session_open)
    source = source_of({
        "time": [opened + bar.minute * _MINUTE_MS + _MINUTE_MS // 2 for bar in bars],
        "open": [bar.open for bar in bars],
        "high": [bar.high for bar in bars],
        "low": [bar.low for bar in bars],
        "close": [bar.close for bar in bars],
        "volume": [bar.volume for bar in bars],
        "colour": [GAIN if bar.close >= bar.open else LOSS for bar in bars],
    })
    figure.segment("time", "high", "time", "low", source=source, line_color="colour")
    candles = figure.vbar(
        x="time",
        top="open",
        bottom="close",
        width=_MINUTE_MS * 0.7,
        source=source,
        fill_color="colour",
        line_color="colour",
    )
    tips = [
        ("UTC", "@time{%H:%M}"),
        ("open", "@open{0,0.00[00]}"),
        ("high", "@high{0,0.00[00]}"),
        ("low", "@low{0,0.00[00]}"),
        ("close", "@close{0,0.00[00]}"),
        ("volume", "@volume{0,0}"),
    ]
    with_hover(figure, candles, tips, mode="mouse")
    _draw_marks(figure, marks)
    figure.yaxis.axis_label = f"{started.currency} per share"
    return item(figure)


def _draw_marks(figure: Any, marks: Sequence[Marker]) -> None:  # noqa: ANN401 - bokeh's own type
    for side, shape, colour in (("buy", "triangle", GAIN), ("sell", "inverted_triangle", LOSS)):
        chosen = [mark for mark in marks if mark.side == side]
        if not chosen:
            continue
        source = source_of({
            "time": [milliseconds(mark.at) + _MINUTE_MS // 2 for mark in chosen],
            "price": [mark.price for mark in chosen],
            "qty": [mark.qty for mark in chosen],
            "what": [f"{mark.strategy} {mark.leg}" for mark in chosen],
            "note": [mark.note or "–" for mark in chosen],
            "fill": [colour if mark.leg == "entry" else "#ffffff" for mark in chosen],
        })
        drawn = figure.scatter(
            x="time",
            y="price",
            source=source,
            marker=shape,
            size=13,
            fill_color="fill",
            line_color=INK,
            line_width=1.4,
            legend_label=f"{side} (filled: entry, hollow: exit)",
        )
        tips = [
            ("what", "@what"),
            ("UTC", "@time{%H:%M}"),
            (side, "@qty{0,0.[000000]} at @price{0,0.00[0000]}"),
            ("reason", "@note"),
        ]
        with_hover(figure, drawn, tips, mode="mouse")
    if marks:
        _legend_above(figure)


def _legend_above(figure: Any) -> None:  # noqa: ANN401 - bokeh's own type
    legend = figure.legend[0]
    legend.orientation = "horizontal"
    legend.border_line_color = None
    legend.background_fill_alpha = 0
    legend.label_text_font_size = "11px"
    legend.label_text_color = MUTED
    legend.margin = 0
    figure.add_layout(legend, "above")


def _figure(started: SessionStarted, *, height: int) -> Any:  # noqa: ANN401 - bokeh's own type
    opened, closed = milliseconds(started.session_open), milliseconds(started.session_close)
    return frame(opened, closed, height=height)


def frame(first_ms: int, last_ms: int, *, height: int) -> Any:  # noqa: ANN401 - bokeh's own type
    """Return an empty figure over a span of time.

    Parameters
    ----------
    first_ms, last_ms
        As `milliseconds` gives them.
    height
        [pixels].

    Returns
    -------
    figure
        Bokeh's own.
    """
    from bokeh.models import Range1d  # noqa: PLC0415 - heavy, wanted by reports only
    from bokeh.plotting import figure  # noqa: PLC0415 - heavy, wanted by reports only

    span = Range1d(start=first_ms, end=last_ms)
    plot = figure(
        height=height,
        sizing_mode="stretch_width",
        x_axis_type="datetime",
        x_range=span,
        tools="xpan,xwheel_zoom,box_zoom,reset",
        active_drag="box_zoom",
        toolbar_location="right",
        output_backend="canvas",
    )
    plot.toolbar.logo = None
    plot.outline_line_color = None
    plot.grid.grid_line_color = RULE
    plot.axis.axis_line_color = "#c6ced6"
    plot.axis.major_tick_line_color = "#c6ced6"
    plot.axis.minor_tick_line_color = None
    plot.axis.major_label_text_color = MUTED
    plot.axis.axis_label_text_color = MUTED
    plot.axis.axis_label_text_font_style = "normal"
    plot.axis.major_label_text_font = _FONT
    plot.axis.axis_label_text_font = _FONT
    plot.xaxis.axis_label = "UTC"
    return plot


def source_of(columns: dict[str, list[Any]]) -> Any:  # noqa: ANN401 - bokeh's own type
    """Return columns as Bokeh's data source."""
    from bokeh.models import ColumnDataSource  # noqa: PLC0415 - heavy, wanted by reports only

    return ColumnDataSource(data=dict(columns))


def _span(value: float) -> Any:  # noqa: ANN401 - bokeh's own type
    from bokeh.models.annotations import Span  # noqa: PLC0415 - heavy, wanted by reports only

    return Span(location=value, dimension="width", line_color=MUTED, line_dash=[4, 4])


def with_hover(figure: Any, drawn: Any, tips: list[tuple[str, str]], *, mode: Any) -> None:  # noqa: ANN401 - bokeh's own types
    """Add a tool that tells what lies under the pointer; the column ``time`` is an instant."""
    from bokeh.models import HoverTool  # noqa: PLC0415 - heavy, wanted by reports only

    tool = HoverTool(
        renderers=[drawn],
        tooltips=tips,
        formatters={"@time": "datetime"},
        mode=mode,
        visible=False,
    )
    figure.add_tools(tool)


def item(figure: Any) -> str:  # noqa: ANN401 - bokeh's own type
    """Return a figure as a Bokeh item, JSON text that is safe inside a script element."""
    from bokeh.embed import json_item  # noqa: PLC0415 - heavy, wanted by reports only

    text = json.dumps(json_item(figure), separators=(",", ":"), allow_nan=False)
    names: dict[str, str] = {}

    def renumbered(match: re.Match[str]) -> str:
        name = names.setdefault(match[2], f"m{len(names)}")
        return f"{match[1]}{name}{match[3]}"

    safe = _MODEL_ID.sub(renumbered, text)
    return safe.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def milliseconds(instant: datetime) -> int:
    """Return an instant as Bokeh counts it, whole seconds [ms]."""
    return int(instant.timestamp()) * 1000
