"""Provision the demo of an empty home, and say so in provisioning.log and its status file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rigd.config.sources import checkout
from rigd.core.clock import iso
from rigd.core.errors import SecretError
from rigd.core.lifecycle import BotState
from rigd.hosts.bot import first_settings, provision_demo
from rigd.hosts.plan import make_plan
from rigd.store.registry import Registry
from rigd.vault.secrets import ENV_BOT, IDENTITY

if TYPE_CHECKING:
    from collections.abc import Callable

    from rigd.core.ports import ControlClock
    from rigd.hosts.request import SessionRequest
    from rigd.store.paths import Home

WRITER = "rigd.hosts.provision"


def provision_for(
    home: Home,
    request: SessionRequest,
    clock: ControlClock,
    on_state: Callable[[BotState], None] = lambda _: None,
) -> None:
    """Provision the demo of a home for its first session, if that session is possible.

    Parameters
    ----------
    home
        A home without a bot; a settings file may lie in it.
    request
        What is asked of the first session.
    clock
        The control clock, for the log.
    on_state
        Called with the states of the first start: ``initialize`` before anything exists and
        ``provisioning`` while key and secrets are made (document 070).

    Raises
    ------
    ConfigError, DataError
        If the settings, the request or the bars are malformed; nothing was written.
    SecretError
        If the home has the books of a bot whose settings or identity are gone.
    """
    refuse_orphaned(home)
    make_plan(first_settings(home, checkout() / "VERSION.md"), request)
    on_state(BotState.INITIALIZE)
    on_state(BotState.PROVISIONING)
    provision_home(home, clock)


def refuse_orphaned(home: Home) -> None:
    """Do nothing when no bot has books in a home that is to get its first bot.

    Parameters
    ----------
    home
        A home without settings or without identity.

    Raises
    ------
    SecretError
        If there are books: the demo's settings must not take the place of the bot's own (SPEC §9).
    """
    found = [path.parts[-3] for path in home.books()]
    if found:
        gone = [name for name in (ENV_BOT, IDENTITY) if not (home.env / name).is_file()]
        msg = f"{found[0]} has books and must have {' and '.join(f'env/{name}' for name in gone)}"
        fix = "restore env/ from a copy, or begin anew in another RIGD_HOME"
        raise SecretError(f"{msg}, found none", fix=fix)


def provision_home(home: Home, clock: ControlClock) -> None:
    """Make the demo's key, identity and settings, marked TEST.

    Parameters
    ----------
    home
        A home without a bot.
    clock
        The control clock, for the log.
    """
    created = provision_demo(home)
    at = iso(clock.now())
    with Registry(home) as registry:
        for name in created:
            row = {
                "timestamp": at,
                "event": "provisioned",
                "profile": "TEST",
                "file": f"env/{name}",
            }
            registry.append_line("provisioning.log", json.dumps(row), writer=WRITER)
        status = {"profile": "TEST", "state": "provisioned", "files": sorted(created), "at": at}
        content = json.dumps(status, indent=1, sort_keys=True).encode() + b"\n"
        registry.write("provisioning_status.json", content, writer=WRITER)
