"""The users of a home, opened for one piece of work."""

from __future__ import annotations

from rigd.hosts.users import users_of
from rigd.store.paths import Home
from tests.access.homes import WORDS
from tests.fakes.clock import FakeClock


def test_users_outlive_the_process_that_added_them(tmp_path) -> None:
    """W4: the database lies in env/databases; what one opening did, the next one finds."""
    home = Home(tmp_path)
    clock = FakeClock()
    with users_of(home, clock) as users:
        users.register(users.offer_registration(), "ada", WORDS)
        key = users.log_in("ada", WORDS)
    assert (tmp_path / "env/databases/SYSTEM_USERS.db").exists()
    with users_of(home, clock) as users:
        found = users.who(key)
        assert found is not None
        assert found.name == "ada"
