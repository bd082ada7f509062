"""Who may use JupyterLab: the users of the home, by the log-in page of the panel.

JupyterLab's server loads these classes by name once there are users (`rigd lab`). Whoever is not
granted `Action.RESEARCH` is refused at the log-in and, if the role was lowered since, with every
request (JUPYTER §1).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.authorizer import Authorizer
from jupyter_server.auth.decorator import allow_unauthenticated

from rigd.access.roles import Action, may
from rigd.access.trail import Log
from rigd.config.sources import rigd_home
from rigd.core.clock import SystemClock
from rigd.core.errors import AccessError
from rigd.hosts.panel.entrance import LogIn, LogOut
from rigd.hosts.panel.guard import FORM_CSP
from rigd.hosts.panel.identity import Desk, PanelUser, RigdIdentity, cookie_name
from rigd.store.paths import Home

if TYPE_CHECKING:
    from rigd.access.users import Users

NOT_GRANTED = "your role may not use the research notebooks"


class _OfLab:
    """Gives the panel's forms what they need in another server."""

    settings: dict[str, Any]

    @property
    def desk(self) -> Desk:
        """The users."""
        found: Desk = self.settings["identity_provider"].desk
        return found

    @property
    def content_security_policy(self) -> str:
        """A page without a script."""
        return FORM_CSP


class LabLogIn(_OfLab, LogIn):
    """Begins a session for whoever may do research."""

    @allow_unauthenticated
    def get(self) -> None:
        """Show the form."""
        if self.current_user:
            self.redirect(self.wanted())
        else:
            self.show()

    def enter(self, users: Users, name: str, password: str) -> str:
        """Return the log-in's key; AccessError for a role that may not."""
        key = super().enter(users, name, password)
        user = users.who(key)
        if user is None or not may(user.role, Action.RESEARCH):
            users.log_out(key)
            raise AccessError(NOT_GRANTED, fix="ask an admin")
        return key


class LabLogOut(_OfLab, LogOut):
    """Ends the session."""

    @allow_unauthenticated
    async def post(self) -> None:
        """End it; kernels of research go on, as with any log-out of JupyterLab."""
        self.desk.users.log_out(self.key())
        self.clear_cookie(cookie_name(self), path="/")
        self.redirect("/login", status=303)


class LabIdentity(RigdIdentity):
    """Knows who asks, where they may do research."""

    def __init__(self, **given: Any) -> None:  # noqa: ANN401 - of the base
        given["login_handler_class"] = LabLogIn
        given["logout_handler_class"] = LabLogOut
        super().__init__(**given)
        self.desk = Desk(Home(Path(rigd_home())), SystemClock())

    def get_user(self, handler: Any) -> PanelUser | None:  # noqa: ANN401 - of the base
        """Return who sent a request; None also for a role that may not do research."""
        user = super().get_user(handler)
        return user if user is not None and may(user.role, Action.RESEARCH) else None


class LabAuthorizer(Authorizer):
    """Grants everything to whoever may do research, at the moment they ask."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:  # noqa: ANN401 - of the base
        """Tell whether the user may; a refusal leaves its row."""
        granted = isinstance(user, PanelUser) and may(user.role, Action.RESEARCH)
        if not granted and isinstance(self.identity_provider, RigdIdentity):
            self.identity_provider.desk.trail.note(
                Log.ACTIVITY,
                "refused",
                by=getattr(user, "username", ""),
                action=Action.RESEARCH,
                route=handler.request.path,
                what=f"{action} {resource}",
            )
        return granted
