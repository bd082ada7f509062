"""I-21: each effect has exactly one accepted request and one row of the audit; refused: none, one.

A real supervisor with real users, over a real bot: only the notebook runs in this process.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from rigd.access.directory import users_of
from rigd.access.requests import COMMANDS, REQUESTS, Inbox, Requests
from rigd.access.roles import GRANTS, Action, Role, asks_again, may
from rigd.access.users import FRESH_S, digest_of
from rigd.config.digest import digest
from rigd.core.errors import AccessError
from rigd.core.lifecycle import BotState
from rigd.hosts import finishing, supervisor
from rigd.hosts.bot_state import BotStateFile
from rigd.hosts.confirmations import Confirmations
from rigd.hosts.latch import read_latch
from rigd.hosts.optimize import proposals
from rigd.hosts.up import desk
from rigd.hosts.up.access import Access
from rigd.hosts.up.memory import Memory
from rigd.hosts.up.resident import Doors, Resident
from rigd.hosts.up.trader import BotTrader
from rigd.ledger.chart_versions import TEMPLATE, document
from rigd.store.paths import Home
from rigd.vault.sealed_box import BoxKey
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.hosts.homes import ONE_SYMBOL, InProcess, bot_of, short_report
from tests.hosts.test_confirmations import QUESTION
from tests.hosts.up.desks import HandWorker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rigd.access.users import User, Users

WORDS = "four unlikely words together"
SUPERVISED = (*COMMANDS, *sorted(REQUESTS), Action.RUN_TESTS)
"""Every action that the supervisor does for a person."""

ROWS: Mapping[Action, str] = {
    Action.START: "start_obeyed",
    Action.STOP: "stop_obeyed",
    Action.KILL: "kill",
    Action.EDIT_SETTINGS: "settings_changed",
    Action.DEFENSE: "defense_entered",
    Action.RESET_KILL: "risk_reset",
    Action.ROTATE_KEYS: "keys_rotated",
    Action.ACKNOWLEDGE_ALERT: "alert_acknowledged",
    Action.CONFIRM_TRADE: "trade_answered",
    Action.APPROVE_PROPOSAL: "proposal_approved",
    Action.EDIT_CHART: "chart_changed",
    Action.EDIT_CONFIGURATION: "secret_changed",
    Action.RUN_TESTS: "test_obeyed",
}
"""What the one row of operator_audit.log says of each; nothing at a real broker is started here."""

RECORDS = ("logs/", "control/", "backups/", "cache/")
"""What tells of actions, below ``runs/``, and is no effect of one."""


STATE = "bot_state.txt"


class LogIn:
    """A page's log-in: asked anew at each press."""

    def __init__(self, bureau: Bureau, name: str) -> None:
        self._bureau = bureau
        with bureau.users() as users:
            self.key = users.log_in(name, WORDS)
        self.digest = digest_of(self.key)

    def require(self, action: Action) -> User:
        """Who it is, when they may do this now."""
        with self._bureau.users() as users:
            return users.require_digest(self.digest, action)

    def prove(self) -> None:
        """Give the password again."""
        with self._bureau.users() as users:
            users.prove(self.key, WORDS)


class Bureau:
    """A supervisor, its users and their pages."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self.clock, self.ids = Home(root), FakeClock(), FakeIds()
        self.effects: list[str] = []
        self.worker = HandWorker()
        state = BotStateFile(self.home)
        self.trader = BotTrader(self.home, self.clock, FakeIds(), state)
        self.trader.set_up()
        self.trader.own()
        with self.users() as users:
            users.register(users.offer_registration(), "admin", WORDS)
            for role in (Role.VIEWER, Role.AUDITOR, Role.OPERATOR):
                users.add(role.value, role, WORDS, by="admin")
        self._watch(monkeypatch)
        self.inbox = Inbox(self.home, self.clock, BoxKey(), os.urandom)
        self.inbox.open()
        access = Access(self.home, self.clock)
        doors = Doors(
            trader=self.trader,
            worker=self.worker,
            inbox=self.inbox,
            do=desk.do,
            authority=access.authority,
            nobody=access.nobody,
            run_test=self._run_test,
            keep_keys=access.keep_keys,
            tell=lambda _: None,
        )
        memory = Memory(self.home, self.clock)
        self.resident = Resident(
            self.home, self.clock, self.ids, doors, memory, state, at_once=True
        )
        self.requests = Requests(self.home, self.clock, self.ids)
        self.resident._request = ONE_SYMBOL
        self.resident.begin()
        self.look()
        self.people = {role.value: LogIn(self, role.value) for role in Role}

    def users(self) -> Any:
        """The users' database, with cheap passwords."""

        class Cheap:
            def __enter__(cheap) -> Users:  # noqa: N805 - this object is the bureau
                cheap.held = users_of(self.home, self.clock)
                users = cheap.held.__enter__()
                users._cost = 4
                return users

            def __exit__(cheap, *given: object) -> None:  # noqa: N805 - as above
                cheap.held.__exit__(*given)

        return Cheap()

    def look(self) -> None:
        """Let time pass, look, and let the worker finish what was begun."""
        for _ in range(3):
            self.clock.advance(1.1)
            self.resident.look()
            if self.worker._work is not None:
                self.worker.go()

    def ask(self, name: str, action: Action, **payload: str) -> str:
        """Ask as a person; return the request's number."""
        return self.requests.send(self.people[name], action, why="because", payload=payload)

    def audit(self) -> list[dict[str, Any]]:
        """Every row of operator_audit.log."""
        return self._rows("operator_audit.log")

    def activity(self) -> list[dict[str, Any]]:
        """Every row of the users' log of what they were allowed and refused."""
        rows = self._rows("user_activity_monitoring.log")
        return [row for row in rows if row["event"] in {"allowed", "refused"}]

    def state(self) -> str:
        """A digest of everything that an action may change, records apart."""
        sums = hashlib.sha256()
        for root in (self.home.env, self.home.runs):
            for path in sorted(root.rglob("*")):
                name = path.relative_to(root).as_posix()
                if path.is_file() and not name.startswith((*RECORDS, "databases/")):
                    sums.update(name.encode() + path.read_bytes())
        for path in (self.home.logs / "alerts_acknowledged.json", self.home.control / STATE):
            sums.update(path.read_bytes() if path.exists() else b"")
        return sums.hexdigest()

    def _rows(self, name: str) -> list[dict[str, Any]]:
        path = self.home.logs / name
        return [json.loads(x) for x in path.read_text().splitlines()] if path.exists() else []

    def _run_test(self) -> bool:
        self.effects.append(Action.RUN_TESTS)
        for path in self.home.control.glob("test_mode*"):
            path.unlink()
        return True

    def _watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Note each call of what has an effect, once it is through."""

        def noted(action: Action, done: Callable[..., Any]) -> Callable[..., Any]:
            def call(*given: Any, **named: Any) -> Any:
                found = done(*given, **named)
                self.effects.append(action)
                return found

            return call

        effects = {action: noted(action, done) for action, done in desk.EFFECTS.items()}
        monkeypatch.setattr(desk, "EFFECTS", MappingProxyType(effects))
        monkeypatch.setattr(self.trader, "run", noted(Action.START, self.trader.run))
        close = self.trader.close

        def closed(why: str, *, kill: bool) -> Any:
            return noted(Action.KILL if kill else Action.STOP, close)(why, kill=kill)

        monkeypatch.setattr(self.trader, "close", closed)


@pytest.fixture
def bureau(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bureau:
    monkeypatch.setattr(supervisor, "run_notebook", InProcess())
    monkeypatch.setattr(finishing, "report_html", short_report)
    return Bureau(tmp_path, monkeypatch)


def propose(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> str:
    """A proposal of somebody else; what it is bound to is the matter of its own tests."""
    bot = bot_of(bureau.home)
    study = {
        "study": "s",
        "strategy": "close",
        "data_label": "made up",
        "hashes": {"config": digest(bot.settings)},
        "chosen": {"params": {"TRAIL_PCT_CLOSE": "0.05"}},
        "window": {"last": "2013-10-07", "days": 5},
        "request": {},
        "register": {"head": [0, ""]},
        "approvable": True,
        "findings": [],
    }
    monkeypatch.setattr(proposals, "_require_bound", lambda *_: None)
    return str(proposals.propose(bot, study, "quant", bureau.clock).version)


def test_every_effect_has_one_request_and_one_row(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every action of the table, one after the other; then the three are joined one to one."""
    version = propose(bureau, monkeypatch)
    chart = json.loads(document(TEMPLATE)) | {"version": 2, "follows": 1}
    chart["accounts"].append({"number": 5095, "name": "Audit fees"})
    questions = Confirmations(bureau.home, bot_of(bureau.home).identity, bureau.clock)
    plan: tuple[tuple[str, Action, dict[str, str]], ...] = (
        ("operator", Action.APPROVE_PROPOSAL, {"proposal": version}),
        ("operator", Action.START, {}),
        ("operator", Action.EDIT_SETTINGS, {"MAX_PRICE": "77"}),
        ("operator", Action.DEFENSE, {"on": "true"}),
        ("operator", Action.CONFIRM_TRADE, {"candidate": QUESTION.number, "answer": "no"}),
        ("operator", Action.ACKNOWLEDGE_ALERT, {"alert": "2024-03-04_1-17"}),
        ("admin", Action.EDIT_CONFIGURATION, {"secret": "alerts", "SMTP_HOST": "localhost"}),
        ("admin", Action.EDIT_CHART, {"version": json.dumps(chart)}),
        ("admin", Action.ROTATE_KEYS, {}),
        ("admin", Action.RUN_TESTS, {"test": "env_bot"}),
        ("operator", Action.STOP, {}),
        ("operator", Action.KILL, {}),
        ("admin", Action.RESET_KILL, {}),
    )
    assert {action for _, action, _ in plan} == set(SUPERVISED) - {Action.START_LIVE}
    accepted: dict[str, Action] = {}
    for name, action, payload in plan:
        if action is Action.CONFIRM_TRADE:
            questions.ask(QUESTION)
        bureau.people[name].prove()
        rows, seen = len(bureau.audit()), len(bureau.activity())
        effects, before = list(bureau.effects), bureau.state()
        number = bureau.ask(name, action, **payload)
        bureau.look()
        answer = bureau.requests.answer(number)
        assert answer is not None, action
        assert answer.done, (action, answer.text)
        assert bureau.effects == [*effects, action]
        assert action is Action.RUN_TESTS or bureau.state() != before, action
        (row,) = bureau.audit()[rows:]
        assert (row["event"], row["by"]) == (ROWS[action], name)
        told = bureau.activity()[seen:]
        assert {(each["event"], each["by"], each["action"]) for each in told} == {
            ("allowed", name, action.value)
        }
        accepted[number] = action
    assert Counter(bureau.effects) == Counter(accepted.values())
    assert len(accepted) == len(plan)
    assert not read_latch(bureau.home.bot(bot_of(bureau.home).identity).risk_state).tripped


def test_whoever_may_not_has_no_effect_and_one_row(bureau: Bureau) -> None:
    """Every role × every action that it is not granted, and every one with an old password."""
    before, rows = bureau.state(), len(bureau.audit())
    bureau.clock.advance(FRESH_S)
    tried = 0
    for name, log_in in bureau.people.items():
        for action in GRANTS:
            stale = asks_again(action)
            if may(Role(name), action) and not stale:
                continue
            tried += 1
            seen = len(bureau.activity())
            supervised = action in SUPERVISED
            ask = partial(bureau.requests.send, log_in) if supervised else log_in.require
            with pytest.raises(AccessError):
                ask(action)
            (row,) = bureau.activity()[seen:]
            assert (row["event"], row["by"], row["action"]) == ("refused", name, action)
            assert row["reason"]
    bureau.look()
    assert tried > 40
    assert (bureau.effects, bureau.state()) == ([], before)
    assert len(bureau.audit()) == rows


@pytest.mark.parametrize("what", ["role", "disabled", "log-out", "name", "again", "altered"])
def test_what_is_no_longer_allowed_when_it_is_taken_has_no_effect_and_one_row(
    bureau: Bureau, what: str
) -> None:
    """FAULTS R10: the right is lost between press and effect; a request that is forged or played
    again is refused alike.
    """
    number = bureau.ask("operator", Action.EDIT_SETTINGS, MAX_PRICE="77")
    path = bureau.home.control / f"request_{number}.json"
    held = path.read_bytes()
    effects = 0
    with bureau.users() as users:
        if what == "role":
            users.set_role("operator", Role.VIEWER, by="admin")
        elif what == "disabled":
            users.set_enabled("operator", enabled=False, by="admin")
        elif what == "log-out":
            users.log_out(bureau.people["operator"].key)
    if what == "name":
        path.write_bytes(held.replace(b'"operator"', b'"auditor"'))
    elif what == "altered":
        path.write_bytes(held.replace(b"edit_settings", b"rotate_keys"))
    elif what == "again":
        bureau.look()
        path.write_bytes(held)
        effects = 1
    before, rows = bureau.state(), len(bureau.audit())
    bureau.resident.look()
    assert len(bureau.effects) == effects
    assert bureau.state() == before
    (row,) = bureau.audit()[rows:]
    assert row["event"] == "request_refused"
    answer = bureau.requests.answer(number)
    assert answer is not None
    assert not answer.done


def test_every_change_of_users_has_one_row_and_one_exchange_of_keys(bureau: Bureau) -> None:
    """The page asks at each press and changes the database itself; the supervisor sees it."""
    admin = bureau.people["admin"]
    changes: tuple[tuple[str, Callable[[Users, str], object], str], ...] = (
        ("added", lambda u, by: u.add("vera", Role.VIEWER, WORDS, by=by), "system_users.log"),
        ("role_changed", lambda u, by: u.set_role("vera", Role.AUDITOR, by=by), "security"),
        ("disabled", lambda u, by: u.set_enabled("vera", enabled=False, by=by), "security"),
        ("issued", lambda u, by: u.offer_reset("vera", by=by), "password_reset_tokens.log"),
        ("removed", lambda u, by: u.remove("vera", by=by), "system_users.log"),
    )
    names = ("system_users.log", "security_users.log", "password_reset_tokens.log")

    def trail() -> list[dict[str, Any]]:
        return [row for name in names for row in bureau._rows(name)]

    for event, change, _ in changes:
        admin.prove()
        bureau.look()
        seen, rows, exchanged = Counter(map(str, trail())), len(bureau.audit()), bureau.activity()
        with bureau.users() as users:
            change(users, admin.require(Action.MANAGE_USERS).name)
        (row,) = (Counter(map(str, trail())) - seen).elements()
        assert f"'event': '{event}'" in row
        assert "'by': 'admin'" in row
        (asked,) = bureau.activity()[len(exchanged) :]
        assert (asked["event"], asked["by"]) == ("allowed", "admin")
        bureau.look()
        events = [each["event"] for each in bureau.audit()[rows:]]
        assert events == ([] if event == "issued" else ["keys_rotated"])
    assert bureau.resident._state.state is BotState.IDLE
