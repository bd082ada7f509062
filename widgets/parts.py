"""The vocabulary of the pages: cards, tables, badges, key-value lists, meters, log rows."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from widgets.markup import Html, tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rigd.reporting.shown_logs import Line

DASH = "–"
TONES = ("ok", "warn", "bad", "info", "muted", "")
MODES: Mapping[str, str] = {"TEST": "test", "PAPER": "paper", "LIVE": "live"}


def badge(label: str, tone: str = "") -> Html:
    """Return a small coloured label."""
    return tag("span", label, kind=f"badge {tone}".strip())


def mode_badge(mode: str) -> Html:
    """Return the badge that says whether money is at stake: TEST, PAPER or LIVE."""
    return tag("span", mode, kind=f"mode {MODES.get(mode, 'none')}", title=f"mode: {mode}")


def card(label: str, value: object, note: object = "", tone: str = "") -> Html:
    """Return one figure with its label and a note below."""
    return tag(
        "div",
        tag("div", label, kind="k"),
        tag("div", _filled(value), kind=f"v {tone}".strip()),
        tag("div", note, kind="s"),
        kind="card",
    )


def cards(*held: Html) -> Html:
    """Return cards beside each other."""
    return tag("div", *held, kind="cards")


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numeric: Iterable[int] = (),
    empty: str = "nothing yet",
    kind: str = "",
) -> Html:
    """Return a table, or a line that says that there is nothing.

    Parameters
    ----------
    columns
        Headings.
    rows
        Cells; `Html` stays as it is.
    numeric
        Columns that stand to the right.
    empty
        What is said without rows.
    kind
        More classes.

    Returns
    -------
    Html
        The table in a box that scrolls by itself.
    """
    right = frozenset(numeric)
    held = [
        tag("tr", *(_cell("td", cell, number in right) for number, cell in enumerate(row)))
        for row in rows
    ]
    if not held:
        return tag("p", empty, kind="empty")
    head = tag("tr", *(_cell("th", name, n in right) for n, name in enumerate(columns)))
    body = tag("table", tag("thead", head), tag("tbody", *held), kind=f"grid {kind}".strip())
    return tag("div", body, kind="scroll")


def facts(pairs: Iterable[tuple[str, object]]) -> Html:
    """Return names with values, in columns."""
    return tag(
        "div",
        *(
            tag("div", tag("span", name, kind="k"), tag("span", _filled(value), kind="w"))
            for name, value in pairs
        ),
        kind="facts",
    )


def heading(title: str, *notes: object) -> Html:
    """Return the title of a pane with notes beside it."""
    return tag("div", tag("h2", title), tag("span", *notes, kind="note"), kind="pane-head")


def meter(fraction: Decimal | None, label: str, tone: str = "ok") -> Html:
    """Return a bar that is filled by a fraction 0-1."""
    share = min(max(fraction or Decimal(0), Decimal(0)), Decimal(1))
    fill = tag("i", kind=tone, style=f"width:{int(share * 100)}%")
    return tag("div", tag("div", fill, kind="bar"), tag("span", label, kind="s"), kind="meter")


def banner(words: object, tone: str) -> Html:
    """Return a line across the page."""
    return tag("div", words, kind=f"banner {tone}", role="status")


def message(words: object, tone: str = "ok") -> Html:
    """Return what came of a press."""
    return tag("span", words, kind=f"told {tone}", role="status")


def pane(*children: object, kind: str = "") -> Html:
    """Return a framed part of a page."""
    return tag("section", *children, kind=f"pane {kind}".strip())


def columns(*panes: Html, kind: str = "") -> Html:
    """Return panes beside each other, below each other where it is narrow."""
    return tag("div", *panes, kind=f"cols {kind}".strip())


def log_rows(lines: Iterable[Line]) -> Html:
    """Return rows of a log, each in its parts."""
    rows = [
        tag(
            "div",
            tag("span", line.at, kind="at"),
            tag("span", line.level, kind=f"lv {_LEVELS.get(line.level, '')}".strip()),
            tag("span", line.event, kind="ev"),
            tag("span", line.text, kind="tx"),
            kind="ln",
            title=line.raw,
        )
        for line in lines
    ]
    return tag("div", *rows, kind="log") if rows else tag("p", "no rows", kind="empty")


def checks(held: Iterable[tuple[str, bool | None, str]]) -> Html:
    """Return a list of checks: name, passed (None: not known), detail."""
    marks = {True: ("ok", "OK"), False: ("bad", "FAILED"), None: ("muted", "?")}
    return table(
        ("Check", "", "Detail"),
        [
            (name, badge(marks[passed][1], marks[passed][0]), detail)
            for name, passed, detail in held
        ],
        empty="no checks yet",
    )


def money(value: object, *, sign: bool = False) -> Html:
    """Return an amount with two decimals and thousands; gains green and losses red when signed."""
    amount = number(value)
    if amount is None:
        return tag("span", DASH, kind="muted")
    rounded = round(amount, 2) + Decimal(0)
    if not sign:
        return tag("span", f"{rounded:,.2f}")
    tone = "gain" if rounded > 0 else "loss" if rounded < 0 else "flat"
    return tag("span", f"{rounded:+,.2f}", kind=tone)


def percent(value: object, places: int = 0) -> str:
    """Return a fraction as percent, a dash for none."""
    fraction = number(value)
    return DASH if fraction is None else f"{fraction * 100:.{places}f} %"


def plain_number(value: object) -> str:
    """Return a number with at most four decimals and no trailing zeros, a dash for none."""
    amount = number(value)
    if amount is None:
        return DASH
    shown = f"{round(amount, 4):,f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def number(value: object) -> Decimal | None:
    """Return a finite number; None for anything else."""
    if value is None or isinstance(value, bool):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def lasting(seconds: float | None) -> str:
    """Return a length of time as a person reads it."""
    if seconds is None:
        return DASH
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    days, rest = divmod(whole, 86400)
    return f"{f'{days} d ' if days else ''}{rest // 3600} h {rest % 3600 // 60:02d} min"


def size(count: int | None) -> str:
    """Return a number of bytes as a person reads it."""
    if count is None:
        return "absent"
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count} {unit}"
        count //= 1000
    return f"{count} GB"


def instant(at: object) -> str:
    """Return an ISO instant without its fraction of a second."""
    shown = str(at or "")
    return shown[:19].replace("T", " ") + "Z" if len(shown) > 19 and shown.endswith("Z") else shown


_LEVELS = {"WARNING": "warn", "ERROR": "bad", "CRITICAL": "bad"}


def _cell(name: str, value: object, right: bool) -> Html:  # noqa: FBT001 - a private column flag
    shown = value if name == "th" else _filled(value)
    return tag(name, shown, kind="n" if right else None)


def _filled(value: object) -> object:
    if isinstance(value, Html):
        return value
    return DASH if value is None or value == "" else value


def shown_of(rows: Sequence[object], most: int) -> str:
    """Return how many rows of a list are shown, of how many; blank for an empty list."""
    return f"newest {min(len(rows), most)} of {len(rows)}" if rows else ""
