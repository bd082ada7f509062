"""The server of the panel: a standalone Voila, made of our table of routes and nothing else.

Everything is set in code: no configuration file of a folder or a user changes it. Standalone Voila
lets kernels take six types of message, so that nobody runs code (JUPYTER §1); its handlers for
contents, tree, files and queries are not registered at all.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyter_events import EventLogger
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from traitlets import Instance
from traitlets.config import Config
from voila.app import Voila
from voila.static_file_handler import MultiStaticFileHandler
from voila.utils import get_voila_labextensions_path

from rigd.access.session import release_all
from rigd.core.errors import ConfigError
from rigd.hosts.panel import entrance, serving
from rigd.hosts.panel.guard import Missing, guarded
from rigd.hosts.panel.identity import OwnKernels, RigdIdentity
from rigd.hosts.panel.kernels import Kernels, RigdKernels, hand_out
from rigd.hosts.panel.listening import Listening
from rigd.hosts.panel.policy import PAGES, POLICY, page_route
from rigd.hosts.ports import listening_socket

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from socket import socket

    from rigd.core.ports import ControlClock
    from rigd.hosts.panel.identity import Desk
    from rigd.hosts.panel.pulse import Pulse

POOL: Final = 2
"""Kernels of the router notebook that wait with the page built."""

MOST_BODY_BYTES: Final = 1 << 16
MOST_MESSAGE_BYTES: Final = 1 << 20
TIMEOUT_S: Final = 60.0
"""Bounds of one request, one message of a page, and of a slow client."""

FULL_COLLECTION: Final = 2
"""Collections of the middle generation between two full ones; Python has 10."""

TEMPLATES: Final = Path(__file__).with_name("templates") / "rigd"
EXTENSIONS: Final = (
    "@jupyter-widgets/jupyterlab-manager",
    "@voila-dashboards/widgets-manager8",
    "anywidget",
)
OF_EVERY_PAGE: Final = ("is not trusted", "websocket_ping_timeout", "events for closed stream")
"""Warnings that are not shown: they come with every page and its end, and ask for nothing."""
_KERNEL = r"(?P<kernel_id>\w+-\w+-\w+-\w+-\w+)"


def configuration(pool: int) -> Config:
    """Return what differs from Voila's defaults.

    Parameters
    ----------
    pool
        Kernels that are kept warm; 0 for none.

    Returns
    -------
    Config
        Of traitlets.
    """
    config = Config()
    config.KernelManager.transport = "ipc"
    config.MappingKernelManager.buffer_offline_messages = False
    config.MappingKernelManager.allow_tracebacks = False
    config.VoilaConfiguration.update({
        "template": "lab",
        "theme": "dark",
        "allow_template_override": "NO",
        "allow_theme_override": "NO",
        "strip_sources": True,
        "show_tracebacks": False,
        "file_allowlist": [],
        "http_header_envs": [],
        "preheat_kernel": pool > 0,
        "default_pool_size": pool,
        "extension_allowlist": list(EXTENSIONS),
        "multi_kernel_manager_class": RigdKernels,
    })
    return config


class Panel(Voila):  # type: ignore[misc] # Voila has no types
    """The panel's server; `ready` is called with the port once it listens."""

    name = "voila"
    event_logger = Instance(EventLogger, ())
    """One for all kernels; each would make its own, whose logger `logging` keeps for ever."""
    desk: Desk
    kernels: Kernels
    clock: ControlClock
    ready: Callable[[int], None]
    listening: Listening
    socket: socket
    pulse: Pulse | None

    def setup_template_dirs(self) -> None:
        """Put our template before those of Voila."""
        super().setup_template_dirs()
        self.template_paths.insert(0, str(TEMPLATES))

    def init_settings(self) -> dict[str, Any]:
        """Return the settings of the application, ours with them."""
        RigdIdentity.desk = self.desk
        OwnKernels.owner_of = staticmethod(self.kernels.owner_of)
        RigdKernels.kernels = self.kernels
        settings: dict[str, Any] = super().init_settings()
        self.kernels.manager = self.kernel_manager
        self._bind_warm_kernels()
        return settings | {
            "xsrf_cookies": True,
            "xsrf_cookie_kwargs": {
                "samesite": "Strict",
                "secure": bool(self.listening.certificate),
            },
            "allow_remote_access": True,  # the guard asks for one of our names, before Jupyter does
            "rigd_names": self.listening.names(),
            "websocket_max_message_size": MOST_MESSAGE_BYTES,
            "login_url": "/login",
            "rigd_desk": self.desk,
            "rigd_kernels": self.kernels,
            "serve_traceback": False,
            "default_handler_class": Missing,
        }

    def _bind_warm_kernels(self) -> None:
        """Give a kernel of the pool to whoever takes it."""
        taken = getattr(self.kernel_manager, "get_rendered_notebook", None)
        if taken is None:
            return

        async def taken_and_given(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - of Voila
            found = await taken(*given, **named)
            await hand_out(self.kernels, found[2])
            return found

        self.kernel_manager.get_rendered_notebook = taken_and_given

    def init_handlers(self) -> list[Any]:
        """Return every handler of the panel, each behind the guard.

        Returns
        -------
        list of tuples
            Patterns with classes.

        Raises
        ------
        LookupError
            If the table has a route that nothing serves.
        """
        notebook = Path(self.notebook_path).name
        page = {
            "notebook_path": notebook,
            "template_paths": self.template_paths,
            "config": self.config,
            "voila_configuration": self.voila_configuration,
        }
        extensions = get_voila_labextensions_path([])
        static = {"paths": self.static_paths, "default_filename": "index.html"}
        rows: list[tuple[str, str, type[Any], dict[str, Any]]] = [
            ("/health", "/health", serving.Health, {}),
            ("/login", "/login", entrance.LogIn, {}),
            ("/logout", "/logout", entrance.LogOut, {}),
            ("/register", "/register", entrance.Register, {}),
            ("/reset", "/reset", entrance.Reset, {}),
            ("/confirm", "/confirm", entrance.Confirm, {}),
            ("/coa/api", "/coa/api", serving.ChartApi, {}),
            ("/coa/export", "/coa/export", serving.ChartExport, {}),
            ("/download/log/<name>", r"/download/log/([A-Za-z0-9_.]{1,64})", serving.LogFile, {}),
            ("/download/books/<form>", r"/download/books/([a-z]{1,16})", serving.BooksFile, {}),
            (
                "/voila/templates/rigd/static/<name>",
                r"/voila/templates/rigd/static/([a-z.]{1,32})",
                serving.Asset,
                {},
            ),
            ("/voila/templates/<path>", "/voila/templates/(.*)", serving.Templates, {}),
            ("/voila/static/<path>", "/voila/static/(.*)", MultiStaticFileHandler, static),
            (
                "/voila/labextensions/<path>",
                "/voila/labextensions/(.*)",
                serving.Extensions,
                {"path": extensions, "no_cache_paths": ["/"]},
            ),
            (
                "/voila/api/themes/<path>",
                "/voila/api/themes/(.*)",
                serving.Themes,
                {
                    "themes_url": "/voila/api/themes",
                    "path": self.themes_dir,
                    "labextensions_path": extensions,
                    "no_cache_paths": ["/"],
                },
            ),
            (
                "/voila/api/shutdown/<kernel>",
                f"/voila/api/shutdown/{_KERNEL}",
                serving.Shutdown,
                {},
            ),
            ("/api/kernels/<kernel>", f"/api/kernels/{_KERNEL}", serving.OneKernel, {}),
            (
                "/api/kernels/<kernel>/channels",
                f"/api/kernels/{_KERNEL}/channels",
                serving.Channels,
                {},
            ),
            *(
                (page_route(name), page_route(name), serving.Page, page | {"page": name})
                for name in PAGES
            ),
        ]
        served = {route for route, *_ in rows}
        if missing := {route for route, _ in POLICY} - served:
            msg = f"every route of the table must be served, {sorted(missing)} are not"
            raise LookupError(msg)
        return [
            (pattern, guarded(handler, route), given) for route, pattern, handler, given in rows
        ]

    def listen(self) -> None:
        """Answer on its socket until it is ended."""
        server = HTTPServer(
            self.app,
            max_body_size=MOST_BODY_BYTES,
            max_header_size=MOST_BODY_BYTES,
            idle_connection_timeout=TIMEOUT_S,
            body_timeout=TIMEOUT_S,
            xheaders=False,
            ssl_options=self.listening.context(),
        )
        server.add_socket(self.socket)
        self.port = self.socket.getsockname()[1]
        self.ioloop = IOLoop.current()
        self.ioloop.add_callback(self._watch)
        self.ready(self.port)
        try:
            self.ioloop.start()
        except KeyboardInterrupt:
            self.log.info("stopping")
        finally:
            server.stop()
            self.stop()
            self.desk.close()

    async def _watch(self) -> None:
        running = [self.kernels.watch(), *([self.pulse.run()] if self.pulse else [])]
        loop = asyncio.get_running_loop()
        self._watching = [loop.create_task(each) for each in running]


def _is_news(record: logging.LogRecord) -> bool:
    """Tell whether a warning says anything: two of the libraries' come with every page."""
    return not any(words in record.getMessage() for words in OF_EVERY_PAGE)


def _forget_pages_soon() -> None:
    """Let full collections come every few pages: a closed page is cyclic garbage of 0.2 MiB.

    Python waits with them until a quarter of what it keeps is new, and would count all the modules:
    the garbage of forty pages and more lay about. What is frozen is neither counted nor looked at.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # it counts what is kept anew
    gc.set_threshold(*gc.get_threshold()[:2], FULL_COLLECTION)


def serve(
    desk: Desk,
    clock: ControlClock,
    *,
    notebook: Path,
    port: int,
    environment: Mapping[str, str],
    sockets: Path,
    pool: int = POOL,
    listening: Listening | None = None,
    pulse: Pulse | None = None,
    ready: Callable[[int], None] = lambda _: None,
) -> None:
    """Serve the panel until SIGTERM.

    Parameters
    ----------
    desk
        The users.
    clock
        The control clock.
    notebook
        The router notebook.
    port
        The port; 0 for any that is free.
    environment
        What its kernels inherit; no secret.
    sockets
        A private folder with a short path.
    pool
        Kernels that are kept warm.
    listening
        Where it listens; on loopback without it.
    pulse
        How its supervisor hears that its loop runs; nobody listens without it.
    ready
        Called with the port.

    Raises
    ------
    ConfigError
        If the port cannot be had; no kernel was started.
    """
    listening = listening or Listening()
    try:
        listens = listening_socket(
            port, address=listening.address, what="the panel's", option="--port"
        )
    except ConfigError:
        desk.close()
        raise
    for each in (logging.getLogger("tornado.general"), logging.getLogger("Panel")):
        each.addFilter(_is_news)
    release_all(desk.database)
    RigdKernels.own_environment = dict(environment)
    panel = Panel(
        config=configuration(pool),
        config_file_paths=[],
        port=port,
        notebook_path=str(notebook),
        root_dir=str(notebook.parent),
        open_browser=False,
        ip=listening.address,
        connection_dir_root=str(sockets),
        identity_provider_class=RigdIdentity,
        authorizer_class=OwnKernels,
        log_level="WARN",
    )
    panel.desk, panel.clock, panel.ready, panel.socket = desk, clock, ready, listens
    panel.listening, panel.pulse = listening, pulse
    panel.kernels = Kernels(desk, clock)
    panel.initialize(argv=[])
    _forget_pages_soon()
    panel.start()
