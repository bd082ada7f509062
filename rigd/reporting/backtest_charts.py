"""The interactive plots of a backtest: equity, drawdown, trades (document 050, `plot_results`).

Bokeh, imported when the first one is drawn: as objects for JupyterLab, and as one page that
carries everything inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rigd.reporting.backtest import equity
from rigd.reporting.charts import bokeh_script, frame, item, milliseconds, source_of, with_hover
from rigd.reporting.page import STYLE
from rigd.reporting.svg import BAND, GAIN, INK, LINE, LOSS
from rigd.reporting.text import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rigd.reporting.backtest import DayOf
    from rigd.reporting.outputs import Outputs

WRITER = "rigd.reporting.backtest_charts"
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline';"
    " img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'"
)
_LOADER = (
    'for(const s of document.querySelectorAll("script[data-chart]"))'
    "Bokeh.embed.embed_item(JSON.parse(s.textContent),s.dataset.chart)"
)
_DAY = 86_400_000
_LEFT = 96
"""Room for the numbers of every axis [pixels]."""


def figures(days: Sequence[DayOf]) -> tuple[Any, Any, Any]:
    """Return the figures of a backtest: equity, drawdown and the trades' PnL.

    Parameters
    ----------
    days
        In time order.

    Returns
    -------
    tuple of three figures
        Bokeh's own, on one time axis.
    """
    span = _span(days)
    currency = days[0].currency
    points = equity(days)
    times = [milliseconds(at) for at, _ in points]
    values = [float(value) for _, value in points]
    curve = frame(*span, height=280)
    drawn = curve.step(
        x="time",
        y="equity",
        source=source_of({"time": times, "equity": values}),
        mode="after",
        line_color=LINE,
        line_width=2,
    )
    tips = [("UTC", "@time{%F %H:%M}"), ("equity", "@equity{0,0.00}")]
    with_hover(curve, drawn, tips, mode="vline")
    curve.yaxis.axis_label = f"equity [{currency}]"
    peak, fallen = values[0], []
    for value in values:
        peak = max(peak, value)
        fallen.append(value - peak)
    below = frame(*span, height=190)
    source = source_of({"time": times, "fall": fallen})
    below.varea_step(x="time", y1=0, y2="fall", source=source, fill_color=BAND, step_mode="after")
    below.yaxis.axis_label = f"drawdown [{currency}]"
    trades = _trades(days, span, currency)
    _align(curve, below, trades)
    return curve, below, trades


def _align(*plots: Any) -> None:  # noqa: ANN401 - bokeh's own types
    """Give figures plain numbers on their axes and one left edge."""
    from bokeh.models import NumeralTickFormatter  # noqa: PLC0415 - heavy, wanted for plots only

    for plot in plots:
        plot.yaxis.formatter = NumeralTickFormatter(format="0,0.00")
        plot.min_border_left = _LEFT


def _trades(days: Sequence[DayOf], span: tuple[int, int], currency: str) -> Any:  # noqa: ANN401 - bokeh's own type
    plot = frame(*span, height=220)
    trades = [trade for day in days for _, trade in day.trades]
    source = source_of({
        "time": [milliseconds(trade.exit_time) for trade in trades],
        "pnl": [float(trade.pnl) for trade in trades],
        "what": [f"{t.strategy} {t.direction} {t.symbol}" for t in trades],
        "reason": [str(trade.exit_reason) for trade in trades],
        "colour": [GAIN if trade.pnl > 0 else LOSS for trade in trades],
    })
    drawn = plot.scatter(
        x="time", y="pnl", source=source, size=7, fill_color="colour", line_color=INK
    )
    tips = [
        ("trade", "@what"),
        ("UTC", "@time{%F %H:%M}"),
        ("PnL", "@pnl{+0,0.00}"),
        ("reason", "@reason"),
    ]
    with_hover(plot, drawn, tips, mode="mouse")
    plot.yaxis.axis_label = f"PnL [{currency}]"
    return plot


def layout(days: Sequence[DayOf]) -> Any:  # noqa: ANN401 - bokeh's own type
    """Return the three figures below one another, for JupyterLab."""
    from bokeh.layouts import column  # noqa: PLC0415 - heavy, wanted for plots only

    curve, below, trades = figures(days)
    below.x_range = trades.x_range = curve.x_range
    return column(curve, below, trades, sizing_mode="stretch_width")


def show(days: Sequence[DayOf]) -> Any:  # noqa: ANN401 - bokeh's own type
    """Show the plots in the notebook, with Bokeh's script inside it; return the layout."""
    from bokeh.io import output_notebook  # noqa: PLC0415 - heavy, wanted for plots only
    from bokeh.io import show as display  # noqa: PLC0415 - heavy, wanted for plots only
    from bokeh.resources import INLINE  # noqa: PLC0415 - heavy, wanted for plots only

    shown = layout(days)
    output_notebook(INLINE, hide_banner=True)
    display(shown)
    return shown


def plots_html(title: str, days: Sequence[DayOf]) -> bytes:
    """Return the plots as one self-contained page.

    Parameters
    ----------
    title
        Of the backtest.
    days
        In time order.

    Returns
    -------
    bytes
        UTF-8 HTML, the same for the same arguments; it loads and sends nothing.
    """
    names = ("equity", "drawdown", "trades")
    charts = "".join(
        f'<div id="{name}"></div><script type="application/json" data-chart="{name}">'
        f"{item(figure)}</script>"
        for name, figure in zip(names, figures(days), strict=True)
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f'<body class="rigd"><h1>{escape(title)}</h1>{charts}'
        f"<script>{bokeh_script()}</script><script>{_LOADER}</script></body></html>\n"
    ).encode()


def write_plots(outputs: Outputs, content: bytes) -> None:
    """Write the page into the run's folder."""
    outputs.write("backtest_plots.html", content, writer=WRITER)


def _span(days: Sequence[DayOf]) -> tuple[int, int]:
    first = milliseconds(days[0].opened)
    return first, max(milliseconds(days[-1].closed), first + _DAY)
