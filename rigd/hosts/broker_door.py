"""Where a simulated broker of its own process listens: a small file beside its truth file.

The engine and `rigd kill` find the broker by it. A file whose process is gone announces nothing:
the account's truth file may then be opened by whoever owns the bot.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from rigd.core.errors import StorageError
from rigd.store.files import SECRET_MODE, publish, read_plain, remove
from rigd.store.lease import Process

if TYPE_CHECKING:
    from pathlib import Path


_MOST_BYTES = 1 << 16


def genesis(account: str) -> str:
    """Return what the truth file of a simulated account is chained to."""
    return f"simulated_broker|{account}"


def announce(log: Path, port: int) -> Path:
    """Say that this process serves an account.

    Parameters
    ----------
    log
        The account's truth file.
    port
        The loopback port.

    Returns
    -------
    Path
        The file that says it.
    """
    door = log.with_suffix(".json")
    publish(door, json.dumps({"port": port} | asdict(Process.this())).encode(), SECRET_MODE)
    return door


def retract(log: Path) -> None:
    """Take the announcement away."""
    remove(log.with_suffix(".json"))


def port_of(log: Path) -> int | None:
    """Return the port on which a living process serves an account; None when there is none.

    Parameters
    ----------
    log
        The account's truth file.

    Returns
    -------
    int or None
        The loopback port.
    """
    try:
        held = json.loads(read_plain(log.with_suffix(".json"), _MOST_BYTES))
        owner = Process(pid=int(held["pid"]), born=int(held["born"]), boot=str(held["boot"]))
        return int(held["port"]) if owner.lives else None
    except (StorageError, ValueError, KeyError, TypeError, RecursionError):
        return None
