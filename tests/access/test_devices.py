"""By which key the browsers of a user are known: it outlives the server, and no password."""

from __future__ import annotations

from contextlib import closing

from rigd.access.devices import device_key
from rigd.access.directory import connect, users_of
from rigd.access.roles import Role
from rigd.store.paths import Home
from tests.fakes.clock import FakeClock

WORDS = "four unlikely words together"


def key_of(home: Home, name: str) -> str:
    """As a server finds it that was started just now."""
    with users_of(home, FakeClock()) as users:
        return users.device_key(name)


def prepared(root) -> Home:
    """A home with two users, whose passwords are the same words."""
    home = Home(root)
    with users_of(home, FakeClock()) as users:
        users._cost = 4
        users.register(users.offer_registration(), "ada", WORDS)
        users.add("bob", Role.VIEWER, WORDS, by="ada")
    return home


def test_a_server_that_is_started_again_knows_the_same_browsers(tmp_path) -> None:
    """S05: a restart of the panel takes no user's browser for a stranger's."""
    home = prepared(tmp_path)
    assert key_of(home, "ada") == key_of(home, "ada")
    assert key_of(Home(tmp_path), "ADA") == key_of(home, "ada")
    assert len({key_of(home, name) for name in ("ada", "bob", "nobody")}) == 3
    assert len(key_of(home, "nobody")) == len(key_of(home, "ada")) == 64


def test_a_new_password_makes_strangers_of_all_browsers(tmp_path) -> None:
    """Whoever had the old one may not go on guessing in lanes of their own."""
    home = prepared(tmp_path)
    before = {name: key_of(home, name) for name in ("ada", "bob")}
    with users_of(home, FakeClock()) as users:
        users._cost = 4
        users.reset("ada", users.offer_reset("ada", by="ada"), "other unlikely words here")
    assert key_of(home, "ada") != before["ada"]
    assert key_of(home, "bob") == before["bob"]


def test_another_home_has_another_key(tmp_path) -> None:
    """It is drawn for each, and is not the password's hash alone."""
    found = []
    for name in ("one", "two"):
        with closing(connect(prepared(tmp_path / name))) as database:
            database.execute("UPDATE users SET password = '$2b$04$the same'")
            found.append(device_key(database, "ada"))
    assert found[0] != found[1]


def test_of_two_servers_that_draw_at_once_one_is_right(tmp_path) -> None:
    """Panel and JupyterLab may begin together: both sign with the secret that was kept first."""
    home = prepared(tmp_path)
    with closing(connect(home)) as panel, closing(connect(home)) as lab:

        def draw_late(_: int) -> str:
            first.append(device_key(lab, "ada", draw=lambda _: "of the lab"))
            return "of the panel"

        first: list[str] = []
        assert device_key(panel, "ada", draw=draw_late) == first[0]
        assert panel.execute("SELECT key FROM server_keys").fetchall() == [("of the lab",)]
