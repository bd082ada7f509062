"""The look of tables and pages: one place for markup, style and badges.

Every value goes through `text.escape`; what these functions return is HTML and is not escaped
again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.reporting.text import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rigd.reporting.tables import Table

STYLE = """
:root{color-scheme:light;--ink:#1f2933;--muted:#66727f;--rule:#e1e6eb;--soft:#f5f7f9;
--accent:#1d4e79;--gain:#1a7f4b;--loss:#b3261e;--warn:#8a5a00;--warn-bg:#fff4d6}
.rigd,.rigd *{box-sizing:border-box}
.rigd{font:14px/1.5 system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;color:var(--ink)}
.rigd h1{font-size:22px;line-height:1.25;margin:0;font-weight:650}
.rigd h2{font-size:15px;margin:0 0 10px;font-weight:650;color:var(--ink)}
.rigd p{margin:0 0 8px}
.rigd .muted{color:var(--muted)}
.rigd .badge{display:inline-block;font-size:11px;font-weight:700;letter-spacing:.06em;
padding:2px 8px;border-radius:4px;background:var(--warn-bg);color:var(--warn);
border:1px solid #e8cf8e;vertical-align:2px;margin-left:8px}
.rigd .scroll{overflow-x:auto}
.rigd table{border-collapse:collapse;width:100%;font-size:13px;margin:0}
.rigd.rigd table{table-layout:auto}
.rigd.rigd pre{font:12px/1.45 ui-monospace,Menlo,Consolas,monospace;margin:0;white-space:pre}
.rigd.rigd tbody tr{background:none}
.rigd.rigd th{text-align:left;font-weight:600;color:var(--muted);border-bottom:1px solid #c6ced6;
padding:5px 12px 5px 0;white-space:nowrap;background:none}
.rigd.rigd td{text-align:left;border-bottom:1px solid var(--rule);padding:5px 12px 5px 0;
vertical-align:top;background:none;overflow-wrap:anywhere}
.rigd.rigd th.n:last-child,.rigd.rigd td.n:last-child{padding-right:2px}
.rigd>*+h2{margin-top:18px}
.rigd.rigd tr:last-child td{border-bottom:0}
.rigd.rigd th.n,.rigd.rigd td.n{text-align:right;padding-right:28px;
font-variant-numeric:tabular-nums;white-space:nowrap}
.rigd.rigd tr.total td{font-weight:650;border-top:1px solid #c6ced6}
.rigd .gain{color:var(--gain)}.rigd .loss{color:var(--loss)}
.rigd .empty{color:var(--muted);font-style:italic}
"""


def badges(marks: Iterable[str]) -> str:
    """Return the badges of a title."""
    return "".join(f'<span class="badge">{escape(mark)}</span>' for mark in marks)


def table_html(table: Table, *, title: bool = True) -> str:
    """Return a table as HTML, with its title as a heading unless `title` is false."""
    heading = f"<h2>{escape(table.title)}</h2>" if title else ""
    if not table.rows:
        return f'{heading}<p class="empty">{escape(table.empty)}</p>'
    head = "".join(_cell("th", name, i, table) for i, name in enumerate(table.columns))
    body = "".join(_row(row, table) for row in table.rows)
    return (
        f'{heading}<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def block(content: str, *, style: bool = True) -> str:
    """Return content as one self-styled block, such as a notebook's output."""
    sheet = f"<style>{STYLE}</style>" if style else ""
    return f'{sheet}<div class="rigd">{content}</div>'


def _row(row: Sequence[str], table: Table) -> str:
    kind = ' class="total"' if row[0] == "total" else ""
    cells = "".join(_cell("td", text, i, table) for i, text in enumerate(row))
    return f"<tr{kind}>{cells}</tr>"


def _cell(tag: str, text: str, column: int, table: Table) -> str:
    classes = ["n"] if column in table.numeric else []
    if tag == "td" and table.columns[column] == "PnL":
        classes += ["loss"] if text.startswith("-") else ["gain"] if text.startswith("+") else []
    if tag == "td" and text == "FAILED":
        classes.append("loss")
    kind = f' class="{" ".join(classes)}"' if classes else ""
    return f"<{tag}{kind}>{escape(text)}</{tag}>"
