"""A heat map over two keys of a sweep: as Bokeh's figure, and as inline SVG for the record."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rigd.reporting.svg import GAIN, INK, LOSS, MUTED, RULE
from rigd.reporting.text import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

COLOURS = "Viridis256"
LABELLED = 12
"""Columns up to which every cell shows its value."""

_CELLS, _ROW, _LEFT, _TOP, _BOTTOM = 640, 30, 110, 34, 44


def heat_map(
    across: tuple[str, Sequence[str]],
    up: tuple[str, Sequence[str]],
    values: np.ndarray,
    *,
    title: str,
) -> Any:  # noqa: ANN401 - a Bokeh figure
    """Return the map as a Bokeh figure.

    Parameters
    ----------
    across, up
        Name and values of the two axes.
    values
        float64[up, across]; NaN stays blank.
    title
        What is shown.

    Returns
    -------
    bokeh figure
        With a colour bar and the values under the pointer.
    """
    from bokeh.models import FactorRange, HoverTool, LinearColorMapper  # noqa: PLC0415 - heavy
    from bokeh.models.annotations import ColorBar  # noqa: PLC0415 - heavy
    from bokeh.plotting import figure  # noqa: PLC0415 - heavy

    wide, high = [value or "off" for value in across[1]], [value or "off" for value in up[1]]
    mapper = LinearColorMapper(palette=COLOURS, nan_color="#ffffff")
    plot = figure(
        x_range=FactorRange(factors=wide),
        y_range=FactorRange(factors=high),
        title=title,
        width=560,
        height=420,
        tools="save",
    )
    plot.rect(
        x="x",
        y="y",
        width=1,
        height=1,
        line_color=None,
        fill_color={"field": "value", "transform": mapper},
        source={
            "x": [value for _ in high for value in wide],
            "y": [value for value in high for _ in wide],
            "value": values.reshape(-1).tolist(),
        },
    )
    plot.xaxis.axis_label, plot.yaxis.axis_label = across[0], up[0]
    plot.add_layout(ColorBar(color_mapper=mapper), "right")
    tips = [(across[0], "@x"), (up[0], "@y"), ("value", "@value{0,0.00}")]
    plot.add_tools(HoverTool(tooltips=tips))
    return plot


def heat_svg(
    across: tuple[str, Sequence[str]],
    up: tuple[str, Sequence[str]],
    values: np.ndarray,
    *,
    title: str,
) -> str:
    """Return the map as text, without a script; the same bytes for the same values.

    Parameters
    ----------
    across, up
        Name and values of the two axes.
    values
        float64[up, across]; NaN stays blank. Gains are green and losses red, the stronger the
        larger.
    title
        What is shown.

    Returns
    -------
    str
        One ``<svg>`` element.
    """
    columns, rows = len(across[1]), len(up[1])
    wide = _CELLS / columns
    foot = _TOP + rows * _ROW
    most = max((abs(v) for v in values.reshape(-1).tolist() if math.isfinite(v)), default=0.0)
    parts = [f"<text x='{_LEFT}' y='20' font-weight='600' fill='{INK}'>{escape(title)}</text>"]
    for row in range(rows):
        y = foot - (row + 1) * _ROW
        label = escape(up[1][row] or "off")
        parts.append(_text(_LEFT - 8, y + _ROW / 2 + 4, label, anchor="end"))
        parts += [
            _cell(_LEFT + column * wide, y, wide, values[row, column].item(), most, columns)
            for column in range(columns)
        ]
    parts += [
        _text(_LEFT + (column + 0.5) * wide, foot + 16, escape(level or "off"))
        for column, level in enumerate(across[1])
    ]
    parts.append(_text(_LEFT + _CELLS / 2, foot + 36, escape(across[0])))
    parts.append(_text(_LEFT - 8, _TOP - 8, escape(up[0]), anchor="end"))
    width, height = _LEFT + _CELLS + 8, foot + _BOTTOM
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' "
        f"width='{width}' height='{height}' font-family='system-ui,sans-serif' font-size='12' "
        f"role='img' aria-label='{escape(title)}'>{''.join(parts)}</svg>"
    )


def _cell(x: float, y: float, wide: float, value: float, most: float, columns: int) -> str:
    if not math.isfinite(value):
        return f"<rect x='{x:.1f}' y='{y}' width='{wide:.1f}' height='{_ROW}' fill='{RULE}'/>"
    strength = abs(value) / most if most else 0.0
    colour = GAIN if value >= 0.0 else LOSS
    drawn = (
        f"<rect x='{x:.1f}' y='{y}' width='{wide:.1f}' height='{_ROW}' fill='{colour}' "
        f"fill-opacity='{0.08 + 0.72 * strength:.2f}'><title>{value:,.2f}</title></rect>"
    )
    return drawn + _text(x + wide / 2, y + _ROW / 2 + 4, f"{value:,.2f}", ink=INK) * (
        columns <= LABELLED
    )


def _text(x: float, y: float, text: str, *, anchor: str = "middle", ink: str = MUTED) -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' fill='{ink}'>{text}</text>"
