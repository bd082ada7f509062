"""Text on one line."""

from __future__ import annotations

import pytest

from rigd.core.lines import one_line


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", "plain"),
        ("a\nb\rc\td", r"a\nb\rc\td"),
        ("\x1b[31mred\x00", r"\x1b[31mred\x00"),
        ("left\u2028right", r"left\u2028right"),
        ("\u202eflow", r"\u202eflow"),
        ("Zürich – ok", "Zürich – ok"),
        ("\U000e0001tag", r"\U000e0001tag"),
        ("\x85next", r"\x85next"),
    ],
)
def test_one_line_shows_what_would_break_or_hide(text: str, written: str) -> None:
    """Control, direction and line characters become visible escapes; letters stay."""
    assert one_line(text) == written
