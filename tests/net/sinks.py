"""Loopback sinks: a mail server and a web server that keep what they get."""

from __future__ import annotations

import json
import socketserver
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

# Loaded here once, by the main thread: where warnings are errors, a thread that loads it while
# another one changes the filters of warnings would fail.
import apprise.plugins.email.base  # noqa: F401 - for its effect

if TYPE_CHECKING:
    from collections.abc import Iterator


class MailSink(socketserver.ThreadingTCPServer):
    """Takes mails; one for a recipient that begins with ``bad`` is refused."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Mail)
        self.mails: list[tuple[list[str], str]] = []
        self.port = self.server_address[1]


class _Mail(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self._say("220 sink")
        to: list[str] = []
        while line := self.rfile.readline().decode().strip():
            verb = line.upper()
            if verb.startswith("EHLO"):
                self._say("250-sink\r\n250 AUTH PLAIN LOGIN")
            elif verb.startswith("AUTH"):
                self._say("235 ok")
            elif verb.startswith("RCPT"):
                bad = "<bad" in line
                self._say("550 no such user" if bad else "250 ok")
                to += [] if bad else [line.partition("<")[2].rstrip(">")]
            elif verb == "DATA":
                self._say("354 go on")
                text = ""
                while (part := self.rfile.readline().decode()).strip("\r\n") != ".":
                    text += part
                self.server.mails.append((to, text))  # type: ignore[attr-defined]
                to = []
                self._say("250 kept")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


class WebSink(ThreadingHTTPServer):
    """Takes POSTs of JSON; answers with `code`."""

    daemon_threads = True

    def __init__(self, code: int = 202) -> None:
        super().__init__(("127.0.0.1", 0), _Web)
        self.code = code
        self.posts: list[tuple[str, dict[str, str], dict]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Web(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((self.path, dict(self.headers), json.loads(body)))  # type: ignore[attr-defined]
        self.send_response(self.server.code)  # type: ignore[attr-defined]
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(sink: MailSink | WebSink) -> Iterator[MailSink | WebSink]:
    """Serve in a thread of its own."""
    thread = threading.Thread(target=sink.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield sink
    finally:
        sink.shutdown()
        sink.server_close()
        thread.join()
