"""Change values in the text of a settings file and leave everything else as it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_LINE = re.compile(r"^[ \t]*(?P<key>[A-Z][A-Z0-9_]*)[ \t]*=(?P<value>[^#]*?)(?P<note>[ \t]+#.*)?$")


def with_values(text: str, values: Mapping[str, str]) -> str:
    """Return a settings text with other values; comments and the order of lines stay.

    Parameters
    ----------
    text
        A valid ``.env_bot``.
    values
        New values by key, as `as_text` writes them; a key that the text lacks is appended.

    Returns
    -------
    str
        The new text; it ends with a line end.
    """
    left = dict(values)
    lines = []
    for line in text.rstrip("\n").split("\n"):
        found = _LINE.match(line.removesuffix("\r"))
        key = found["key"] if found else ""
        if found and key in left:
            lines.append(f"{key}={left.pop(key)}{found['note'] or ''}")
        else:
            lines.append(line)
    lines += [f"{key}={value}" for key, value in left.items()]
    return "\n".join(lines) + "\n"
