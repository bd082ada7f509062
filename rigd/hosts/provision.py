"""Provision the demo of an empty home, and say so in provisioning.log and its status file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rigd.core.clock import iso
from rigd.hosts.bot import provision_demo
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from rigd.core.ports import ControlClock
    from rigd.store.paths import Home

WRITER = "rigd.hosts.provision"


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
