"""What the panel serves: pages, their sockets, health, the chart of accounts, downloads."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import FileFindHandler, JupyterHandler
from jupyterlab_server.themes_handler import ThemesHandler
from tornado import web
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler
from voila.static_file_handler import TemplateStaticFileHandler
from voila.tornado.handler import TornadoVoilaHandler
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler

from rigd.core.errors import RigdError
from rigd.hosts.panel import downloads
from rigd.hosts.panel.frames import FrameError, require_sound

if TYPE_CHECKING:
    from rigd.hosts.panel.identity import Desk
    from rigd.hosts.panel.kernels import Kernels

_TEMPLATE_FILE = re.compile(r"[a-z]+/static(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")
JSON = "application/json"
UNSOUND, REFUSED, MOST_REASON = 1007, 1008, 100
"""Why a socket is closed (RFC 6455), and how long the reason may be."""


class Page(TornadoVoilaHandler):  # type: ignore[misc] # Voila has no types
    """The router notebook in a kernel of the warm pool, or in a new one."""

    page = ""
    desk: Desk
    kernels: Kernels

    def initialize(self, *, page: str, **given: Any) -> None:  # noqa: ANN401 - of the base
        """Take what the server's table says."""
        self.page = page
        super().initialize(**given)

    async def get(self, *_: str) -> None:
        """Answer with the page; nothing of the query reaches Voila or the kernel.

        Raises
        ------
        HTTPError
            429 while the user waits for other pages already.
        """
        self.request.query = ""
        self.request.arguments = {}
        self.request.query_arguments = {}
        async with self.kernels.turn(self.current_user.username) as admitted:
            if not admitted:
                raise web.HTTPError(429)
            await super().get()


class Channels(VoilaKernelWebsocketHandler):  # type: ignore[misc] # Voila has no types
    """The socket of a page; it is known by its kernel, and closed with the log-in."""

    kernels: Kernels

    async def get(self, kernel_id: str) -> None:
        """Note that the page is shown, as long as its socket lives.

        Raises
        ------
        HTTPError
            429 when the page has as many sockets as it may.
        """
        if not self.kernels.connected(kernel_id, self):
            raise web.HTTPError(429)
        try:
            await super().get(kernel_id)
        finally:
            self.kernels.disconnected(kernel_id, self)

    def on_message(self, ws_message: str | bytes) -> None:
        """Hand a message on; what is none, or too much, ends the socket."""
        if not self.kernels.takes(self.kernel_id, len(ws_message)):
            self.close(REFUSED, "this page sent too much")
            return
        try:
            require_sound(ws_message, self.selected_subprotocol)
        except FrameError as error:
            self.close(UNSOUND, str(error)[:MOST_REASON])
        else:
            super().on_message(ws_message)

    def on_close(self) -> None:
        """Note that the page was lost."""
        self.kernels.disconnected(self.kernel_id, self)
        super().on_close()


class Shutdown(VoilaShutdownKernelHandler):  # type: ignore[misc] # Voila has no types
    """A page that is left ends its own kernel."""

    kernels: Kernels

    async def post(self, kernel_id: str) -> None:
        """End it, a moment later."""
        await self.kernels.leave(kernel_id)
        self.set_status(204)
        self.finish()


class Templates(TemplateStaticFileHandler):  # type: ignore[misc] # Voila has no types
    """Scripts and styles of Voila's templates; every other address has none."""

    async def get(self, path: str, include_body: bool = True) -> None:  # noqa: FBT001, FBT002 - of the base
        """Answer with a file of a template.

        Raises
        ------
        HTTPError
            404 for a path of another form, which Voila does not expect.
        """
        if not _TEMPLATE_FILE.fullmatch(path):
            raise web.HTTPError(404)
        await super().get(path, include_body)


class Extensions(FileFindHandler):
    """Scripts of the widgets."""


class Themes(ThemesHandler):
    """Style sheets of JupyterLab's themes."""


class OneKernel(JupyterHandler):
    """A page's kernel: whether it is there, and its end."""

    kernels: Kernels

    def get(self, kernel_id: str) -> None:
        """Describe it; the page connects to what has a name and a state."""
        self.set_header("Content-Type", JSON)
        manager: Any = self.kernel_manager
        self.finish(json.dumps(manager.kernel_model(kernel_id), default=str))

    async def delete(self, kernel_id: str) -> None:
        """End it."""
        await self.kernels.end(kernel_id)
        self.set_status(204)
        self.finish()


class Health(JupyterHandler):
    """Whether this server answers; nothing about the bot."""

    @allow_unauthenticated
    def get(self) -> None:
        """Answer."""
        self.set_header("Content-Type", JSON)
        self.finish('{"status": "ok"}')


class _Download(JupyterHandler):
    """A file that is made or read in a thread."""

    desk: Desk

    async def give(self, make: Any, kind: str, name: str = "") -> None:  # noqa: ANN401 - a callable
        """Answer with a file.

        Parameters
        ----------
        make
            Returns its bytes; RigdError or LookupError when there is none.
        kind
            Its media type.
        name
            What a browser keeps it as; shown in place when blank.

        Raises
        ------
        HTTPError
            404 when there is none.
        """
        try:
            content = await asyncio.to_thread(make)
        except (LookupError, RigdError) as error:
            raise web.HTTPError(404) from error
        self.set_header("Content-Type", kind)
        if name:
            self.set_header("Content-Disposition", f'attachment; filename="{name}"')
        self.finish(content)


class ChartApi(_Download):
    """The chart of accounts as JSON; it is only read."""

    async def get(self) -> None:
        """Answer."""
        home = self.desk.home
        await self.give(lambda: downloads.chart_json(home), JSON)


class ChartExport(_Download):
    """The chart of accounts as a table."""

    async def get(self) -> None:
        """Answer."""
        home, kind = self.desk.home, "text/csv; charset=utf-8"
        await self.give(lambda: downloads.chart_csv(home), kind, "chart_of_accounts.csv")


class LogFile(_Download):
    """A log that is marked "shown", by its name in the table of outputs."""

    async def get(self, name: str) -> None:
        """Answer."""
        home = self.desk.home
        kind = "text/plain; charset=utf-8"
        await self.give(lambda: downloads.log(home, name), kind, name)


class BooksFile(_Download):
    """The books of a bot in one of the forms of export."""

    async def get(self, form: str) -> None:
        """Answer."""
        home = self.desk.home
        kind = "application/octet-stream"
        await self.give(lambda: downloads.books(home, form), kind, f"books.{form}")


class Asset(_Download):
    """BokehJS of the installed version."""

    async def get(self, name: str) -> None:
        """Answer."""
        await self.give(lambda: downloads.asset(name), "text/javascript; charset=utf-8")
        self.set_header("Cache-Control", "private, max-age=86400")
