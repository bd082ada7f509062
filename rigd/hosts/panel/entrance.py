"""Coming in and going out: log-in, registration of the first admin, new password, log-out."""

from __future__ import annotations

import hmac
import re
from typing import ClassVar, Final

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler
from tornado.web import create_signed_value, decode_signed_value

from rigd.access.users import LockedOutError, Users
from rigd.core.errors import AccessError, ConfigError
from rigd.hosts.panel import forms
from rigd.hosts.panel.guard import FORM_CSP, Serving
from rigd.hosts.panel.identity import DEVICE, cookie_name, set_cookie

_PATH = re.compile(r"/(?:[A-Za-z0-9._~-]+/)*[A-Za-z0-9._~-]*")
"""An address of this server: the parts of a path and nothing else."""

DEVICE_DAYS: Final = 30
"""For so long a browser is known after a log-in."""

_DIFFERENT = "the two passwords must be the same"


class _Entrance(Serving, JupyterHandler):
    """A page with a form; guarded by `guard.guarded`."""

    csp = FORM_CSP
    form: ClassVar[forms.Form]

    def show(self, *, problem: str = "", done: str = "", status: int = 200) -> None:
        """Show the form with what came of it."""
        self.set_status(status)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        xsrf = self.xsrf_form_html()
        self.finish(forms.form_page(type(self).form, xsrf=xsrf, problem=problem, done=done))

    @allow_unauthenticated
    def get(self) -> None:
        """Show the form."""
        self.show()

    def field(self, name: str) -> str:
        """Return what was typed; never trimmed, as a password may begin with a blank."""
        return str(self.get_body_argument(name, "", strip=False))[:4096]

    def key(self) -> str:
        """Return the log-in's key of the cookie."""
        return str(self.get_cookie(cookie_name(self)) or "")

    def refuse(self, error: AccessError | ConfigError) -> None:
        """Show why not."""
        status = 429 if isinstance(error, LockedOutError) else 401
        self.show(problem=error.message, status=400 if isinstance(error, ConfigError) else status)

    def has_both(self) -> bool:
        """Tell whether the password was typed the same twice; say so otherwise."""
        password, again = self.field("password"), self.field("again")
        same = hmac.compare_digest(password.encode(), again.encode())
        if not same:
            self.show(problem=_DIFFERENT, status=400)
        return same


class LogIn(_Entrance):
    """Begins a session, under a new id each time."""

    form = forms.LOGIN

    @allow_unauthenticated
    def get(self) -> None:
        """Show the form; the registration while there is nobody."""
        if self.desk.users.nobody:
            self.redirect("/register")
        elif self.current_user:
            self.redirect(self.wanted())
        else:
            self.show()

    @allow_unauthenticated
    async def post(self) -> None:
        """Check name and password in a thread."""
        name, password = self.field("username"), self.field("password")
        try:
            key = await self.desk.work(lambda users: self.enter(users, name, password))
        except AccessError as error:
            self.refuse(error)
            return
        set_cookie(self, "rigd_session", key)
        cookie = cookie_name(self, DEVICE)
        self.set_cookie(
            cookie,
            create_signed_value(self.desk.users.device_key(name), cookie, name),
            expires_days=DEVICE_DAYS,
            httponly=True,
            samesite="Strict",
            secure=self.request.protocol == "https",
            path="/",
        )
        self.redirect(self.wanted(), status=303)

    def enter(self, users: Users, name: str, password: str) -> str:
        """Return the key of a new log-in; the one that the browser had ends."""
        address, device = str(self.request.remote_ip), self.device_of(users, name)
        key = users.log_in(name, password, address=address, device=device)
        if old := self.key():
            users.log_out(old)
        return key

    def device_of(self, users: Users, name: str) -> str:
        """Return what a browser of a user who logged in before is known by; blank for others."""
        cookie = cookie_name(self, DEVICE)
        value = str(self.get_cookie(cookie) or "")
        held = decode_signed_value(users.device_key(name), cookie, value, max_age_days=DEVICE_DAYS)
        return value if held is not None and hmac.compare_digest(held, name.encode()) else ""

    def wanted(self) -> str:
        """Return where to go on: an address of this server, else the beginning."""
        path = self.get_query_argument("next", "/")
        return path if _PATH.fullmatch(path) else "/"


class LogOut(_Entrance):
    """Ends the session and its pages."""

    form = forms.LOGOUT

    async def post(self) -> None:
        """End it."""
        user, key = self.current_user, self.key()
        self.desk.users.log_out(key)
        self.clear_cookie(cookie_name(self), path="/")
        await self.kernels.end_all(user.digest)
        self.redirect("/login", status=303)


class Register(_Entrance):
    """The first admin registers with the token of the supervisor's console."""

    form = forms.REGISTER

    @allow_unauthenticated
    def get(self) -> None:
        """Show the form while there is nobody."""
        if self.desk.users.nobody:
            self.show()
        else:
            self.redirect("/login")

    @allow_unauthenticated
    async def post(self) -> None:
        """Register in a thread."""
        if not self.has_both():
            return
        token, name, password = self.field("token"), self.field("username"), self.field("password")
        try:
            await self.desk.work(lambda users: users.register(token.strip(), name, password))
        except (AccessError, ConfigError) as error:
            self.refuse(error)
            return
        self.redirect("/login", status=303)


class Reset(_Entrance):
    """A new password by a token that an admin handed out; every session of the user ends."""

    form = forms.RESET

    @allow_unauthenticated
    async def post(self) -> None:
        """Set it in a thread."""
        if not self.has_both():
            return
        name, token, password = self.field("username"), self.field("token"), self.field("password")
        try:
            await self.desk.work(lambda users: users.reset(name, token.strip(), password))
        except (AccessError, ConfigError) as error:
            self.refuse(error)
            return
        self.redirect("/login", status=303)


class Confirm(_Entrance):
    """The password once more, for what cannot be taken back."""

    form = forms.CONFIRM

    async def post(self) -> None:
        """Check it in a thread."""
        key, password = self.key(), self.field("password")
        try:
            await self.desk.work(lambda users: users.prove(key, password))
        except AccessError as error:
            self.refuse(error)
            return
        self.show(done="Confirmed for five minutes; go back to your page.")
