"""The panel's charts: Bokeh figures on a dark ground, as items that a page embeds and streams to.

Each series has a data source of its own, named `source_name(series)`; a page adds points to it
by that name. Bokeh is imported when the first figure is drawn.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GROUND = "#10161f"
RULE = "#1d2733"
MUTED = "#8594a6"
COLOURS: tuple[str, ...] = ("#4f9cf9", "#35c28a", "#e8b23a", "#c77dff", "#ff7a90", "#5ad1e6")
TOTAL = "total"
_FONT = "Inter, Segoe UI, DejaVu Sans, sans-serif"


class Points(NamedTuple):
    """One series: `x` in ms since 1970 UTC or since midnight, `y` in currency."""

    x: tuple[float, ...]
    y: tuple[float, ...]


def source_name(series: str) -> str:
    """Return the name of the data source of a series."""
    return f"series {series}"


def pnl_item(series: Mapping[str, Points], *, height: int, dated: bool = True) -> dict[str, Any]:
    """Return a chart of PnL as a Bokeh item.

    Parameters
    ----------
    series
        Points by name; `TOTAL` is drawn wide.
    height
        [pixels].
    dated
        Whether the days of `x` mean something; otherwise only its time of day is shown.

    Returns
    -------
    dict
        What `Bokeh.embed.embed_item` takes; plain JSON values.
    """
    from bokeh.embed import json_item  # noqa: PLC0415 - heavy, wanted by charts only
    from bokeh.models import ColumnDataSource, HoverTool  # noqa: PLC0415 - heavy
    from bokeh.models.annotations import Legend, LegendItem, Span  # noqa: PLC0415 - heavy
    from bokeh.plotting import figure  # noqa: PLC0415 - heavy, wanted by charts only

    plot = figure(
        height=height,
        sizing_mode="stretch_width",
        x_axis_type="datetime",
        toolbar_location=None,
        tools="",
        background_fill_color=GROUND,
        border_fill_color=GROUND,
        outline_line_color=None,
        output_backend="canvas",
        min_border_right=14,
        min_border_top=6,
    )
    plot.add_layout(Span(location=0, dimension="width", line_color="#33445a", line_dash=[4, 4]))
    items = []
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        source = ColumnDataSource({"x": list(points.x), "y": list(points.y)})
        source.name = source_name(name)
        width = 2.2 if name == TOTAL else 1.5
        line: Any = plot.step(
            "x", "y", source=source, mode="after", line_color=colour, line_width=width
        )
        plot.add_tools(
            HoverTool(
                renderers=[line],
                tooltips=[("UTC", "@x{%H:%M:%S}"), (name, "@y{+0,0.00}")],
                formatters={"@x": "datetime"},
                visible=False,
            )
        )
        items.append(LegendItem(label=name, renderers=[line]))
    plot.add_layout(_legend(Legend(items=items, orientation="horizontal")), "above")
    for axis in (*plot.xaxis, *plot.yaxis):
        _dim(axis)
    plot.grid.grid_line_color = RULE
    if not dated:
        _dateless(plot.xaxis.formatter)
    item: dict[str, Any] = json.loads(json.dumps(json_item(plot), allow_nan=False))
    return item


def growing(amounts: Sequence[tuple[float, float]], start: float) -> Points:
    """Return the running sum of amounts.

    Parameters
    ----------
    amounts
        (x, amount), ascending by x.
    start
        Where the series begins, at zero.

    Returns
    -------
    Points
        One more than there are amounts.
    """
    xs, ys = [start], [0.0]
    for x, amount in amounts:
        xs.append(x)
        ys.append(round(ys[-1] + amount, 6))
    return Points(tuple(xs), tuple(ys))


def _legend(legend: Any) -> Any:  # noqa: ANN401 - bokeh's own type
    legend.label_text_color = MUTED
    legend.label_text_font = _FONT
    legend.label_text_font_size = "11px"
    legend.background_fill_alpha = 0
    legend.border_line_color = None
    legend.padding, legend.margin, legend.spacing = 2, 0, 16
    legend.glyph_height = legend.label_height = 14
    return legend


def _dateless(formatter: Any) -> None:  # noqa: ANN401 - bokeh's own type
    formatter.context = None


def _dim(axis: Any) -> None:  # noqa: ANN401 - bokeh's own type
    axis.axis_line_color = "#243041"
    axis.major_label_text_color = MUTED
    axis.major_label_text_font = _FONT
    axis.major_label_text_font_size = "11px"
    axis.major_tick_line_color = None
    axis.minor_tick_line_color = None
