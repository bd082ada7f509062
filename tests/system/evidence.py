"""What a session left behind: the product's own judge of crashed sessions, for the system tests."""

from __future__ import annotations

from rigd.hosts.crashes.evidence import (
    Left,
    bot_tree,
    differences,
    read_broker_log,
    read_left,
    session_folders,
)

__all__ = [
    "Left",
    "bot_tree",
    "differences",
    "read_broker_log",
    "read_left",
    "session_folders",
]
