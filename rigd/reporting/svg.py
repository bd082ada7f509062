"""Small charts as inline SVG: pure text, no script, the same bytes for the same session."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from rigd.reporting.text import escape

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rigd.core.values import Bar
    from rigd.reporting.equity import EquityPoint, Marker

WIDTH, HEIGHT = 760, 240
INK, MUTED, RULE, LINE, BAND = "#1f2933", "#66727f", "#e1e6eb", "#1d4e79", "#c9d8e6"
GAIN, LOSS = "#1a7f4b", "#b3261e"
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 30, 26
_TICKS = 4
_EDGE = 1e-9
_FONT = "font-family='system-ui,-apple-system,Segoe UI,Helvetica,Arial,sans-serif'"


class _Scale(NamedTuple):
    """A linear map from values to pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        part = (value - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)


def equity_svg(
    points: Sequence[EquityPoint], *, currency: str, opened: datetime, minutes: int
) -> str:
    """Return the PnL curve of a session.

    Parameters
    ----------
    points
        What `equity.equity_curve` returned.
    currency
        Shown in the title.
    opened, minutes
        The session's open, UTC, and its length.

    Returns
    -------
    str
        One ``<svg>`` element.
    """
    values = [point.pnl for point in points] or [0.0]
    x = _Scale(0.0, float(minutes), _LEFT, WIDTH - _RIGHT)
    y = _vertical([*values, 0.0])
    level = f"M{_LEFT} {y(0.0):.1f}H{WIDTH - _RIGHT}"
    zero = f"<path d='{level}' stroke='{MUTED}' stroke-dasharray='3 3'/>"
    path = _path([(x(point.minute), y(point.pnl)) for point in points])
    colour = GAIN if values[-1] >= 0 else LOSS
    curve = f"<path d='{path}' fill='none' stroke='{LINE}' stroke-width='1.6'/>" if path else ""
    end = (
        f"<circle cx='{x(points[-1].minute):.1f}' cy='{y(values[-1]):.1f}' r='3' fill='{colour}'/>"
        if points
        else ""
    )
    title = f"PnL [{currency}], final {values[-1]:+,.2f}"
    return _frame(title, _grid(x, y, opened, money=True) + zero + curve + end)


def price_svg(
    symbol: str, bars: Sequence[Bar], marks: Sequence[Marker], *, opened: datetime, minutes: int
) -> str:
    """Return one symbol's price with its executions.

    Parameters
    ----------
    symbol
        The exchange symbol, for the title.
    bars
        Its bars; the closes are drawn as a line over the band from low to high.
    marks
        Its executions: triangles, upwards for buys, filled for entries.
    opened, minutes
        The session's open, UTC, and its length.

    Returns
    -------
    str
        One ``<svg>`` element.
    """
    prices = [p for bar in bars for p in (bar.low, bar.high)] + [mark.price for mark in marks]
    x = _Scale(0.0, float(minutes), _LEFT, WIDTH - _RIGHT)
    y = _vertical(prices or [0.0, 1.0])
    upper = [(x(bar.minute), y(bar.high)) for bar in bars]
    lower = [(x(bar.minute), y(bar.low)) for bar in reversed(bars)]
    band = _path([*upper, *lower])
    line = _path([(x(bar.minute), y(bar.close)) for bar in bars])
    drawn = f"<path d='{band}Z' fill='{BAND}'/>" if band else ""
    drawn += f"<path d='{line}' fill='none' stroke='{LINE}' stroke-width='1.2'/>" if line else ""
    drawn += "".join(_triangle(x(mark.minute), y(mark.price), mark) for mark in marks)
    return _frame(f"{symbol}, price", _grid(x, y, opened, money=False) + drawn)


def dated_svg(points: Sequence[tuple[datetime, float]], *, title: str) -> str:
    """Return a curve over many days.

    Parameters
    ----------
    points
        Instant, UTC, and value, ascending.
    title
        What it shows, with its unit.

    Returns
    -------
    str
        One ``<svg>`` element.
    """
    values = [value for _, value in points] or [0.0]
    first = points[0][0] if points else None
    days = [(at - first) / timedelta(days=1) for at, _ in points] if first else []
    x = _Scale(0.0, max(days, default=0.0) or 1.0, _LEFT, WIDTH - _RIGHT)
    y = _vertical(values)
    grid = []
    for value in nice_ticks(y.low, y.high, _TICKS):
        at = y(value)
        grid.append(f"<path d='M{_LEFT} {at:.1f}H{WIDTH - _RIGHT}' stroke='{RULE}'/>")
        grid.append(_label(_LEFT - 6, at + 3.5, f"{value:,.6g}", "end"))
    if first is not None:
        for part, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
            when = first + timedelta(days=x.high * part)
            grid.append(_label(x(x.high * part), HEIGHT - 8, f"{when:%Y-%m-%d}", anchor))
    path = _path([(x(day), y(value)) for day, (_, value) in zip(days, points, strict=True)])
    curve = f"<path d='{path}' fill='none' stroke='{LINE}' stroke-width='1.4'/>" if path else ""
    return _frame(title, "".join(grid) + curve)


def _vertical(values: Sequence[float]) -> _Scale:
    low, high = min(values), max(values)
    margin = (high - low) * 0.06 or max(abs(high) * 0.01, 1.0)
    return _Scale(low - margin, high + margin, HEIGHT - _BOTTOM, _TOP)


def _grid(x: _Scale, y: _Scale, opened: datetime, *, money: bool) -> str:
    parts = []
    for value in nice_ticks(y.low, y.high, _TICKS):
        label = f"{value:+,.6g}" if money and value else f"{value:,.6g}"
        at = y(value)
        parts.append(f"<path d='M{_LEFT} {at:.1f}H{WIDTH - _RIGHT}' stroke='{RULE}'/>")
        parts.append(_label(_LEFT - 6, at + 3.5, label, "end"))
    for hour in range(int(x.high) // 60 + 1):
        minute = hour * 60
        time = opened + timedelta(minutes=minute)
        parts.append(_label(x(minute), HEIGHT - 8, f"{time:%H:%M}Z", "middle" if hour else "start"))
    return "".join(parts)


def nice_ticks(low: float, high: float, count: int) -> list[float]:
    """Return round values between two numbers, about `count` of them."""
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(f * power for f in (1.0, 2.0, 2.5, 5.0, 10.0) if f * power >= raw * 0.999)
    first, last = math.ceil(low / step - _EDGE), math.floor(high / step + _EDGE)
    return [round(i * step, 10) for i in range(first, last + 1)]


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='10.5' fill='{MUTED}'"
        f" text-anchor='{anchor}'>{escape(text)}</text>"
    )


def _path(points: Sequence[tuple[float, float]]) -> str:
    if not points:
        return ""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _triangle(x: float, y: float, mark: Marker) -> str:
    up = mark.side == "buy"
    tip, base = (y + 2, y + 11) if up else (y - 2, y - 11)
    colour = GAIN if up else LOSS
    fill = colour if mark.leg == "entry" else "#ffffff"
    note = f", {mark.note}" if mark.note else ""
    told = escape(
        f"{mark.strategy} {mark.leg}: {mark.side} {mark.qty:g} at {mark.price:g},"
        f" {mark.at:%H:%M}Z{note}"
    )
    shape = f"M{x:.1f} {tip:.1f}L{x - 5.5:.1f} {base:.1f}L{x + 5.5:.1f} {base:.1f}Z"
    return (
        f"<path d='{shape}' fill='{fill}' stroke='{colour}' stroke-width='1.4'>"
        f"<title>{told}</title></path>"
    )


def _frame(title: str, content: str) -> str:
    shown = escape(title)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' width='{WIDTH}'"
        f" height='{HEIGHT}' role='img' aria-label='{shown}' {_FONT}"
        " style='max-width:100%;height:auto'>"
        f"<rect width='{WIDTH}' height='{HEIGHT}' fill='#ffffff'/>"
        f"<text x='{_LEFT}' y='18' font-size='12.5' font-weight='600' fill='{INK}'>{shown}</text>"
        f"{content}</svg>"
    )
