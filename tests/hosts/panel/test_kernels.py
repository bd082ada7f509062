"""Whose kernels are whose, and when they go."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest
from tornado.web import HTTPError

from rigd.access.roles import Role
from rigd.access.session import binding_of
from rigd.access.users import digest_of
from rigd.core.errors import AccessError
from rigd.hosts.panel.identity import Desk, PanelUser
from rigd.hosts.panel.kernels import Kernels, hand_out, kernel_environment
from rigd.store.paths import Home
from tests.access.homes import WORDS
from tests.fakes.clock import FakeClock


class Manager(dict):
    """Kernels that are none."""

    async def shutdown_kernel(self, kernel: str, *, now: bool) -> None:
        assert now
        del self[kernel]


class Socket:
    """A page's socket."""

    closed = 0

    def close(self, *_: object) -> None:
        self.closed += 1


class Place:
    """Kernels over a real database."""

    def __init__(self, root) -> None:
        self.clock = FakeClock()
        self.desk = Desk(Home(root), self.clock)
        self.desk.users._cost = 4
        self.desk.users.register(self.desk.users.offer_registration(), "ada", WORDS)
        self.kernels = Kernels(self.desk, self.clock)
        self.kernels.manager = Manager()

    def user(self, name: str = "ada") -> PanelUser:
        key = self.desk.users.log_in(name, WORDS)
        return PanelUser(username=name, role=Role.ADMIN, digest=digest_of(key))

    def give(self, kernel: str, user: PanelUser) -> None:
        self.kernels.manager[kernel] = True
        self.kernels.give(kernel, user, "logs")


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    made.desk.close()


def test_a_kernel_that_is_given_is_bound_in_the_database(place) -> None:
    """S02: memory for the server, a row for the kernel itself."""
    user = place.user()
    place.give("k1", user)
    assert place.kernels.owner_of("k1") == user.digest
    assert binding_of(place.desk.database, "k1") == (user.digest, "logs")
    assert place.kernels.owner_of("k2") is None
    with pytest.raises(AccessError, match="one already"):
        place.kernels.give("k1", place.user(), "")


def test_a_page_that_was_lost_or_never_shown_goes(place) -> None:
    """J6: after 6 and 30 seconds; a page that is shown stays."""
    user = place.user()
    for kernel in ("shown", "lost", "never"):
        place.give(kernel, user)
    socket = Socket()
    place.kernels.connected("shown", socket)
    place.kernels.connected("lost", socket)
    place.kernels.disconnected("lost", socket)
    place.clock.advance(5.0)
    assert asyncio.run(place.kernels.look()) == []
    place.clock.advance(1.0)
    assert asyncio.run(place.kernels.look()) == ["lost"]
    place.clock.advance(24.0)
    assert asyncio.run(place.kernels.look()) == ["never"]
    assert list(place.kernels.manager) == ["shown"]
    assert binding_of(place.desk.database, "lost") is None


@pytest.mark.parametrize("how", ["role", "log-out", "idle"])
def test_a_log_in_that_ends_takes_its_pages_along(place, how) -> None:
    """S01, S07: sockets closed, kernels ended, at the next look."""
    place.desk.users.add("bob", Role.ADMIN, WORDS, by="ada")
    user, other, socket = place.user(), place.user(), Socket()
    place.give("k1", user)
    place.kernels.connected("k1", socket)
    if how == "role":
        place.desk.users.set_role("ada", Role.VIEWER, by="bob")
    elif how == "log-out":
        place.desk.database.execute("DELETE FROM sessions WHERE digest = ?", (user.digest,))
    else:
        place.clock.advance(15 * 60.0)
    assert asyncio.run(place.kernels.look()) == ["k1"]
    assert socket.closed == 1
    assert place.kernels.manager == {}
    assert place.kernels.of(other.digest) == []


def test_the_oldest_page_of_a_user_makes_room(place) -> None:
    """S03: two at a time, over all log-ins of the user; another user's are not touched."""
    place.desk.users.add("bob", Role.ADMIN, WORDS, by="ada")
    place.give("other", place.user("bob"))
    for number in range(6):
        asyncio.run(place.kernels.make_room("ada"))
        place.give(f"k{number}", place.user())
    assert sorted(place.kernels.manager) == ["k4", "k5", "other"]


def test_a_page_that_is_shown_stays_before_one_that_is_not(place) -> None:
    """S03: what nobody sees makes room first, however new it is."""
    user = place.user()
    place.give("shown", user)
    place.give("left", user)
    assert place.kernels.connected("shown", Socket())
    asyncio.run(place.kernels.make_room("ada"))
    assert list(place.kernels.manager) == ["shown"]


def test_many_pages_asked_for_at_once_are_made_one_after_the_other(place) -> None:
    """S03: 16 requests at once start no 16 kernels; four wait, the others are refused."""
    user, alive, most = place.user(), [], []

    async def ask(number: int) -> bool:
        async with place.kernels.turn("ada") as admitted:
            if admitted:
                await asyncio.sleep(0)
                place.give(f"k{number}", user)
                alive.append(number)
                most.append(len(place.kernels.manager))
            return admitted

    async def all_at_once() -> list[bool]:
        return await asyncio.gather(*(ask(number) for number in range(16)))

    assert asyncio.run(all_at_once()) == [True] * 4 + [False] * 12
    assert alive == [0, 1, 2, 3]
    assert max(most) == 2
    assert asyncio.run(all_at_once())[0] is True


def test_a_page_has_a_few_sockets(place) -> None:
    """S25: each costs the server nine descriptors; a kernel that is nobody's has none."""
    place.give("k1", place.user())
    sockets = [Socket() for _ in range(6)]
    assert [place.kernels.connected("k1", each) for each in sockets] == [True] * 4 + [False] * 2
    place.kernels.disconnected("k1", sockets[5])
    place.kernels.disconnected("k1", sockets[0])
    assert place.kernels.connected("k1", sockets[4])
    assert not place.kernels.connected("k2", sockets[0])


def test_a_page_that_cannot_be_ended_is_tried_again_and_keeps_no_other(place, monkeypatch) -> None:
    """S07: neither a database that is locked nor a kernel manager's fault ends the watch."""
    user, sockets = place.user(), {name: Socket() for name in ("k1", "k2")}
    for name, socket in sockets.items():
        place.give(name, user)
        place.kernels.connected(name, socket)
    place.desk.database.execute("DELETE FROM sessions WHERE digest = ?", (user.digest,))
    faults = ["k1"]

    def release(_: object, kernel: str) -> None:
        if kernel in faults:
            message = "database is locked"
            raise sqlite3.OperationalError(message)

    monkeypatch.setattr("rigd.hosts.panel.kernels.release", release)
    assert asyncio.run(place.kernels.look()) == ["k2"]
    assert [socket.closed for socket in sockets.values()] == [1, 1]
    faults.clear()
    assert asyncio.run(place.kernels.look()) == ["k1"]
    assert place.kernels.manager == {}


def test_a_kernel_that_ended_by_itself_is_ended(place) -> None:
    """Two that end it at once, or its own death, are no fault."""
    place.give("k1", place.user())

    async def gone(kernel: str, **_: bool) -> None:
        del place.kernels.manager[kernel]
        raise HTTPError(404)

    place.kernels.manager.shutdown_kernel = gone
    asyncio.run(place.kernels.end("k1"))
    assert place.kernels.owned == {}


def test_a_kernel_inherits_nothing_of_a_request() -> None:
    """JUPYTER §1: four of Voila's own names, and the server's variables."""
    given = {"QUERY_STRING": "x", "HTTP_X": "y", "RIGD_HOME": "/evil", "VOILA_PREHEAT": "True"}
    own = {"RIGD_HOME": "/home", "PATH": "/bin"}
    expected = {"RIGD_HOME": "/home", "PATH": "/bin", "VOILA_PREHEAT": "True"}
    assert kernel_environment(given, own) == expected


def test_a_kernel_that_nobody_asked_for_ends(place) -> None:
    """Fails closed: no request, no owner."""
    place.kernels.manager["k1"] = True

    async def handed() -> None:
        with pytest.raises(AccessError, match="for a log-in"):
            await hand_out(place.kernels, "k1")

    asyncio.run(handed())
    assert place.kernels.manager == {}


def test_what_was_pressed_before_a_page_was_left_is_still_done(place, monkeypatch) -> None:
    """A Stop, and a reload at once: its kernel lives a second longer, then it is gone."""
    place.give("k", place.user())
    lived: list[tuple[bool, float]] = []

    async def wait(seconds: float) -> None:
        lived.append(("k" in place.kernels.manager, seconds))

    monkeypatch.setattr(place.clock, "wait", wait)
    asyncio.run(place.kernels.leave("k"))
    assert lived == [(True, 1.0)]
    assert "k" not in place.kernels.manager
