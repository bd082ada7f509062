"""Coming in: what can be told without a server; the rest is tests/system/test_panel.py."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rigd.hosts.panel.entrance import LogIn


@pytest.mark.parametrize(
    ("asked", "goes"),
    [
        ("/logs", "/logs"),
        ("/", "/"),
        ("/coa/api", "/coa/api"),
        ("/logs?x=1#y", "/"),
        ("/logs\x7f", "/"),
        ("/logs\r\nX-Evil: 1", "/"),
        ("/logs\n", "/"),
        ("/\t/evil.example", "/"),
        ("/%2f/evil.example", "/"),
        ("/x//evil.example", "/"),
        ("/@evil.example", "/"),
        ("/\u202e", "/"),
        ("/" + "a" * 40_000 + "!", "/"),
        ("//evil.example/x", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/x\\..\\evil", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_after_a_log_in_one_stays_here(asked, goes) -> None:
    """An address of another server is none."""
    handler = SimpleNamespace(get_query_argument=lambda *_: asked)
    assert LogIn.wanted(handler) == goes
