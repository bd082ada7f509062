"""The status table shows what status.json says, and never as markup."""

from __future__ import annotations

import pytest

from rigd.core.errors import DataError
from widgets.status_view import UNKNOWN, as_html, as_text, lines, read_status

STATUS = {
    "bot": "ACME_US_SIM_B01",
    "marks": ["TEST", "SIMULATED"],
    "state": "trading",
    "pnl": {"realised": "12.5", "unrealised": None},
    "trades": 0,
    "kill_switch": {"tripped": False, "cause": ""},
}


def test_values_stand_beside_their_labels() -> None:
    """A value is found at its place, also inside another object; zero is a value."""
    shown = dict(lines(STATUS))
    assert shown["bot"] == "ACME_US_SIM_B01"
    assert shown["PnL realised"] == "12.5"
    assert shown["trades"] == "0"


def test_the_unknown_is_a_dash() -> None:
    """What is null, blank or missing shows as a dash, not as None."""
    shown = dict(lines(STATUS))
    assert shown["PnL unrealised"] == UNKNOWN
    assert shown["kill switch"] == UNKNOWN
    assert shown["session"] == UNKNOWN
    assert "None" not in as_text(STATUS)


def test_no_value_becomes_markup() -> None:
    """A value with tags and quotes reaches the page escaped, in cells and in the caption."""
    attack = "<script>alert('x')</script>"
    page = as_html({**STATUS, "reason": attack, "marks": [attack]})
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;") == 2


def test_text_has_one_line_per_value() -> None:
    """The plain form aligns the values in one column."""
    text = as_text(STATUS).splitlines()
    assert len(text) == len(lines(STATUS))
    assert text[0] == "bot             ACME_US_SIM_B01"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_broken_file_is_refused(content: bytes) -> None:
    """A file that holds no JSON object is refused with a typed error."""
    with pytest.raises(DataError, match=r"status\.json must hold"):
        read_status(content)


def test_a_status_is_read() -> None:
    """A JSON object is returned as it is."""
    assert read_status(b'{"state": "idle"}') == {"state": "idle"}
