"""The users of a home, opened for one piece of work."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from rigd.access.directory import has_users, prove, users_of
from rigd.access.roles import Action, Role
from rigd.access.schema import MIGRATIONS
from rigd.access.trail import Log
from rigd.access.users import ACCOUNT_TRIES, LockedOutError
from rigd.core.errors import AccessError, DataError, RigdError, StorageError
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


def test_users_are_opened_beside_a_connection_that_is_in_use(tmp_path) -> None:
    """M18: opening them again drops no lock of this process, else a stranger takes the log away."""
    home = Home(tmp_path)
    log = home.users.with_name(home.users.name + "-wal")
    stranger = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]);"
        "c.execute('SELECT count(*) FROM users').fetchone(); c.close()"
    )
    with users_of(home, FakeClock()) as users:
        users.register(users.offer_registration(), "ada", WORDS)
        with users_of(home, FakeClock()) as others:
            assert not others.nobody
        subprocess.run([sys.executable, "-c", stranger, home.users], check=True)  # noqa: S603 - our interpreter
        assert log.exists()
        assert not users.nobody


def kept_users(tmp_path) -> Home:
    """A home with one user; its database is one whole file."""
    home = Home(tmp_path)
    with users_of(home, FakeClock()) as users:
        users._cost = 4
        users.register(users.offer_registration(), "ada", WORDS)
    assert not home.users.with_name(home.users.name + "-wal").exists()
    return home


def altered(home: Home, *statements: str) -> None:
    """Change the file behind the program's back."""
    with closing(sqlite3.connect(home.users, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def refused(home: Home) -> RigdError:
    """The typed error of an opening; the file is what it was, byte for byte."""
    before = hashlib.sha256(home.users.read_bytes()).hexdigest()
    with pytest.raises(RigdError) as caught, users_of(home, FakeClock()):
        pass
    assert hashlib.sha256(home.users.read_bytes()).hexdigest() == before
    assert "SYSTEM_USERS.db" in caught.value.message
    assert caught.value.fix
    return caught.value


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "ALTER TABLE users DROP COLUMN changed_at",
            "enabled, created_at, changed_at); found users(name, role, password, enabled, created_",
        ),
        ("ALTER TABLE sessions ADD COLUMN agent TEXT", "proved_s, agent)"),
        ("DROP TABLE kernel_sessions", "bound_s); found no table kernel_sessions"),
        ("CREATE TABLE devices(id TEXT)", "with no table devices; found devices(id)"),
        ("PRAGMA user_version = 0", "version 0, with no table attempts; found attempts(at_s"),
        ("PRAGMA user_version = 1", "with no table kernel_sessions; found kernel_sessions("),
    ],
)
def test_tables_of_another_kind_are_refused(tmp_path, change, told) -> None:
    """What was expected and what was found; a step that ran already is not run once more."""
    home = kept_users(tmp_path)
    altered(home, change)
    error = refused(home)
    assert isinstance(error, DataError)
    assert told in error.message
    assert "left as it is" in error.fix


def test_a_database_of_a_newer_program_is_refused(tmp_path) -> None:
    """Start the newer one; nothing is downgraded."""
    home = kept_users(tmp_path)
    altered(home, f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    assert f"was {len(MIGRATIONS) + 1}" in refused(home).message


def test_a_database_of_an_older_program_is_brought_forward(tmp_path) -> None:
    """Its users are there afterwards."""
    home = kept_users(tmp_path)
    newer = ("kernel_sessions", "rows_to_write", "server_keys")
    altered(home, *(f"DROP TABLE {table}" for table in newer), "PRAGMA user_version = 1")
    with users_of(home, FakeClock()) as users:
        assert [user.name for user in users] == ["ada"]


@pytest.mark.parametrize("left", [100, 4096, 5000, 20_000])
def test_a_truncated_database_is_refused(tmp_path, left) -> None:
    """Wherever it was cut."""
    home = kept_users(tmp_path)
    home.users.write_bytes(home.users.read_bytes()[:left])
    assert isinstance(refused(home), DataError)


def test_what_is_no_database_is_refused(tmp_path) -> None:
    """Whatever else lies in its place."""
    home = kept_users(tmp_path)
    home.users.write_bytes(b"users: ada" * 1000)
    assert isinstance(refused(home), DataError)


def test_a_damaged_page_is_refused(tmp_path) -> None:
    """A page in the middle is overwritten; what still can be read is no proof for the rest."""
    home = kept_users(tmp_path)
    content = bytearray(home.users.read_bytes())
    content[4096 * 2 : 4096 * 3] = b"\xff" * 4096
    home.users.write_bytes(content)
    assert "damaged" in refused(home).message


def test_an_emptied_database_lets_nobody_register_anew(tmp_path) -> None:
    """S24: the log tells of users, so that the next visitor is no first admin."""
    home = kept_users(tmp_path)
    home.users.write_bytes(b"")
    assert "must hold the users that system_users.log tells of" in refused(home).message


def test_a_making_that_was_interrupted_goes_on(tmp_path) -> None:
    """An empty file where nobody ever registered is what a crash at the first start leaves."""
    home = Home(tmp_path)
    home.users.parent.mkdir(parents=True)
    home.users.touch(mode=0o600)
    with users_of(home, FakeClock()) as users:
        assert users.nobody


def test_an_error_of_the_database_while_it_is_used_is_typed(tmp_path) -> None:
    """Somebody else drops a table under the hand of the program."""
    home = kept_users(tmp_path)

    def look() -> None:
        with users_of(home, FakeClock()) as users:
            altered(home, "DROP TABLE users")
            users.get("ada")

    with pytest.raises(StorageError, match=r"no such table: users"):
        look()


def test_a_name_is_proven_by_a_log_in_that_ends(house) -> None:
    """The rows of a log-in are written, and no session is left behind."""
    house.admin()
    house.add(Role.OPERATOR, "bob")
    before = house.database.execute("SELECT digest FROM sessions").fetchall()
    prove(house.home, house.clock, "bob", WORDS, Action.APPROVE_PROPOSAL)
    assert house.database.execute("SELECT digest FROM sessions").fetchall() == before
    rows = house.rows(Log.AUTH)[-1:] + house.rows(Log.ACTIVITY)[-3:]
    assert [(row["event"], row["by"]) for row in rows] == [
        ("login", "bob"),
        ("session_begun", "bob"),
        ("allowed", "bob"),
        ("session_ended", "bob"),
    ]
    assert rows[0]["address"] == "console"


def test_whoever_may_not_is_refused_and_leaves_no_session(house) -> None:
    """A viewer with the right password approves nothing."""
    house.admin()
    house.add(Role.VIEWER, "vic")
    with pytest.raises(AccessError, match="a viewer may not approve proposal"):
        prove(house.home, house.clock, "vic", WORDS, Action.APPROVE_PROPOSAL)
    assert [row["event"] for row in house.rows(Log.ACTIVITY)[-2:]] == ["refused", "session_ended"]
    (left,) = house.database.execute("SELECT count(*) FROM sessions").fetchone()
    assert left == 1  # the one that `add` began


def test_wrong_passwords_at_the_console_are_counted(house) -> None:
    """S05: after so many the right one is refused too, at the console and at the panel."""
    house.admin()
    for _ in range(ACCOUNT_TRIES):
        with pytest.raises(AccessError):
            prove(house.home, house.clock, "ada", "wrong", Action.APPROVE_PROPOSAL)
    with pytest.raises(LockedOutError):
        prove(house.home, house.clock, "ada", WORDS, Action.APPROVE_PROPOSAL)
    with pytest.raises(LockedOutError):
        house.users.log_in("ada", WORDS)


def test_a_home_has_users_once_somebody_registered(tmp_path) -> None:
    """Asking makes no database; one without anybody in it is a home without users."""
    home, clock = Home(tmp_path), FakeClock()
    assert not has_users(home, clock)
    assert not home.users.exists()
    with users_of(home, clock) as users:
        assert not has_users(home, clock)
        users.register(users.offer_registration(), "ada", WORDS)
    assert has_users(home, clock)
