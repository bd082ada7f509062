"""Planted bugs of panel, logs, keys and TEST_MODE (FAULTS §5.5): with each, the named test fails.

Those of the core are hunted by `rigd chaos --mutants`, those of the disk by the crash matrix.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rigd.access.trail import Log
from rigd.access.users import Users
from rigd.core.errors import SecretError
from rigd.hosts import finishing, supervisor
from rigd.hosts.engine_run import EngineRun
from rigd.store.control import ControlFolder
from rigd.vault.envelope import generation_of, seal
from rigd.vault.rotation import _drawn, sealed_names
from rigd.vault.secrets import GENERATIONS, SecretStore
from tests.access import test_users
from tests.access.homes import House
from tests.hosts import test_test_mode, test_tracebacks
from tests.hosts.homes import InProcess, demo, short_report
from tests.hosts.up import test_authority
from tests.vault import test_rotation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Failed = pytest.fail.Exception
"""What `pytest.raises` ends with when nothing was raised."""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions in this process, without charts."""
    monkeypatch.setattr(supervisor, "run_notebook", InProcess())
    monkeypatch.setattr(finishing, "report_html", short_report)


@pytest.mark.usefixtures("quick")
def test_a_role_that_only_the_widget_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database grants everything; whoever forges a message gets what the page hides."""
    monkeypatch.setattr("rigd.access.users.may", lambda *_: True)
    bureau = test_authority.Bureau(tmp_path, monkeypatch)
    with pytest.raises(Failed, match="DID NOT RAISE"):
        test_authority.test_whoever_may_not_has_no_effect_and_one_row(bureau)


@pytest.mark.usefixtures("quick")
def test_a_supervisor_that_believes_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The right is asked at the press alone, and not when the request is taken."""
    bureau = test_authority.Bureau(tmp_path, monkeypatch)
    monkeypatch.setattr(bureau.resident, "_require", lambda *_: None)
    with pytest.raises(AssertionError):
        test_authority.test_what_is_no_longer_allowed_when_it_is_taken_has_no_effect_and_one_row(
            bureau, "role"
        )


def test_a_log_with_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log of tokens has the token itself."""
    issue = Users._issue

    def told(users: Users, purpose: str, user: str) -> str:
        token = issue(users, purpose, user)
        users._trail.note(Log.TOKENS, "drawn", by=user, token=token)
        return token

    monkeypatch.setattr(Users, "_issue", told)
    house = House(tmp_path)
    with pytest.raises(AssertionError):
        test_users.test_no_secret_stands_in_any_file(house, tmp_path)
    house.close()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "where", ["rigd.engine.error_handler", "rigd.hosts.session", "rigd.hosts.engine_run"]
)
def test_an_error_as_it_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """A journal, a notebook or a kernel's last words with what a foreign library said."""
    monkeypatch.setattr(f"{where}.redact", lambda text: text)
    with pytest.raises(AssertionError):
        test_tracebacks.test_an_engine_that_fails_shows_and_keeps_no_secret(
            demo(tmp_path), monkeypatch, test_tracebacks.FORMS[0]
        )


def in_place(
    files: Any,
    _backups: Any,
    keyring: Any,
    *,
    at: Any,
    draw: Callable[[], Any],
    changes: Any,
) -> None:
    """A rotation without the files beside: each secret is overwritten, then the key exchanged."""
    key = _drawn(files, keyring.current(), at, draw)
    store = SecretStore(files, keyring)
    contents = {name: store.read(name) for name in sealed_names(files)} | (changes or {})
    known = {name: generation_of(files.read(name), name=name) for name in contents}
    for name, content in contents.items():
        files.replace(name, seal(content, key=key, name=name, generation=known[name] + 1))
    files.remove(GENERATIONS)
    keyring.replace(key)


def test_a_rotation_without_a_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash between two files leaves secrets of two keys."""
    monkeypatch.setattr(test_rotation, "rotate", in_place)
    with pytest.raises((AssertionError, SecretError)):
        test_rotation.test_a_cut_at_any_call_leaves_one_generation(after=False)


def test_a_test_mode_that_is_read_during_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flag of a dry run turns a live session into one."""
    take, housekeep, asked = ControlFolder.take_tests, EngineRun._housekeep, []

    def obeyed(flags: ControlFolder, *names: str) -> list[str]:
        asked.extend(take(flags, *names))
        return []

    def read_again(run: EngineRun, minute: int) -> None:
        if asked:
            run._bot = replace(run._bot, home=run._bot.home.dry)
        housekeep(run, minute)

    monkeypatch.setattr(ControlFolder, "take_tests", obeyed)
    monkeypatch.setattr(EngineRun, "_housekeep", read_again)
    with pytest.raises((AssertionError, ValueError)):
        test_test_mode.test_a_flag_that_appears_during_a_session_changes_nothing(
            tmp_path, monkeypatch, ""
        )
