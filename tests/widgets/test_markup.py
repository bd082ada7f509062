"""Nothing becomes markup but what `markup` made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.widgets.world import ATTACK, elements, words
from widgets.markup import Html, join, sheet, tag, text

if TYPE_CHECKING:
    from pathlib import Path

PAYLOADS = [
    ATTACK,
    "</td></tr></table><svg onload=alert(1)>",
    "' onmouseover='alert(1)",
    '" autofocus onfocus="alert(1)',
    "&lt;script&gt;",
    "\u202e<b>turned</b>",
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_value_stays_text_in_content_and_in_attributes(payload: str) -> None:
    """A hostile value adds no element and no attribute, wherever it stands."""
    made = tag("p", payload, tag("b", payload), title=payload, kind=payload)
    assert [name for name, _ in elements(made)] == ["p", "b"]
    assert [set(held) for _, held in elements(made)] == [{"class", "title"}, set()]


def test_markup_is_not_escaped_again() -> None:
    """What `tag` made can be held by another element."""
    assert tag("p", tag("b", "x")) == "<p><b>x</b></p>"
    assert text(Html("<i>")) == "<i>"
    assert join(["<", tag("b", "x")], ", ") == "&lt;, <b>x</b>"


def test_an_address_that_runs_code_is_left_out() -> None:
    """A link leads to a page; javascript: and data: addresses are dropped."""
    assert tag("a", "x", href="javascript:alert(1)") == "<a>x</a>"
    assert tag("a", "x", href="data:text/html,x") == "<a>x</a>"
    assert tag("a", "x", href="/logout") == '<a href="/logout">x</a>'


def test_lines_and_hidden_characters_become_visible() -> None:
    """A line break or a turn of direction in a value is shown, not obeyed."""
    assert words(tag("p", "a\nb\u202ec")) == "a\\nb\\u202ec"


def test_none_is_blank_and_void_elements_have_no_end() -> None:
    """None adds nothing; a line break has no closing tag."""
    assert tag("p", None, kind=None) == "<p></p>"
    assert tag("br") == "<br>"


def test_a_style_sheet_is_a_style_element(tmp_path: Path) -> None:
    """The sheet of a file stands in one style element."""
    file = tmp_path / "look.css"
    file.write_text("a{color:red}")
    assert sheet(file) == "<style>a{color:red}</style>"
