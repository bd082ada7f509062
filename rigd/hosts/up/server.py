"""The health port: ``/health``, ``/health/detailed`` and ``/metrics`` on loopback; it only reads.

It answers from a thread and an event loop of its own, so that a supervisor that is busy, or closing
an account for minutes, still says how the bot is. No route changes anything (INVENTORY C10).
"""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

from tornado.httpserver import HTTPServer
from tornado.web import Application, HTTPError, RequestHandler

from rigd.hosts.ports import LOOPBACK, listening_socket
from rigd.hosts.up.facts import examine
from rigd.hosts.up.metrics import TYPE, Metrics

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from rigd.core.ports import ControlClock
    from rigd.store.paths import Home

PORT = 8080
HOSTS = frozenset({LOOPBACK, "localhost"})
"""The names by which it may be called: another page's name cannot be made to lead here."""


class _Read(RequestHandler):
    """A page that is read by whoever is on this machine."""

    def initialize(self, home: Home, clock: ControlClock, metrics: Metrics) -> None:
        """Take what the pages are made of."""
        self.home, self.clock, self.metrics = home, clock, metrics

    def prepare(self) -> None:
        """Refuse another name than this machine's."""
        if self.request.host_name not in HOSTS:
            raise HTTPError(403)

    def set_default_headers(self) -> None:
        """Say nothing of the server, and let nobody keep an answer."""
        self.set_header("Server", "rigd")
        self.set_header("Cache-Control", "no-store")


class _Basic(_Read):
    def get(self) -> None:
        """Answer 200 while the bot is well, else 503."""
        health = examine(self.home, self.clock)
        self.set_status(200 if health.well else 503)
        fields = health.as_fields()
        self.write({"status": fields["status"], "state": fields["state"]})


class _Detailed(_Read):
    def get(self) -> None:
        """Answer with each part."""
        health = examine(self.home, self.clock)
        self.set_status(200 if health.well else 503)
        self.set_header("Content-Type", "application/json")
        self.write(json.dumps(health.as_fields(), indent=1))


class _Metrics(_Read):
    def get(self) -> None:
        """Answer with every metric."""
        self.set_header("Content-Type", TYPE)
        self.write(self.metrics.text())


def application(home: Home, clock: ControlClock) -> Application:
    """Return the routes of the health port."""
    parts: dict[str, Any] = {"home": home, "clock": clock, "metrics": Metrics(home, clock)}
    return Application([
        (r"/health", _Basic, parts),
        (r"/health/detailed", _Detailed, parts),
        (r"/metrics", _Metrics, parts),
    ])


class HealthPort:
    """The port while a ``with`` statement runs.

    Parameters
    ----------
    home, clock
        Whose, and the control clock.
    port
        The port; 0 for any that is free.

    Raises
    ------
    ConfigError
        If the port cannot be had.
    """

    def __init__(self, home: Home, clock: ControlClock, port: int = PORT) -> None:
        self._app = application(home, clock)
        self._socket = listening_socket(port, what="the health", option="--health-port (0 for any)")
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="rigd-health", daemon=True)

    def wait(self) -> None:
        """Serve until this thread is interrupted."""
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = HTTPServer(self._app, max_body_size=1024)
        self._loop.call_soon(server.add_socket, self._socket)
        self._loop.run_forever()
        server.stop()
        self._loop.run_until_complete(server.close_all_connections())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End, and give the port back."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
