"""A page's log-in: bound once, asked at each moment, denied when anything is missing."""

from __future__ import annotations

import asyncio
import threading

import pytest

from rigd.access.roles import Action, Role
from rigd.access.session import LIMIT_S, Session, bind, of_kernel, of_kernel_later, release
from rigd.access.trail import Log
from rigd.access.users import digest_of
from rigd.core.errors import AccessError


@pytest.fixture
def page(house):
    """Open a page in a kernel for a new user of a role."""
    opened: list[Session] = []
    house.admin()

    def make(role: Role, kernel: str = "k1") -> tuple[Session, str]:
        key = house.add(role, f"{role}-{kernel}")
        now = house.clock.now().timestamp()
        bind(house.database, kernel, digest_of(key), "logs", now)
        opened.append(of_kernel(house.home, house.clock, kernel))
        return opened[-1], key

    yield make
    for session in opened:
        session.close()


def test_a_kernel_knows_its_log_in_and_not_the_key(house, page) -> None:
    """S02: the row holds a digest; the page that was asked for comes with it."""
    session, key = page(Role.OPERATOR)
    assert session.user().name == "operator-k1"
    assert (session.digest, session.page) == (digest_of(key), "logs")
    held = str(house.database.execute("SELECT * FROM kernel_sessions").fetchall())
    assert key not in held


@pytest.mark.parametrize("kernel", ["stranger", ""])
def test_a_kernel_without_a_row_is_denied(house, kernel) -> None:
    """Fails closed: after 20 s for one that is not bound, at once for what is no kernel."""
    house.admin()
    begun = house.clock.monotonic()
    with pytest.raises(AccessError, match="belong to a log-in"):
        of_kernel(house.home, house.clock, kernel)
    waited = house.clock.monotonic() - begun
    assert waited == pytest.approx(LIMIT_S if kernel else 0.0, abs=0.1)


def test_a_home_without_users_denies(house) -> None:
    """No database, no page."""
    house.close()
    house.home.users.unlink()
    with pytest.raises(AccessError, match="belong to a log-in"):
        of_kernel(house.home, house.clock, "k1")


def test_a_kernel_of_the_warm_pool_waits_for_its_page(house, monkeypatch) -> None:
    """Hours, if need be; then it belongs to whoever opened it."""
    monkeypatch.setenv("VOILA_PREHEAT", "True")
    monkeypatch.setenv("VOILA_KERNEL_ID", "warm")
    house.admin()
    key = house.add(Role.VIEWER)

    async def both() -> Session:
        waiting = asyncio.create_task(of_kernel_later(house.home, house.clock))
        for _ in range(int(LIMIT_S / 0.05) + 50):
            await asyncio.sleep(0)
        assert not waiting.done()
        bind(house.database, "warm", digest_of(key), "", house.clock.now().timestamp())
        return await waiting

    session = asyncio.run(both())
    assert session.user().role is Role.VIEWER
    session.close()


def test_a_kernel_is_given_once(house, page) -> None:
    """S02: nobody takes over a page; nor does a log-in that has ended get one."""
    _, key = page(Role.VIEWER)
    now = house.clock.now().timestamp()
    other = digest_of(house.users.log_in("ada", "four unlikely words together"))
    with pytest.raises(AccessError, match="one already"):
        bind(house.database, "k1", other, "", now)
    house.users.log_out(key)
    with pytest.raises(AccessError, match="has ended"):
        bind(house.database, "k2", digest_of(key), "", now)


def test_what_is_taken_away_has_no_effect_with_the_next_press(house, page) -> None:
    """S01: role and log-in are read at the moment; one row for each answer."""
    session, key = page(Role.OPERATOR)
    assert session.may(Action.STOP)
    assert session.require(Action.STOP).name == "operator-k1"
    house.users.set_role("operator-k1", Role.VIEWER, by="ada")
    assert not session.may(Action.STOP)
    with pytest.raises(AccessError, match="a viewer may not stop"):
        session.require(Action.STOP)
    house.users.log_out(key)
    assert not session.may(Action.VIEW_STATUS)
    with pytest.raises(AccessError, match="has ended"):
        session.user()
    with pytest.raises(AccessError, match="has ended"):
        session.require(Action.VIEW_STATUS)
    rows = [(row["event"], row.get("action")) for row in house.rows(Log.ACTIVITY)]
    assert [row for row in rows if row[0] in {"allowed", "refused"}] == [
        ("allowed", "stop"),
        ("refused", "stop"),
        ("refused", "view_status"),
    ]


def test_a_kernel_that_was_released_is_denied(house, page) -> None:
    """The binding is asked too, not only the log-in."""
    session, _ = page(Role.ADMIN)
    release(house.database, "k1")
    with pytest.raises(AccessError, match="has ended"):
        session.require(Action.STOP)


def test_watching_prolongs_nothing_and_pressing_does(house, page) -> None:
    """S07: an open page that only shows is idle after a quarter of an hour."""
    session, _ = page(Role.VIEWER)
    house.clock.advance(14 * 60.0)
    session.require(Action.VIEW_STATUS)
    house.clock.advance(14 * 60.0)
    assert session.user()
    house.clock.advance(2 * 60.0)
    assert not session.may(Action.VIEW_STATUS)


def test_what_cannot_be_taken_back_asks_for_the_password_again(house, page) -> None:
    """S07: given in the last five minutes."""
    session, key = page(Role.ADMIN)
    assert session.require(Action.ROTATE_KEYS)
    house.clock.advance(301.0)
    with pytest.raises(AccessError, match="given again"):
        session.require(Action.ROTATE_KEYS)
    house.users.prove(key, "four unlikely words together")
    assert session.require(Action.ROTATE_KEYS)


def test_every_thread_of_a_page_may_ask(page) -> None:
    """Pages read in worker threads."""
    session, _ = page(Role.VIEWER)
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(session.user().name)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["viewer-k1"] * 4
