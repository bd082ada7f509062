"""Who a browser is: our users behind Jupyter's identity provider and authorizer.

The cookie carries the log-in's key, 256 random bits; the database knows its digest. Shared by the
panel and by `rigd lab`. bcrypt runs in worker threads, two at a time: the loop stays free.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from jupyter_server.auth.authorizer import Authorizer
from jupyter_server.auth.identity import IdentityProvider, User

from rigd.access.directory import connect, users_of
from rigd.access.roles import Role
from rigd.access.trail import Trail
from rigd.access.users import ABSOLUTE_S, Users, digest_of
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from tornado.web import RequestHandler

    from rigd.core.ports import Clock
    from rigd.store.paths import Home

COOKIE: Final = "rigd_session"
DEVICE: Final = "rigd_device"
"""Names of cookies; the first is ``__Host-`` on an encrypted connection."""

HASHING_THREADS: Final = 2
_T = TypeVar("_T")


@dataclass
class PanelUser(User):
    """A user as Jupyter sees them, with role and the digest of the log-in."""

    role: Role | None = None
    digest: str = ""


class Desk:
    """The users' database of a server: one connection for the loop, others in threads.

    Parameters
    ----------
    home, clock
        Whose users, and wall time.
    """

    def __init__(self, home: Home, clock: Clock) -> None:
        self.home = home
        self.clock = clock
        self.database = connect(home)
        self._registry = Registry(home)
        self.trail = Trail(self._registry, clock)
        self.users = Users(self.database, clock, self.trail)
        self._threads = ThreadPoolExecutor(HASHING_THREADS, thread_name_prefix="users")

    def now_s(self) -> float:
        """Return the time [s since 1970]."""
        return self.clock.now().timestamp()

    async def work(self, do: Callable[[Users], _T]) -> _T:
        """Do what takes long with the users in a thread, and return what it returns."""

        def done() -> _T:
            with users_of(self.home, self.clock) as users:
                return do(users)

        return await asyncio.get_running_loop().run_in_executor(self._threads, done)

    def close(self) -> None:
        """Close everything."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with closing(self.database):
            self._registry.close()


def cookie_name(handler: RequestHandler, name: str = COOKIE) -> str:
    """Return a cookie's name: bound to the host where the connection allows that."""
    return f"__Host-{name}" if handler.request.protocol == "https" else name


def set_cookie(handler: RequestHandler, name: str, value: str) -> None:
    """Set a cookie that scripts do not see and other sites do not cause to be sent."""
    handler.set_cookie(
        cookie_name(handler, name),
        value,
        path="/",
        max_age=int(ABSOLUTE_S),
        httponly=True,
        samesite="Strict",
        secure=handler.request.protocol == "https",
    )


class RigdIdentity(IdentityProvider):
    """Knows who asks by the log-in's cookie and by nothing else: no token, no anonymous user."""

    need_token = False
    desk: Desk

    def __init__(self, **given: Any) -> None:  # noqa: ANN401 - of the base
        given["token"] = ""
        super().__init__(**given)

    @property
    def auth_enabled(self) -> bool:
        """Tell that a log-in is asked for, always."""
        return True

    def get_user(self, handler: Any) -> PanelUser | None:  # noqa: ANN401 - of the base
        """Return who sent a request, as the database has them now."""
        key = handler.get_cookie(cookie_name(handler))
        found = self.desk.users.who(key) if key else None
        if found is None:
            return None
        return PanelUser(
            username=found.name,
            name=found.name,
            display_name=found.name,
            role=found.role,
            digest=digest_of(key),
        )

    def is_token_authenticated(self, _handler: Any) -> bool:  # noqa: ANN401 - of the base
        """Tell that there is no token."""
        return False

    def should_check_origin(self, _handler: Any) -> bool:  # noqa: ANN401 - of the base
        """Tell that the origin is looked at, always."""
        return True


class OwnKernels(Authorizer):
    """Grants a kernel to the log-in that it was given to, and nothing else."""

    owner_of: Callable[[str], str | None]

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:  # noqa: ANN401, ARG002 - of the base
        """Tell whether the kernel of the address is the user's."""
        kernel = handler.path_kwargs.get("kernel_id") or next(iter(handler.path_args), "")
        owner = type(self).owner_of(kernel)
        return resource == "kernels" and owner is not None and owner == user.digest
