"""Finnhub on loopback: answers what it is told, remembers what it was asked."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

METRICS = {
    "peNormalizedAnnual": 24.5,
    "totalDebt/totalEquityAnnual": 1.2,
    "marketCapitalization": 28_779.943,
}
"""The third is KHC's of a real answer: millions of USD (BROKERS §3)."""

TOKEN = "X-Finnhub-Token"  # noqa: S105 - the header's name


class FakeFinnhub:
    """The service.

    `replies` are given one after another before the sound ones: a status, a body and headers; the
    word KEY in a body becomes the key that it was asked with.
    """

    def __init__(self) -> None:
        self.url = ""
        self.replies: list[tuple[int, bytes, dict[str, str]]] = []
        self.metric: object = METRICS
        self.asked: list[str] = []
        self.paths: list[str] = []
        self.tokens: list[str | None] = []

    def reply(self, path: str, token: str | None) -> tuple[int, bytes, dict[str, str]]:
        """Return status, body and headers of one answer."""
        parts = urlsplit(path)
        self.paths.append(path)
        self.tokens.append(token)
        symbol = parse_qs(parts.query).get("symbol", [""])[0]
        self.asked.append(symbol)
        if self.replies:
            status, body, headers = self.replies.pop(0)
            return status, body.replace(b"KEY", str(token).encode()), headers
        if parts.path.replace("//", "/") != "/api/v1/stock/metric":
            return 404, b'{"error": "no such page"}', {}
        answer = {"symbol": symbol, "metricType": "all", "metric": self.metric}
        return 200, json.dumps(answer).encode(), {}


@contextmanager
def serving() -> Iterator[FakeFinnhub]:
    """Serve on a free port of loopback until the block ends."""
    service = FakeFinnhub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body, headers = service.reply(self.path, self.headers.get(TOKEN))
            self.send_response(status)
            for name, value in ({"Content-Type": "application/json"} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service.url = f"http://127.0.0.1:{server.server_port}/api/v1"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
