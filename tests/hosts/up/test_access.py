"""What the supervisor asks the users' database."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from rigd.access.roles import Action, Role
from rigd.core.errors import AccessError
from rigd.hosts.up.access import Access
from tests.access.homes import House
from tests.fakes.clock import FakeClock
from tests.hosts.homes import bot_of, demo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    found = House(tmp_path)
    yield found
    found.close()


def test_it_asks_at_the_moment_of_the_effect(house: House) -> None:
    """A role that was taken away, and a log-in that has ended, count at once (I-21)."""
    house.admin()
    key = house.add(Role.OPERATOR, "olga")
    digest = hashlib.sha256(key.encode()).hexdigest()
    access = Access(house.home, house.clock)
    assert access.authority(digest, Action.STOP) == "olga"
    house.users.set_role("olga", Role.VIEWER, by="ada")
    with pytest.raises(AccessError, match="viewer may not stop"):
        access.authority(digest, Action.STOP)
    house.users.set_role("olga", Role.ADMIN, by="ada")
    house.users.log_out(key)
    with pytest.raises(AccessError, match="has ended"):
        access.authority(digest, Action.STOP)


def test_an_action_that_asks_for_the_password_asks_for_a_fresh_one(house: House) -> None:
    """Five minutes after it was given it is not fresh any more."""
    house.admin()
    digest = hashlib.sha256(house.add(Role.ADMIN, "bob").encode()).hexdigest()
    access = Access(house.home, house.clock)
    assert access.authority(digest, Action.RESET_KILL) == "bob"
    house.clock.advance(301.0)
    with pytest.raises(AccessError, match="password"):
        access.authority(digest, Action.RESET_KILL)


def test_keys_are_exchanged_when_users_changed(tmp_path: Path) -> None:
    """K12: once for each change; what keeps it from that is told once and stops nothing."""
    home, clock, told = demo(tmp_path), FakeClock(), []
    house = House(tmp_path)
    access = Access(home, clock, told.append)
    key = tmp_path / "env" / "keys" / "env.key"
    seen = [key.read_bytes()]
    access.keep_keys()
    assert key.read_bytes() == seen[0]
    house.admin()
    for _ in range(2):
        access.keep_keys()
        seen.append(key.read_bytes())
    assert seen[0] != seen[1] == seen[2]
    assert bot_of(home).settings.max_trades == 4
    house.add(Role.VIEWER, "eve")
    key.unlink()
    for _ in range(2):
        access.keep_keys()
    house.close()
    assert len(told) <= 1


def test_a_token_is_offered_while_there_is_nobody(house: House) -> None:
    """S24: for the console of the supervisor, and never again."""
    access = Access(house.home, house.clock)
    assert access.nobody()
    assert access.offer_registration()
    house.admin()
    assert not access.nobody()
    assert access.offer_registration() is None
