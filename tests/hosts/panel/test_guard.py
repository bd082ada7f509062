"""What stands before every handler."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from tornado import web
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from rigd.hosts.panel.guard import Guarded, guarded, names_us


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8866", "127.0.0.1:1", "[::1]:8866", "[::1]"]
)
def test_this_machine_is_named_by_three_names(host) -> None:
    """S08: whatever the port."""
    assert names_us(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "[::2]",
        "0.0.0.0:1",
        "[::1]evil.example",
        "[::1",
        "127.0.0.1:80@evil.example",
        "localhost:evil",
        "localhost/",
        "127.1",
    ],
)
def test_another_name_is_foreign(host) -> None:
    """S08: DNS rebinding."""
    assert not names_us(host)


def test_a_certificate_adds_its_names() -> None:
    """S16: whatever else a host is called leads nowhere."""
    names = frozenset({"localhost", "panel.example", "192.0.2.7"})
    assert names_us("PANEL.example:8866", names)
    assert names_us("192.0.2.7", names)
    assert not names_us("192.0.2.8", names)
    assert not names_us("other.example", names)


def test_a_route_without_a_row_is_not_served() -> None:
    """S01: the server does not start with it."""
    with pytest.raises(LookupError, match="/secret has none"):
        guarded(web.RequestHandler, "/secret")
    made = guarded(web.RequestHandler, "/health")
    assert made.__mro__[1] is Guarded


def test_no_log_has_a_query_or_what_was_typed(caplog) -> None:
    """I-22: an address may hold a token, and an error the words that were sent."""
    request = HTTPServerRequest(
        start_line=RequestStartLine("POST", "/login?token=hunter2-hunter2", "HTTP/1.1"),
        headers=HTTPHeaders({"Host": "localhost", "Cookie": "rigd_session=hunter2-hunter2"}),
        body=b"password=hunter2-hunter2",
        connection=SimpleNamespace(set_close_callback=lambda _: None),
    )
    request.remote_ip = "127.0.0.1"
    handler = guarded(web.RequestHandler, "/login")(web.Application(), request)
    assert handler._request_summary() == "POST /login (127.0.0.1)"
    caplog.set_level("DEBUG")
    for error in (KeyError("password='hunter2-hunter2'"), web.HTTPError(403, "no")):
        try:
            raise error
        except (KeyError, web.HTTPError):
            handler.log_exception(*sys.exc_info())
    assert "uncaught: POST /login (127.0.0.1)" in caplog.text
    assert "KeyError" in caplog.text
    assert "403 POST /login (127.0.0.1): no" in caplog.text
    assert "hunter2" not in caplog.text
