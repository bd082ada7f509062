"""The sessions that are cut: a small one, whose every boundary is met, and a whole faulty day."""

from __future__ import annotations

from typing import Final

from rigd.core.errors import ConfigError
from rigd.hosts.request import SessionRequest

_STEADY: Final = (
    ("HEARTBEAT_INTERVAL_S", "60"),
    ("LEASE_S", "600"),
    ("STATUS_INTERVAL_MS", "60000"),
)
"""Each run of a session makes the same calls, however fast the machine is."""

SESSIONS: Final = {
    "small": SessionRequest(symbols=("GOOG",), overrides=(*_STEADY, ("STRATEGY_SEQUENCE", "open"))),
    "full": SessionRequest(
        overrides=(
            *_STEADY,
            ("SIM_PARTIAL_FILL_RATE", "0.5"),
            ("SIM_REJECT_RATE", "0.1"),
            ("SIM_LOST_REPLY_RATE", "0.2"),
            ("SIM_COMMISSION_PCT", "0.001"),
        ),
    ),
}
"""One strategy and one symbol; and a whole day at a broker that fills in parts and is silent."""


def session_of(name: str) -> SessionRequest:
    """Return a session by its name; raise ConfigError when there is none."""
    if name not in SESSIONS:
        msg = f"the session must be one of {', '.join(SESSIONS)}, was {name!r}"
        raise ConfigError(msg)
    return SESSIONS[name]
