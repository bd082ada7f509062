"""Requests: one file, one effect, by somebody who may at that moment."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from rigd.access.requests import COMMANDS, REQUESTS, Inbox, Requests
from rigd.access.roles import Action
from rigd.core.clock import iso
from rigd.core.errors import AccessError, ConfigError, LogicError
from rigd.core.events import Command
from rigd.store.control import MAX_MESSAGE_BYTES, ControlFolder, mac_of
from rigd.store.paths import Home
from rigd.vault.sealed_box import BoxKey
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "PK-canary-0123456789"


@dataclass
class Ada:
    """A log-in of somebody who may do what is named."""

    may: frozenset[Action] = frozenset(Action)
    name: str = "ada"
    digest: str = "ad" * 32
    asked: list[Action] = field(default_factory=list)

    def require(self, action: Action) -> Ada:
        self.asked.append(action)
        if action not in self.may:
            msg = f"a viewer may not {action}"
            raise AccessError(msg)
        return self


class Desk:
    """A home with a page and a supervisor."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.clock = FakeClock()
        self.ids = FakeIds()
        self.requests = Requests(self.home, self.clock, self.ids)
        self.inbox = self.supervisor()
        self.inbox.open()
        self.ada = Ada()

    def supervisor(self) -> Inbox:
        return Inbox(self.home, self.clock, BoxKey(), os.urandom)

    def files(self) -> list[str]:
        control = self.home.control
        return sorted(path.name for path in control.iterdir()) if control.exists() else []

    def flags(self) -> ControlFolder:
        return ControlFolder(self.home.control, self.clock, self.ids, key=self.inbox.mac_key)

    def edit(self, number: str, **changes: str) -> None:
        """Change a request as somebody would who can write files, and has no key."""
        path = self.home.control / f"request_{number}.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize("action", sorted(REQUESTS))
def test_a_request_arrives_once_with_all_that_was_said(desk: Desk, action: Action) -> None:
    """The supervisor takes action, person, reason and payload; the file is gone then."""
    number = desk.requests.send(desk.ada, action, why="lunch", payload={"MAX_TRADES": "3"})
    assert desk.files() == [f"request_{number}.json"]
    (request,) = desk.inbox.take()
    assert (request.number, request.action, request.refused) == (number, action, "")
    assert (request.by, request.session, request.why) == ("ada", "ad" * 32, "lunch")
    assert dict(request.payload) == {"MAX_TRADES": "3"}
    assert desk.ada.asked == [action]
    assert desk.files() == []
    assert desk.inbox.take() == []


def test_every_action_of_the_table_has_one_way_or_none() -> None:
    """What only shows something, and what the page does itself, is no request."""
    own = {Action.RESEARCH, Action.PROPOSE, Action.MANAGE_USERS, Action.EXPORT_BOOKS}
    shown = {action for action in Action if action.value.startswith("view_")}
    ways = [set(COMMANDS), set(REQUESTS), {Action.RUN_TESTS}, own, shown]
    assert set().union(*ways) == set(Action)
    assert sum(map(len, ways)) == len(Action)


@pytest.mark.parametrize("action", sorted({*COMMANDS, *REQUESTS, Action.RUN_TESTS}))
def test_somebody_who_may_not_leaves_no_file(desk: Desk, action: Action) -> None:
    """The log-in is asked before anything is written."""
    with pytest.raises(AccessError, match="may not"):
        desk.requests.send(Ada(may=frozenset()), action)
    assert desk.files() == []


def test_an_action_that_is_no_request_is_a_defect(desk: Desk) -> None:
    """Nothing is written for it."""
    with pytest.raises(LogicError, match="manage_users"):
        desk.requests.send(desk.ada, Action.MANAGE_USERS)


@pytest.mark.parametrize("action", sorted(COMMANDS))
def test_start_stop_and_kill_are_flags(desk: Desk, action: Action) -> None:
    """J7: the flag's file appears, signed, with who asks and their log-in."""
    number = desk.requests.send(desk.ada, action, why="lunch")
    command = COMMANDS[action]
    assert desk.files() == [f"control_{command}.flag"]
    (seen,) = desk.flags().pending()
    assert (seen.command, seen.signed, seen.nonce) == (command, True, number)
    assert (seen.by, seen.why, seen.session) == ("ada", "lunch", "ad" * 32)


@pytest.mark.parametrize("change", ["by", "session", "why"])
def test_a_start_of_the_panel_that_was_changed_is_refused(desk: Desk, change: str) -> None:
    """A stop is obeyed all the same: refusing it is the greater danger."""
    for action in (Action.START, Action.STOP):
        desk.requests.send(desk.ada, action)
        path = desk.home.control / f"control_{action}.flag"
        path.write_text(json.dumps(json.loads(path.read_text()) | {change: "eve"}))
    stop, start = desk.flags().pending()
    assert (start.command, start.refused) == (Command.START, "its signature is not right")
    assert (stop.command, stop.refused, stop.signed) == (Command.STOP, "", False)


def test_stop_and_kill_need_no_supervisor_and_start_does(desk: Desk) -> None:
    """Without a supervisor nobody could start anything, and the engine hears the rest itself."""
    desk.inbox.close()
    for action in (Action.START, Action.EDIT_SETTINGS):
        with pytest.raises(AccessError, match="supervisor must run"):
            desk.requests.send(desk.ada, action)
    desk.requests.send(desk.ada, Action.STOP)
    desk.requests.send(desk.ada, Action.KILL)
    assert desk.files() == ["control_kill.flag", "control_stop.flag"]


def test_the_flag_of_a_test_names_who_asks(desk: Desk) -> None:
    """W9, M18: for its owner's eyes, with the log-in that the supervisor asks for again."""
    number = desk.requests.send(desk.ada, Action.RUN_TESTS, payload={"test": "env_bot"})
    assert desk.files() == ["test_mode_env_bot.flag"]
    path = desk.home.control / "test_mode_env_bot.flag"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    fields = desk.flags().test_fields("env_bot")
    assert fields == {"by": "ada", "source": "panel", "session": "ad" * 32, "nonce": number}


def test_a_request_is_for_its_owners_eyes_and_hides_its_content(desk: Desk) -> None:
    """K22: a secret in it lies nowhere in the clear, not even for a moment."""
    number = desk.requests.send(desk.ada, Action.EDIT_CONFIGURATION, payload={"key": CANARY})
    path = desk.home.control / f"request_{number}.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert CANARY not in path.read_text()
    assert stat.S_IMODE(desk.home.request_keys.stat().st_mode) == 0o600
    (request,) = desk.inbox.take()
    assert request.payload["key"] == CANARY


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("by", "root"),
        ("session", "ee" * 32),
        ("action", "reset_kill"),
        ("why", "other"),
        ("box", "AAAA"),
        ("expires", "2099-01-01T00:00:00Z"),
        ("id", "0" * 31 + "f"),
        ("mac", "0" * 64),
    ],
)
def test_a_changed_request_is_refused_and_gone(desk: Desk, name: str, value: str) -> None:
    """One that was changed has no content, and is not looked at twice."""
    number = desk.requests.send(desk.ada, Action.DEFENSE, payload={"on": "true"})
    desk.edit(number, **{name: value})
    (request,) = desk.inbox.take()
    assert "signature" in request.refused
    assert dict(request.payload) == {}
    assert desk.files() == []


def test_a_request_expires(desk: Desk) -> None:
    """After 30 seconds it means nothing (FAULTS §3, rule 8)."""
    desk.requests.send(desk.ada, Action.DEFENSE)
    desk.clock.advance(30.0)
    assert "within 30 s" in desk.inbox.take()[0].refused


def test_a_request_from_the_future_is_refused(desk: Desk) -> None:
    """A clock that jumped back may not bring an old one to life."""
    desk.requests.send(desk.ada, Action.DEFENSE)
    desk.clock.jump(-60.0)
    assert "within 30 s" in desk.inbox.take()[0].refused


def test_a_copied_request_works_once(desk: Desk) -> None:
    """The same file put back is refused, and under another name its signature is not right."""
    number = desk.requests.send(desk.ada, Action.DEFENSE)
    path = desk.home.control / f"request_{number}.json"
    content = path.read_bytes()
    assert desk.inbox.take()[0].refused == ""
    path.write_bytes(content)
    (desk.home.control / f"request_{'e' * 32}.json").write_bytes(content)
    assert {request.refused[:14] for request in desk.inbox.take()} == {
        "it was used be",
        "its signature ",
    }


def test_a_new_supervisor_takes_nothing_of_the_old_one(desk: Desk) -> None:
    """Its keys are new; whoever asks again is heard."""
    desk.requests.send(desk.ada, Action.DEFENSE)
    old = desk.inbox
    desk.inbox = desk.supervisor()
    desk.inbox.open()
    assert desk.inbox.mac_key != old.mac_key
    assert "signature" in desk.inbox.take()[0].refused
    desk.requests.send(desk.ada, Action.DEFENSE)
    assert desk.inbox.take()[0].refused == ""


JUNK = ("", "{}", "[1]", "null", "[" * 100_000, "\0", '{"action": "kill"}', '{"action": ["kill"]}')


@pytest.mark.parametrize("content", [*JUNK, '{"action": {}}', '{"action": "defense", "by": "ada"}'])
def test_junk_is_refused_without_content(desk: Desk, content: str) -> None:
    """What no page wrote is taken away and named."""
    desk.home.control.mkdir(parents=True, exist_ok=True)
    (desk.home.control / f"request_{'0' * 32}.json").write_text(content)
    (request,) = desk.inbox.take()
    assert request.refused.startswith("a request must be what a page wrote")
    assert desk.files() == []


@pytest.mark.parametrize("name", ["mac", "by", "session", "id"])
def test_a_text_that_is_no_unicode_is_refused(desk: Desk, name: str) -> None:
    """JSON can say half a character; it raises nothing in the supervisor."""
    number = desk.requests.send(desk.ada, Action.DEFENSE)
    desk.edit(number, **{name: "\ud800"})
    assert "signature" in desk.inbox.take()[0].refused


def test_a_forged_request_is_nobodys_and_one_that_came_late_is_its_senders(desk: Desk) -> None:
    """S20: the audit names whoever signed, and never whom a forger names."""
    number = desk.requests.send(desk.ada, Action.DEFENSE)
    desk.edit(number, by="eve")
    assert desk.inbox.take()[0].by == ""
    desk.requests.send(desk.ada, Action.DEFENSE)
    desk.clock.advance(31.0)
    assert desk.inbox.take()[0].by == "ada"


@pytest.mark.parametrize("claims", ["2099-01-01T00:00:00Z", "", "tomorrow", "2026-01-01T00:00:00"])
def test_a_signed_request_lives_no_longer_than_any_other(desk: Desk, claims: str) -> None:
    """Whoever has the key for a moment makes no request for ever."""
    number = desk.requests.send(desk.ada, Action.DEFENSE)
    path = desk.home.control / f"request_{number}.json"
    content = json.loads(path.read_text()) | {"expires": claims}
    content.pop("mac")
    path.write_text(json.dumps(content | {"mac": mac_of(desk.inbox.mac_key, content)}))
    assert desk.inbox.take()[0].refused


def test_what_is_no_file_keeps_no_request_from_being_heard(desk: Desk) -> None:
    """A folder, a pipe, a link to nowhere and a hard link in the place of requests and answers."""
    number = desk.requests.send(desk.ada, Action.DEFENSE, payload={"on": "true"})
    control, odd = desk.home.control, [f"request_{digit * 32}.json" for digit in "0123"]
    (control / odd[0]).mkdir()
    os.mkfifo(control / odd[1])
    (control / odd[2]).symlink_to("nowhere")
    (control / odd[3]).hardlink_to(control / f"request_{number}.json")
    (control / f"answer_{'4' * 32}.json").mkdir()
    os.utime(control / f"answer_{'4' * 32}.json", (0, 0))
    taken = {request.number: request.refused for request in desk.inbox.take()}
    assert taken.pop(number) == ""
    assert all(taken.values())
    desk.inbox.answer(number, "done", done=True)
    assert desk.requests.answer(number)
    assert set(desk.files()) == {odd[0], f"answer_{'4' * 32}.json", f"answer_{number}.json"}


def test_a_flood_of_requests_is_taken_a_few_at_a_look(desk: Desk) -> None:
    """S25: between two looks the supervisor keeps its schedule; none of the requests is lost."""
    sent = {desk.requests.send(desk.ada, Action.ACKNOWLEDGE_ALERT) for _ in range(80)}
    looks = [[request.number for request in desk.inbox.take()] for _ in range(4)]
    assert [len(look) for look in looks] == [32, 32, 16, 0]
    assert set().union(*looks) == sent


def test_a_request_to_another_bot_is_refused(desk: Desk, tmp_path: Path) -> None:
    """Its home has another supervisor with other keys."""
    other = Desk(tmp_path / "other")
    number = other.requests.send(other.ada, Action.DEFENSE)
    desk.home.control.mkdir(parents=True, exist_ok=True)
    (other.home.control / f"request_{number}.json").rename(
        desk.home.control / f"request_{number}.json"
    )
    assert "signature" in desk.inbox.take()[0].refused


def test_a_signed_request_for_something_else_is_refused(desk: Desk) -> None:
    """Even the right key signs no action that is no request."""
    desk.home.control.mkdir(parents=True)
    number, at = "1" * 32, iso(desk.clock.now())
    names = ("by", "session", "why", "box", "issued", "expires")
    content = dict.fromkeys(names, at) | {"id": number, "action": "manage_users"}
    content |= {"mac": mac_of(desk.inbox.mac_key, content)}
    (desk.home.control / f"request_{number}.json").write_text(json.dumps(content))
    assert "something else" in desk.inbox.take()[0].refused


def test_links_and_odd_names_are_left_alone_or_refused(desk: Desk, tmp_path: Path) -> None:
    """A link is not followed; a name of another form is no request."""
    number = desk.requests.send(desk.ada, Action.DEFENSE)
    real = desk.home.control / f"request_{number}.json"
    real.rename(tmp_path / "elsewhere.json")
    real.symlink_to(tmp_path / "elsewhere.json")
    (desk.home.control / "request_x.json").write_text("{}")
    (request,) = desk.inbox.take()
    assert request.refused
    assert desk.files() == ["request_x.json"]
    assert [odd.where for odd in desk.flags().oddities()] == ["request_x.json"]


def test_requests_are_taken_in_the_order_of_their_issue(desk: Desk) -> None:
    """Whatever their numbers are."""
    desk.requests.send(desk.ada, Action.DEFENSE, payload={"on": "true"})
    desk.clock.advance(1.0)
    desk.requests.send(desk.ada, Action.DEFENSE, payload={"on": "false"})
    assert [request.payload["on"] for request in desk.inbox.take()] == ["true", "false"]


def test_an_answer_is_read_by_its_number_for_an_hour(desk: Desk) -> None:
    """Nothing before it is there; the next answer takes the old ones away."""
    number = desk.requests.send(desk.ada, Action.DEFENSE)
    assert desk.requests.answer(number) is None
    desk.inbox.take()
    desk.inbox.answer(number, "defense mode is on", done=True)
    answer = desk.requests.answer(number)
    assert answer is not None
    assert (answer.done, answer.text, answer.at) == (True, "defense mode is on", desk.clock.now())
    path = desk.home.control / f"answer_{number}.json"
    made = desk.clock.now().timestamp() - 3601
    os.utime(path, (made, made))
    desk.inbox.answer("f" * 32, "no", done=False)
    assert desk.files() == [f"answer_{'f' * 32}.json"]


@pytest.mark.parametrize("number", ["", "../../env/keys/requests", "x" * 32])
def test_a_number_is_no_path(desk: Desk, number: str) -> None:
    """S12: neither read nor written."""
    desk.inbox.answer(number, "text", done=True)
    assert desk.requests.answer(number) is None
    assert desk.files() == []


def test_a_request_has_a_bound(desk: Desk) -> None:
    """A larger one is refused before it is written."""
    with pytest.raises(ConfigError, match="at most"):
        desk.requests.send(desk.ada, Action.EDIT_CHART, payload={"chart": "x" * MAX_MESSAGE_BYTES})
    assert desk.files() == []
