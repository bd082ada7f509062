"""``rigd users``: who may log in, and as what; for somebody at the console of the machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rigd.access.directory import users_of
from rigd.access.roles import Role
from rigd.cli.console import CLOCK, open_home, read_password, say, say_next
from rigd.core.errors import ConfigError, ExitCode
from rigd.hosts.keys import rotate_for_users
from rigd.hosts.operator_audit import name as console

if TYPE_CHECKING:
    from collections.abc import Callable

    from rigd.access.users import Users


def show(*, as_json: bool) -> int:
    """Print the users; return the exit code.

    Parameters
    ----------
    as_json
        Whether to print one JSON array.

    Returns
    -------
    int
        0.
    """
    with users_of(open_home(), CLOCK) as users:
        found = list(users)
    if as_json:
        fields = [
            {"name": u.name, "role": u.role, "enabled": u.enabled, "changed_at": u.changed_at}
            for u in found
        ]
        say(json.dumps(fields, indent=1))
        return int(ExitCode.OK)
    for user in found:
        say(f"{user.name:20s} {user.role:9s} {'' if user.enabled else 'disabled'}".rstrip())
    if not found:
        say("no users yet")
    say_next("rigd users add NAME --role admin" if not found else "rigd users add NAME")
    return int(ExitCode.OK)


def add(name: str, role: str) -> int:
    """Add a user, asking for the password; the first one must be an admin.

    Parameters
    ----------
    name, role
        As typed.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    ConfigError
        If the role is unknown, the first user is no admin, or name or password are refused.
    """
    wanted = _role(role)
    home = open_home()
    with users_of(home, CLOCK) as users:
        if users.nobody and wanted is not Role.ADMIN:
            msg = f"the first user must be an admin, was to be a {wanted}"
            raise ConfigError(msg, fix=f"rigd users add {name} --role admin")
        if users.nobody:
            users.register(users.offer_registration(), name, read_password(new=True))
        else:
            users.add(name, wanted, read_password(new=True), by=console())
    rotate_for_users(home, CLOCK)
    say(f"{name} is a {wanted} now")
    say_next("rigd users list")
    return int(ExitCode.OK)


def change_role(name: str, role: str) -> int:
    """Give a user another role; return the exit code."""
    wanted = _role(role)
    return _changed(
        lambda users: users.set_role(name, wanted, by=console()), f"{name} is a {wanted} now"
    )


def enable(name: str, *, on: bool) -> int:
    """Let a user log in, or no more; return the exit code."""
    done = f"{name} may log in" if on else f"{name} may not log in any more; open sessions ended"
    return _changed(lambda users: users.set_enabled(name, enabled=on, by=console()), done)


def remove(name: str) -> int:
    """Remove a user with all sessions; return the exit code."""
    return _changed(lambda users: users.remove(name, by=console()), f"{name} is removed")


def reset(name: str) -> int:
    """Ask for a user's new password at the console; return the exit code."""

    def change(users: Users) -> None:
        token = users.offer_reset(name, by=console())
        users.reset(name, token, read_password(new=True))

    return _changed(change, f"{name} has a new password; open sessions ended")


def _changed(change: Callable[[Users], None], done: str) -> int:
    home = open_home()
    with users_of(home, CLOCK) as users:
        change(users)
    rotate_for_users(home, CLOCK)
    say(done)
    say_next("rigd users list")
    return int(ExitCode.OK)


def _role(text: str) -> Role:
    if text not in set(Role):
        msg = f"a role must be one of {', '.join(Role)}, was {text!r}"
        raise ConfigError(msg)
    return Role(text)
