"""Users: who comes in, for how long, and what is written of it."""

from __future__ import annotations

import pytest

from rigd.access import passwords
from rigd.access.roles import Action, Role
from rigd.access.trail import Log, Trail
from rigd.access.users import LockedOutError
from rigd.core.errors import AccessError, ConfigError
from tests.access.homes import WORDS

OTHER = "quite another sentence entirely"


def test_the_first_visitor_needs_the_token_of_the_console(house) -> None:
    """W6, FAULTS §4.7 S24: one-time, ten minutes, and only while there are no users."""
    users = house.users
    assert users.nobody
    old = users.offer_registration()
    token = users.offer_registration()
    for wrong in ("", "guess", old):
        with pytest.raises(AccessError, match="last one issued"):
            users.register(wrong, "eve", WORDS)
    assert users.register(token, "ada", WORDS).role is Role.ADMIN
    assert not users.nobody
    with pytest.raises(AccessError, match="before every user"):
        users.register(token, "eve", WORDS)
    with pytest.raises(AccessError, match="before every user"):
        users.offer_registration()
    assert [user.name for user in users] == ["ada"]


def test_a_token_of_the_console_is_good_for_ten_minutes(house) -> None:
    """And a name or password that is refused does not use it up."""
    token = house.users.offer_registration()
    with pytest.raises(ConfigError, match="at least 12"):
        house.users.register(token, "ada", "short")
    house.clock.advance(600.0)
    with pytest.raises(AccessError, match="10 minutes"):
        house.users.register(token, "ada", WORDS)
    assert house.users.nobody


@pytest.mark.parametrize(
    "name", ["", "a", "Ada", "ada lovelace", "../ada", "-ada", "a" * 65, "ad\na"]
)
def test_a_name_is_plain(house, name) -> None:
    """What would be awkward in a log, a path or a page is refused."""
    with pytest.raises(ConfigError, match="a user's name must be"):
        house.users.register(house.users.offer_registration(), name, WORDS)


def test_a_name_is_taken_once(house) -> None:
    """The second one is refused, and nothing changed."""
    house.admin()
    with pytest.raises(ConfigError, match="must be new"):
        house.users.add("ada", Role.VIEWER, WORDS, by="ada")
    assert [(user.name, user.role) for user in house.users] == [("ada", Role.ADMIN)]


def test_a_log_in_makes_a_new_session_each_time(house) -> None:
    """S07: a new id, which the database does not hold."""
    house.admin()
    keys = {house.users.log_in("ada", WORDS) for _ in range(3)}
    assert len(keys) == 3
    held = {row[0] for row in house.database.execute("SELECT digest FROM sessions")}
    assert len(held) == 3
    assert not keys & held
    assert [row["event"] for row in house.rows(Log.AUTH)] == ["login"] * 3


@pytest.mark.parametrize(
    ("name", "password"), [("ada", OTHER), ("eve", WORDS), ("ada", ""), ("", "")]
)
def test_a_wrong_name_and_a_wrong_password_are_told_alike(house, name, password) -> None:
    """S05 and W5: one answer, one row."""
    house.admin()
    with pytest.raises(AccessError, match="name or password is not right"):
        house.users.log_in(name, password, address="10.0.0.1")
    (row,) = house.rows(Log.AUTH)
    by = name if name == "ada" else ""
    assert (row["event"], row["by"], row["address"]) == ("login_refused", by, "10.0.0.1")


def test_a_password_in_the_field_of_the_name_is_kept_nowhere(house) -> None:
    """I-22: no log and no table holds what somebody typed who is nobody; it counts all the same."""
    house.admin()
    for _ in range(10):
        with pytest.raises(AccessError):
            house.users.log_in(WORDS, "")
    with pytest.raises(AccessError):
        house.users.reset(WORDS, "no token", OTHER)
    with pytest.raises(LockedOutError):
        house.users.log_in(WORDS, "")
    rows = [*house.rows(Log.AUTH), *house.rows(Log.TOKENS)]
    assert len(rows) == 12
    assert WORDS not in f"{rows}{list(house.database.iterdump())}"


def test_ten_guesses_close_the_account_for_a_quarter_of_an_hour(house) -> None:
    """S05: the right password is refused too, with the same words; then it is good again."""
    house.admin()
    for _ in range(10):
        with pytest.raises(AccessError):
            house.users.log_in("ada", OTHER)
    with pytest.raises(AccessError, match="too many attempts"):
        house.users.log_in("ada", WORDS)
    house.clock.advance(15 * 60.0 + 1.0)
    assert house.users.log_in("ada", WORDS)


def test_an_address_that_guesses_many_names_is_closed(house, monkeypatch) -> None:
    """S05: a hundred in an hour; others come in meanwhile."""
    house.admin()
    with monkeypatch.context() as patch:
        patch.setattr(passwords, "matches", lambda *_: False)  # a quarter of a second each
        for number in range(100):
            with pytest.raises(AccessError):
                house.users.log_in(f"user{number}", OTHER, address="10.0.0.1")
    with pytest.raises(AccessError):
        house.users.log_in("ada", WORDS, address="10.0.0.1")
    assert house.users.log_in("ada", WORDS, address="10.0.0.2")


def test_an_admin_lets_a_closed_account_in_by_a_new_password(house) -> None:
    """S05: no permanent lock-out of the real user."""
    house.admin()
    house.users.add("bob", Role.OPERATOR, WORDS, by="ada")
    for _ in range(10):
        with pytest.raises(AccessError):
            house.users.log_in("bob", OTHER)
    house.users.reset("bob", house.users.offer_reset("bob", by="ada"), OTHER)
    assert house.users.log_in("bob", OTHER)


def test_a_session_ends_when_it_is_not_used_and_in_any_case_in_the_evening(house) -> None:
    """S07: 15 minutes idle, 12 hours in all."""
    house.admin()
    key = house.users.log_in("ada", WORDS)
    house.clock.advance(15 * 60.0 - 1.0)
    assert house.users.who(key) is not None
    house.clock.advance(15 * 60.0)
    assert house.users.who(key) is None
    key = house.users.log_in("ada", WORDS)
    for _ in range(51):
        house.clock.advance(14 * 60.0)
        assert house.users.who(key) is not None
    house.clock.advance(14 * 60.0)
    assert house.users.who(key) is None
    assert house.rows(Log.ACTIVITY)[-1]["event"] == "session_expired"


def test_a_clock_that_was_set_back_prolongs_no_session(house) -> None:
    """A session from the future has ended."""
    house.admin()
    key = house.users.log_in("ada", WORDS)
    house.clock.jump(-60.0)
    assert house.users.who(key) is None


def test_a_log_out_ends_the_session_at_once(house) -> None:
    """And only that one."""
    house.admin()
    one, other = house.users.log_in("ada", WORDS), house.users.log_in("ada", WORDS)
    house.users.log_out(one)
    house.users.log_out(one)
    assert house.users.who(one) is None
    assert house.users.who(other) is not None
    assert [row["event"] for row in house.rows(Log.ACTIVITY)].count("session_ended") == 1


def test_a_role_holds_at_the_moment_it_is_asked_for(house) -> None:
    """S01: what is taken away has no effect with the next click, on an open session too."""
    house.admin()
    key = house.add(Role.OPERATOR, "bob")
    assert house.users.require(key, Action.STOP).name == "bob"
    house.users.set_role("bob", Role.VIEWER, by="ada")
    with pytest.raises(AccessError, match="a viewer may not stop"):
        house.users.require(key, Action.STOP)
    rows = [(row["event"], row.get("action")) for row in house.rows(Log.ACTIVITY)]
    assert rows[-2:] == [("allowed", "stop"), ("refused", "stop")]
    (change,) = house.rows(Log.SECURITY)
    assert (change["before"], change["after"], change["by"]) == ("operator", "viewer", "ada")


def test_without_a_session_nothing_is_allowed(house) -> None:
    """And one row says so."""
    with pytest.raises(AccessError, match="session has ended"):
        house.users.require("guess", Action.VIEW_STATUS)
    (row,) = house.rows(Log.ACTIVITY)
    assert (row["event"], row["by"], row["action"]) == ("refused", "", "view_status")


def test_what_cannot_be_taken_back_asks_for_the_password_again(house) -> None:
    """S07: given in the last five minutes, for this session."""
    house.admin()
    key = house.users.log_in("ada", WORDS)
    house.users.require(key, Action.RESET_KILL)
    house.clock.advance(301.0)
    with pytest.raises(AccessError, match="password must be given again"):
        house.users.require(key, Action.RESET_KILL)
    with pytest.raises(AccessError, match="not right"):
        house.users.prove(key, OTHER)
    house.users.prove(key, WORDS)
    assert house.users.require(key, Action.RESET_KILL).name == "ada"
    with pytest.raises(AccessError, match="session has ended"):
        house.users.prove("guess", WORDS)


def test_a_disabled_user_is_out_at_once(house) -> None:
    """Open sessions end; the answer of a log-in is that of a wrong password."""
    house.admin()
    key = house.add(Role.OPERATOR, "bob")
    house.users.set_enabled("bob", enabled=False, by="ada")
    assert house.users.who(key) is None
    with pytest.raises(AccessError, match="not right"):
        house.users.log_in("bob", WORDS)
    house.users.set_enabled("bob", enabled=True, by="ada")
    assert house.users.log_in("bob", WORDS)
    assert [row["event"] for row in house.rows(Log.SECURITY)] == ["disabled", "enabled"]


def test_a_user_that_is_removed_leaves_no_session_and_no_token(house) -> None:
    """A later user of the same name inherits nothing."""
    house.admin()
    key = house.add(Role.VIEWER, "bob")
    token = house.users.offer_reset("bob", by="ada")
    house.users.remove("bob", by="ada")
    assert house.users.who(key) is None
    house.users.add("bob", Role.OPERATOR, WORDS, by="ada")
    assert house.users.who(key) is None
    with pytest.raises(AccessError, match="token"):
        house.users.reset("bob", token, OTHER)
    assert [row["event"] for row in house.rows(Log.USERS)] == [
        "registered",
        "added",
        "removed",
        "added",
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda users: users.remove("ada", by="ada"),
        lambda users: users.set_role("ada", Role.OPERATOR, by="ada"),
        lambda users: users.set_enabled("ada", enabled=False, by="ada"),
    ],
)
def test_the_last_admin_stays(house, change) -> None:
    """Else nobody could manage users any more; one who is disabled does not count."""
    house.admin()
    house.users.add("bob", Role.ADMIN, WORDS, by="ada")
    house.users.set_enabled("bob", enabled=False, by="ada")
    with pytest.raises(AccessError, match="last admin"):
        change(house.users)
    house.users.set_enabled("bob", enabled=True, by="ada")
    change(house.users)


def test_a_token_for_a_password_is_used_once_by_its_user_in_time(house) -> None:
    """W7, S21: single use, ten minutes, the last one; every session ends with it."""
    house.admin()
    key = house.add(Role.VIEWER, "bob")
    old = house.users.offer_reset("bob", by="ada")
    token = house.users.offer_reset("bob", by="ada")
    for name, wrong in (("bob", old), ("bob", "guess"), ("ada", token)):
        with pytest.raises(AccessError, match="token"):
            house.users.reset(name, wrong, OTHER)
    house.users.reset("bob", token, OTHER)
    assert house.users.who(key) is None
    with pytest.raises(AccessError, match="token"):
        house.users.reset("bob", token, OTHER)
    late = house.users.offer_reset("bob", by="ada")
    house.clock.advance(600.0)
    with pytest.raises(AccessError, match="token"):
        house.users.reset("bob", late, WORDS)
    with pytest.raises(AccessError, match="no user 'eve'"):
        house.users.offer_reset("eve", by="ada")


def test_no_secret_stands_in_any_file(house, tmp_path) -> None:
    """S21, K20: neither password nor token nor session id, in the database or a log."""
    house.admin()
    key = house.add(Role.VIEWER, "bob")
    token = house.users.offer_reset("bob", by="ada")
    house.users.reset("bob", token, OTHER)
    house.users.log_out(key)
    house.close()
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"bob" in content
    for secret in (WORDS, OTHER, token, key):
        assert secret.encode() not in content


def test_a_change_and_its_row_survive_a_crash_between_them(house, monkeypatch) -> None:
    """S20: what was committed is written to its log once, by the next opening if need be."""
    house.admin()

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("rigd.access.trail.Trail.append", crash)
        with pytest.raises(KeyboardInterrupt):
            house.users.add("bob", Role.VIEWER, WORDS, by="ada")
    assert [row["event"] for row in house.rows(Log.USERS)] == ["registered"]
    house.reopen()
    house.reopen()
    assert [row["event"] for row in house.rows(Log.USERS)] == ["registered", "added"]


def test_a_row_that_was_written_before_a_crash_is_not_written_again(house, monkeypatch) -> None:
    """S20: exactly one."""
    house.admin()
    append = Trail.append

    def crash(trail: Trail, log: Log, line: str) -> None:
        append(trail, log, line)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("rigd.access.trail.Trail.append", crash)
        with pytest.raises(KeyboardInterrupt):
            house.users.add("bob", Role.VIEWER, WORDS, by="ada")
    house.reopen()
    assert [row["event"] for row in house.rows(Log.USERS)] == ["registered", "added"]


def test_a_change_that_is_taken_back_leaves_no_row(house) -> None:
    """S20: and the other way round."""
    house.admin()
    with pytest.raises(AccessError, match="last admin"):
        house.users.set_enabled("ada", enabled=False, by="ada")
    assert house.rows(Log.SECURITY) == []


def test_a_strangers_guesses_do_not_lock_the_user_out(house) -> None:
    """S05: a browser that logged in before has attempts of its own, ten of them."""
    house.admin()
    for _ in range(12):
        with pytest.raises(AccessError):
            house.users.log_in("ada", OTHER, address="10.0.0.9")
    assert house.users.log_in("ada", WORDS, device="ada's browser")
    for _ in range(10):
        with pytest.raises(AccessError):
            house.users.log_in("ada", OTHER, device="ada's browser")
    with pytest.raises(LockedOutError):
        house.users.log_in("ada", WORDS, device="ada's browser")


def test_a_locked_account_costs_no_work(house, monkeypatch) -> None:
    """S05: of many guesses ten are verified in a quarter of an hour, for unknown users too."""
    house.admin()
    verified = []
    monkeypatch.setattr("rigd.access.passwords.matches", lambda *a: verified.append(a) and False)
    for name in ("ada", "nobody-at-all"):
        for _ in range(40):
            with pytest.raises(AccessError):
                house.users.log_in(name, OTHER)
    assert len(verified) == 20


def test_a_wrong_token_costs_no_work(house, monkeypatch) -> None:
    """S25: no password is hashed for it."""
    house.users.offer_registration()
    monkeypatch.setattr("rigd.access.passwords.hashed", lambda *_, **__: pytest.fail("hashed"))
    with pytest.raises(AccessError, match="token"):
        house.users.register("guess", "ada", WORDS)


def test_a_browser_that_is_known_comes_in_from_an_address_that_guesses(house, monkeypatch) -> None:
    """S05: over a loopback strangers have the user's own address; it locks strangers out alone."""
    house.admin()
    monkeypatch.setattr(
        "rigd.access.passwords.matches", lambda given, kept: kept and given == WORDS
    )
    for number in range(110):
        with pytest.raises(AccessError):
            house.users.log_in(f"guess{number}", OTHER, address="127.0.0.1")
    with pytest.raises(LockedOutError):
        house.users.log_in("ada", WORDS, address="127.0.0.1")
    assert house.users.log_in("ada", WORDS, address="127.0.0.1", device="ada's browser")


def test_a_log_in_that_is_being_verified_while_the_password_changes_is_refused(
    house, monkeypatch
) -> None:
    """S07: an old password opens nothing after its replacement, not even by a race."""
    house.admin()
    token = house.users.offer_reset("ada", by="ada")
    verified = passwords.matches

    def slow(password: str, kept: str | None) -> bool:
        found = verified(password, kept)
        house.users.reset("ada", token, OTHER)
        return found

    monkeypatch.setattr("rigd.access.passwords.matches", slow)
    with pytest.raises(AccessError, match="not right"):
        house.users.log_in("ada", WORDS)
    assert house.database.execute("SELECT count(*) FROM sessions").fetchone() == (0,)


def test_an_id_that_is_none_writes_nothing(house) -> None:
    """S25: a made-up cookie costs a look-up, no transaction."""
    house.admin()
    before = house.database.total_changes
    statements = []
    house.database.set_trace_callback(statements.append)
    assert house.users.who("made up") is None
    house.database.set_trace_callback(None)
    assert house.database.total_changes == before
    assert [each for each in statements if not each.startswith("SELECT")] == []
