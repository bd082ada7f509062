"""The sessions that are cut."""

from __future__ import annotations

import pytest

from rigd.core.errors import ConfigError
from rigd.hosts.crashes.sessions import SESSIONS, session_of


def test_a_session_is_found_by_its_name() -> None:
    """An unknown name tells the known ones."""
    assert session_of("small").symbols == ("GOOG",)
    with pytest.raises(ConfigError, match=r"small, full.*'huge'"):
        session_of("huge")


def test_the_full_session_meets_a_faulty_broker() -> None:
    """It fills in parts, refuses and is silent; the small one has an undisturbed broker."""
    assert {"SIM_PARTIAL_FILL_RATE", "SIM_LOST_REPLY_RATE", "SIM_REJECT_RATE"} <= set(
        dict(SESSIONS["full"].overrides)
    )
    assert not [key for key, _ in SESSIONS["small"].overrides if key.startswith("SIM_")]
