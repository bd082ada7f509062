"""report.html: one session as one interactive page that needs nothing but itself (ARCHITECTURE §9).

The page carries Bokeh's script and all data inside; its content security policy forbids it to
load or send anything.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from rigd.core.events import SessionClosed, TradeClosed
from rigd.reporting import tables
from rigd.reporting.charts import bokeh_script, equity_chart, price_chart
from rigd.reporting.equity import equity_curve, markers
from rigd.reporting.funnel import explain_no_trade, funnels
from rigd.reporting.header import marks_of, minutes_of, session_key, started_of
from rigd.reporting.page import STYLE, badges, table_html
from rigd.reporting.summary import win_rate
from rigd.reporting.svg import equity_svg
from rigd.reporting.text import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rigd.core.events import Entry, SessionStarted
    from rigd.core.values import Bar
    from rigd.reporting.outputs import Outputs

WRITER = "rigd.reporting.report"
NAME = "report.html"

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline';"
    " img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'"
)
_PAGE_STYLE = """
body{margin:0;background:#eef1f4}
main{max-width:1180px;margin:0 auto;padding:28px 24px 48px}
header{display:flex;justify-content:space-between;gap:24px;align-items:flex-end;flex-wrap:wrap;
padding-bottom:18px}
.card{background:#fff;border:1px solid var(--rule);border-radius:8px;padding:18px 20px;
margin-top:16px}
.kpis{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:1px;padding:0;
overflow:hidden;background:var(--rule)}
.kpi{background:#fff;padding:14px 18px}
.kpi b{display:block;font-size:21px;line-height:1.3;font-weight:650;
font-variant-numeric:tabular-nums;white-space:nowrap}
.kpi span{font-size:12px;color:var(--muted)}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(440px,100%),1fr));gap:0 16px;
align-items:start}
.two{columns:440px 2;column-gap:16px}
.two>.card{display:inline-block;width:100%;break-inside:avoid}
.card ul{margin:0;padding-left:18px}.card li{margin:2px 0;overflow-wrap:anywhere}
details summary{cursor:pointer;font-weight:650;font-size:15px}
details[open] summary{margin-bottom:10px}
footer{padding:20px 2px 0;font-size:12px;color:var(--muted)}
@media print{body{background:#fff}.card{break-inside:avoid}}
"""
_LOADER = (
    'for(const s of document.querySelectorAll("script[data-chart]"))'
    "Bokeh.embed.embed_item(JSON.parse(s.textContent),s.dataset.chart)"
)


class _Figure(NamedTuple):
    """A number at the top of the page; `tone` is gain, loss or blank."""

    value: str
    label: str
    tone: str = ""


def report_html(
    entries: Iterable[Entry],
    bars: Mapping[str, Sequence[Bar]],
    *,
    books: Sequence[tuple[str, str]] = (),
    seal: Sequence[tuple[str, str]] = (),
) -> bytes:
    """Return the report of a session as one self-contained page.

    Parameters
    ----------
    entries
        The journal of the session.
    bars
        The session's bars per symbol; only those of traded symbols are drawn.
    books, seal
        What the ledger and the manifest say, as names and values.

    Returns
    -------
    bytes
        UTF-8 HTML, the same for the same arguments.
    """
    known = list(entries)
    started = started_of(known)
    title = "".join(f"[{mark}] " for mark in marks_of(started)) + _name(started)
    body = "".join((
        _header(started),
        _figures(known, started),
        _equity(known, bars, started),
        _prices(known, bars, started),
        _card(table_html(tables.trades_table(known))),
        _funnel(known),
        _facts(known, books, seal),
        _footer(started),
    ))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}{_PAGE_STYLE}</style>"
        f'</head><body class="rigd"><main>{body}</main>'
        f"<script>{bokeh_script()}</script><script>{_LOADER}</script></body></html>\n"
    ).encode()


def write_report(outputs: Outputs, content: bytes) -> None:
    """Write report.html into the session's folder."""
    outputs.write(NAME, content, writer=WRITER)


def _name(started: SessionStarted) -> str:
    return f"Session {session_key(started)} of {started.bot}"


def _header(started: SessionStarted) -> str:
    half = ", half day" if started.half_day else ""
    return (
        f"<header><div><h1>{escape(_name(started))}{badges(marks_of(started))}</h1>"
        f'<p class="muted">{escape(started.day.strftime("%A"))} {escape(started.day)}{half},'
        f" broker {escape(started.broker)}, {escape(', '.join(started.symbols))}</p></div>"
        f'<p class="muted">Data: {escape(started.data_label)}</p></header>'
    )


def _figures(entries: Sequence[Entry], started: SessionStarted) -> str:
    trades = [entry.record for entry in entries if isinstance(entry.record, TradeClosed)]
    closed = [entry.record for entry in entries if isinstance(entry.record, SessionClosed)]
    pnl = sum((trade.pnl for trade in trades), Decimal(0))
    gains = [trade.pnl for trade in trades if trade.pnl > 0]
    losses = [trade.pnl for trade in trades if trade.pnl < 0]
    total = funnels(entries)[-1]
    shown = (
        _Figure(tables.signed(pnl), f"Realised PnL [{started.currency}]", _tone(pnl)),
        _Figure(str(len(trades)), f"Trades from {total.signals} signals"),
        _Figure(tables.percent(win_rate(trades)), f"Win rate, {len(gains)} of {len(trades)}"),
        _Figure(tables.signed(max(gains)) if gains else "–", "Largest gain"),
        _Figure(tables.signed(min(losses)) if losses else "–", "Largest loss"),
        _Figure(tables.cents(started.session_cap), f"Session cap [{started.currency}]"),
        _Figure(closed[-1].status if closed else "RUNNING", _ended(closed)),
    )
    cells = "".join(
        f'<div class="kpi"><b class="{figure.tone}">{escape(figure.value)}</b>'
        f"<span>{escape(figure.label)}</span></div>"
        for figure in shown
    )
    return f'<section class="card kpis">{cells}</section>'


def _tone(amount: Decimal) -> str:
    return "gain" if amount > 0 else "loss" if amount < 0 else ""


def _ended(closed: Sequence[SessionClosed]) -> str:
    if not closed:
        return "not closed yet"
    return f"{'flat' if closed[-1].flat else 'NOT FLAT'}, exit code {closed[-1].exit_code}"


def _equity(
    entries: Sequence[Entry], bars: Mapping[str, Sequence[Bar]], started: SessionStarted
) -> str:
    points = equity_curve(entries, bars)
    still = equity_svg(
        points,
        currency=started.currency,
        opened=started.session_open,
        minutes=minutes_of(started),
    )
    chart = _chart("equity", equity_chart(points, started))
    return _card(
        f"<h2>PnL over the session</h2>{chart}<noscript>{still}</noscript>"
        '<p class="muted">Realised trades plus open positions at the last close, net of'
        " commissions. The ledger is official.</p>"
    )


def _prices(
    entries: Sequence[Entry], bars: Mapping[str, Sequence[Bar]], started: SessionStarted
) -> str:
    marks = markers(entries)
    symbols = dict.fromkeys(mark.symbol for mark in marks)
    return "".join(
        _card(
            f"<h2>{escape(symbol)}</h2>"
            + _chart(
                f"price-{number}",
                price_chart(
                    bars.get(symbol, ()), [m for m in marks if m.symbol == symbol], started
                ),
            )
        )
        for number, symbol in enumerate(symbols)
    )


def _chart(name: str, item: str) -> str:
    return (
        f'<div id="{name}"></div>'
        f'<script type="application/json" data-chart="{name}">{item}</script>'
    )


def _funnel(entries: Sequence[Entry]) -> str:
    reasons = explain_no_trade(entries)
    told = "".join(f"<li>{escape(reason)}</li>" for reason in reasons)
    left = table_html(tables.funnel_table(entries))
    more = f"<details><summary>Why the others did not trade ({len(reasons)})</summary>"
    blocked = _card(table_html(tables.blocked_table(entries)))
    pools = _card(table_html(tables.pools_table(entries)))
    why = _card(f"{more}<ul>{told}</ul></details>") if reasons else ""
    return _card(left) + f'<div class="pair">{blocked}{pools}</div>' + why


def _facts(
    entries: Sequence[Entry], books: Sequence[tuple[str, str]], seal: Sequence[tuple[str, str]]
) -> str:
    pairs = [
        tables.session_table(entries),
        tables.limits_table(entries),
        tables.windows_table(entries),
        tables.checks_table(entries),
        tables.pairs_table("Books", books),
        tables.pairs_table("Seal", seal),
    ]
    cards = "".join(_card(table_html(table)) for table in pairs if table.rows)
    settings = table_html(tables.settings_table(entries), title=False)
    notes = tables.notes_table(entries)
    told = _card(table_html(notes)) if notes.rows else ""
    return f'<div class="two">{cards}</div>{told}' + _card(
        f"<details><summary>Parameters</summary>{settings}</details>"
    )


def _card(content: str) -> str:
    return f'<section class="card">{content}</section>'


def _footer(started: SessionStarted) -> str:
    return (
        f"<footer>Made from the session's journal. Data {escape(started.data_digest)}, settings"
        f" {escape(started.config_digest)}, code {escape(started.code_digest)}. All times are"
        " UTC.</footer>"
    )
