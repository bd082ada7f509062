"""What stands before every handler: the host, who asks, the table of routes, and headers."""

from __future__ import annotations

import inspect
import re
from traceback import format_exception
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from tornado import web
from tornado.log import app_log

from rigd.access.roles import Action
from rigd.access.trail import Log
from rigd.core.redaction import redact
from rigd.hosts.panel.listening import LOCAL_NAMES
from rigd.hosts.panel.policy import POLICY, Who, permits

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import TracebackType

    from rigd.hosts.panel.identity import Desk, PanelUser
    from rigd.hosts.panel.kernels import Kernels

    Base = web.RequestHandler
else:
    Base = object

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+))(?::[0-9]{1,5})?")

PAGE_CSP: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; "
    "frame-ancestors 'none'"
)
"""What Voila's pages bear at the tightest: widgets evaluate, modules come as blobs."""

FORM_CSP: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""Pages without a script."""


class Serving(Base):
    """What a handler reaches of the server that it is part of, and what its page may load."""

    csp = PAGE_CSP
    """A page without a script says FORM_CSP in its own class."""

    @property
    def desk(self) -> Desk:
        """The users."""
        found: Desk = self.settings["rigd_desk"]
        return found

    @property
    def is_for_us(self) -> bool:
        """Tell whether the request names this server as its host."""
        return names_us(self.request.host, self.settings.get("rigd_names", LOCAL_NAMES))

    @property
    def kernels(self) -> Kernels:
        """Whose kernels are whose."""
        found: Kernels = self.settings["rigd_kernels"]
        return found


class Guarded(Serving):
    """Mixed into every handler of the panel, before its own class."""

    route = ""

    def set_default_headers(self) -> None:
        """Set the headers that every response has, errors included (FAULTS §4.7 S10)."""
        super().set_default_headers()
        self.set_header("Content-Security-Policy", self.csp)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("X-Frame-Options", "DENY")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cross-Origin-Opener-Policy", "same-origin")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        self.set_header("Cache-Control", "no-store")
        if self.request.protocol == "https":
            self.set_header("Strict-Transport-Security", "max-age=31536000")
        self.clear_header("Server")

    async def prepare(self) -> None:
        """Let a request through that the table grants.

        Raises
        ------
        HTTPError
            403 for a foreign host or whoever may not, 405 for a method without a row.
        """
        if not self.is_for_us:
            raise web.HTTPError(403, "a request must be for this host")
        who = POLICY.get((type(self).route, self.request.method))
        if who is None:
            raise web.HTTPError(405)
        user: PanelUser | None = self.settings["identity_provider"].get_user(self)
        if not self._is_granted(who, user):
            if user is None and self.request.method == "GET" and self._is_page(who):
                self.redirect(f"/login?next={quote(self.request.path, safe='/')}")
                return
            self._note_refusal(who, user)
            raise web.HTTPError(403)
        passed = super().prepare()
        if inspect.isawaitable(passed):
            await passed

    def _is_granted(self, who: Who | Action, user: PanelUser | None) -> bool:
        kernel = next(iter((*self.path_kwargs.values(), *self.path_args)), "")
        owner = self.kernels.owner_of(kernel) if who is Who.OWNER else None
        owns = user is not None and owner is not None and owner == user.digest
        return permits(who, user.role if user else None, owns=owns)

    def _is_page(self, who: Who | Action) -> bool:
        return isinstance(who, Action) or type(self).route in {"/confirm", "/logout"}

    def _note_refusal(self, who: Who | Action, user: PanelUser | None) -> None:
        self.desk.trail.note(
            Log.ACTIVITY,
            "refused",
            by=user.username if user else "",
            action=who.value,
            route=type(self).route,
            method=self.request.method,
            address=self.request.remote_ip,
        )

    def _request_summary(self) -> str:
        """Return a request as logs may have it: no query, in which anything may have been typed."""
        return f"{self.request.method} {self.request.path} ({self.request.remote_ip})"

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log what went wrong inside without the request's content and what looks like a secret."""
        if isinstance(value, web.HTTPError):
            super().log_exception(typ, value, tb)
            return
        trace = redact("".join(format_exception(typ, value, tb)))
        app_log.error("uncaught: %s\n%s", self._request_summary(), trace)

    def write_error(self, status_code: int, **_: Any) -> None:  # noqa: ANN401 - of the base
        """Answer with the status and nothing of what went wrong inside."""
        from rigd.hosts.panel.forms import error_page  # noqa: PLC0415 - seldom

        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(error_page(status_code))


class Missing(Guarded, web.RequestHandler):
    """Every address that is not in the table."""

    async def prepare(self) -> None:
        """Refuse it.

        Raises
        ------
        HTTPError
            404, whoever asks; 403 for a foreign host.
        """
        raise web.HTTPError(404 if self.is_for_us else 403)


def names_us(host: str, names: Collection[str] = LOCAL_NAMES) -> bool:
    """Tell whether a Host header names this server; another is an attack by name service.

    Parameters
    ----------
    host
        The header; a port does not count.
    names
        In small letters; those of this machine for itself by default.

    Returns
    -------
    bool
        False for a header of another form.
    """
    found = _HOST.fullmatch(host)
    return found is not None and (found[1] or found[2]).lower() in names


def guarded(handler: type[Any], route: str) -> type[Any]:
    """Return a handler's class with the guard before it.

    Parameters
    ----------
    handler
        The class.
    route
        Its route in the table.

    Returns
    -------
    type
        Every method that has no row is refused with 405.

    Raises
    ------
    LookupError
        If the table has no row for the route.
    """
    if not any(known == route for known, _ in POLICY):
        msg = f"a route must have a row in the table of the panel, {route} has none"
        raise LookupError(msg)
    return type(f"Guarded{handler.__name__}", (Guarded, handler), {"route": route})
