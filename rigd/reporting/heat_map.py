"""A heat map over two keys of a sweep (Bokeh, imported when one is drawn)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

COLOURS = "Viridis256"


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
