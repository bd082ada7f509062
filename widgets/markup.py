"""The one place that turns values into HTML: everything is escaped unless it is `Html` already.

No page writes a tag as text. What a page shows goes through `tag`, and what a widget holds is an
`Html`, so that no symbol, log line, user name or note becomes markup (FAULTS §4.7 S09).
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

from rigd.core.lines import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

VOID: Final = frozenset({"br", "hr", "input"})
_SCHEMES = ("https://", "http://", "/", "#", "./")


class Html(str):
    """Text that is markup and safe: made by `tag`, `text` and `join` alone."""

    __slots__ = ()


def text(value: object) -> Html:
    """Return a value as safe text on one line; `Html` is returned as it is, None is blank."""
    if isinstance(value, Html):
        return value
    return Html(html.escape(one_line("" if value is None else str(value)), quote=True))


def join(parts: Iterable[object], between: str = "") -> Html:
    """Return parts beside each other, each escaped unless it is markup."""
    return Html(text(between).join(text(part) for part in parts))


def tag(name: str, *children: object, kind: str | None = None, **attributes: object) -> Html:
    """Return an element.

    Parameters
    ----------
    name
        Of the element, a literal.
    children
        What it holds; `Html` stays, everything else is escaped.
    kind
        Its classes.
    attributes
        Its attributes, ``_`` for ``-``; None is left out. An ``href`` that is no plain address
        (``javascript:…``) is left out too.

    Returns
    -------
    Html
        The element.
    """
    held = {"class": kind or None, **attributes}
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in held.items()
        if value is not None and not (key == "href" and not str(value).startswith(_SCHEMES))
    )
    if name in VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(children)}</{name}>")


def sheet(content: Path) -> Html:
    """Return the style sheet of a file of this package as a style element."""
    css = content.read_text(encoding="utf-8")
    return Html(f"<style>{css}</style>")
