"""A launch ticket: what needs one, and that each is good once, for one session, bot and build."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rigd.config.schema import Settings, marks
from rigd.core.clock import SystemClock
from rigd.core.errors import AccessError, StorageError
from rigd.core.ids import SystemIds
from rigd.hosts import build_check, launch_ticket, session, supervisor
from rigd.hosts.engine_run import EngineRun
from rigd.hosts.launch import Launcher
from rigd.hosts.launch_ticket import LIFE_S, RESEARCH_VARIABLE, VARIABLE
from rigd.store.locks import SessionLock
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.hosts.homes import (
    ONE_SYMBOL,
    SAMPLE,
    Crash,
    InProcess,
    at_alpaca,
    bot_of,
    demo,
    fields,
    listing,
    production,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rigd.hosts.bot import Bot

NAME = "2012-11-14_1"
"""The first session of the built-in sample."""


@pytest.fixture
def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bot]:
    """A bot whose launch this process owns."""
    monkeypatch.delenv(VARIABLE, raising=False)
    found = bot_of(demo(tmp_path / "home"))
    lock = found.home.bot(found.identity).launch_lock
    with SessionLock(lock, what="rigd session", clock=FakeClock()):
        yield found


def hand_over(bot: Bot, name: str = NAME) -> None:
    """Issue a ticket and put its secret into this process's environment."""
    os.environ.update(launch_ticket.issue(bot, name, SystemIds()))


@pytest.mark.parametrize("made", [at_alpaca, production])
def test_what_is_no_research_is_refused_by_hand(tmp_path, made) -> None:
    """A real account, paper or live, and a bot of PRODUCTION: by every door, with nothing left."""
    home = made(tmp_path)
    before = listing(home.root)
    bot = bot_of(home)
    with pytest.raises(AccessError, match="must have a launch ticket, found none") as caught:
        session.start(str(home.root), SAMPLE.to_json())
    assert "rigd up or rigd session" in caught.value.fix
    with pytest.raises(AccessError, match="launch ticket, found none"):
        session.SessionHandle(bot, SAMPLE, launched=False)
    with pytest.raises(AccessError, match="launch ticket, found none"):
        EngineRun(bot, SAMPLE, FakeClock(), FakeIds())
    assert listing(home.root) == before


def test_a_broker_of_the_request_counts(tmp_path) -> None:
    """A session of the demo that asks for a real broker is refused as the real bot is."""
    home = demo(tmp_path)
    simulated = [name for name in Settings.model_fields if marks(name)["test_only"]]
    unset = ((name.upper(), str(Settings.model_fields[name].default)) for name in simulated)
    asked = replace(SAMPLE, overrides=(*unset, ("BROKER_CODE", "ALPACA")))
    with pytest.raises(AccessError, match="an engine at ALPACA must have a launch ticket"):
        session.start(str(home.root), asked.to_json())


def test_who_says_launched_must_have_been(tmp_path, monkeypatch) -> None:
    """A record that nobody would seal is not begun, the demo's neither."""
    monkeypatch.delenv(VARIABLE, raising=False)
    home = demo(tmp_path)
    before = listing(home.root)
    with pytest.raises(AccessError, match="says it was launched must have a launch ticket"):
        session.start(str(home.root), SAMPLE.to_json(), launched=True)
    assert listing(home.root) == before


def test_research_needs_none(tmp_path) -> None:
    """The demo by hand, and a dry run of a bot with a real account, which trades at a stub."""
    assert launch_ticket.needed_by(bot_of(demo(tmp_path / "demo")), SAMPLE) == ""
    dry = replace(SAMPLE, test_mode=True)
    assert launch_ticket.needed_by(bot_of(at_alpaca(tmp_path / "alpaca")), dry) == ""
    assert launch_ticket.needed_by(bot_of(production(tmp_path / "production")), dry) == ""


def test_a_ticket_is_good_once(bot) -> None:
    """Who redeems it removes it, and its secret is gone from the environment."""
    hand_over(bot)
    secret = os.environ[VARIABLE]
    path = bot.home.bot(bot.identity).launch_ticket
    assert path.stat().st_mode & 0o777 == 0o600
    assert secret not in path.read_text()
    ticket = launch_ticket.redeem(bot)
    assert (ticket.session, ticket.bot, ticket.pid) == (NAME, "RIGD_USA_SIM_01", os.getpid())
    assert not path.exists()
    assert VARIABLE not in os.environ
    os.environ[VARIABLE] = secret
    with pytest.raises(AccessError, match="redeemed before"):
        launch_ticket.redeem(bot)


def test_of_two_who_redeem_at_once_one_is_refused(bot, monkeypatch) -> None:
    """Both have read it; whoever removes it first runs."""
    hand_over(bot)
    monkeypatch.setattr(launch_ticket, "remove", lambda _path: False)
    with pytest.raises(AccessError, match="redeemed before"):
        launch_ticket.redeem(bot)


def test_a_ticket_expires(bot, monkeypatch) -> None:
    """Good to the last instant of its life and not in the next."""
    clock = FakeClock()
    monkeypatch.setattr(launch_ticket, "SystemClock", lambda: clock)
    hand_over(bot)
    clock.advance(LIFE_S - 0.001)
    launch_ticket.redeem(bot)
    hand_over(bot)
    clock.advance(LIFE_S)
    with pytest.raises(AccessError, match="expired 600 s after its launch"):
        launch_ticket.redeem(bot)


def test_a_ticket_is_for_one_session(bot) -> None:
    """The engine of another session is refused, before it writes anything."""
    hand_over(bot, "2012-11-14_2")
    before = listing(bot.home.root).keys() - {f"runs/{bot.identity}/launch_ticket.json"}
    with pytest.raises(AccessError, match=f"session {NAME} must .* one for session 2012-11-14_2"):
        session.SessionHandle(bot, SAMPLE, launched=True)
    assert listing(bot.home.root).keys() == before


def test_a_ticket_is_for_one_build(bot) -> None:
    """Sealed again with other code between the launch and its kernel: refused."""
    hand_over(bot)
    manifest = bot.home.env / build_check.MANIFEST
    held = fields(manifest)
    del held["digest"]
    held["files"]["VERSION.md"] = "0" * 64
    held["digest"] = build_check._digest(held)
    manifest.write_text(json.dumps(held))
    with pytest.raises(AccessError, match="another sealed build"):
        launch_ticket.redeem(bot)


def test_a_ticket_dies_with_its_launcher(bot) -> None:
    """Another owner of the bot, or none: what the earlier one let run is not begun."""
    hand_over(bot)
    lock = bot.home.bot(bot.identity).launch_lock
    held = lock.read_bytes()
    for content in (b"", held.replace(b'"pid": ', b'"pid": 1')):
        lock.write_bytes(content)
        with pytest.raises(AccessError, match="no longer owns the bot"):
            launch_ticket.redeem(bot)
        os.environ.update(launch_ticket.issue(bot, NAME, SystemIds()))
    lock.write_bytes(held)
    launch_ticket.redeem(bot)


def test_another_bots_ticket_is_refused(bot) -> None:
    """Carried over from another home's bot, secret and all."""
    hand_over(bot)
    identity = replace(bot.identity, bot_id="02")
    other = replace(bot, identity=identity)
    path = bot.home.bot(identity).launch_ticket
    path.parent.mkdir(parents=True)
    path.write_bytes(bot.home.bot(bot.identity).launch_ticket.read_bytes())
    with pytest.raises(AccessError, match="one for RIGD_USA_SIM_01"):
        launch_ticket.redeem(other)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "no launcher wrote"),
        (b"[]", "no launcher wrote"),
        (b'{"mac": "0"}', "no launcher wrote"),
        (b"{" * 20_000, "none"),
        (None, "another process"),
    ],
)
def test_a_ticket_that_was_made_up_is_refused(bot, content, found) -> None:
    """A broken one, and a genuine one without its secret; the genuine one stays good."""
    hand_over(bot)
    secret = os.environ[VARIABLE]
    path = bot.home.bot(bot.identity).launch_ticket
    genuine = path.read_bytes()
    if content is not None:
        path.write_bytes(content)
    os.environ[VARIABLE] = secret if content is not None else "0" * 32
    with pytest.raises(AccessError, match=f"launch ticket, found .*{found}"):
        launch_ticket.redeem(bot)
    path.write_bytes(genuine)
    os.environ[VARIABLE] = secret
    assert launch_ticket.redeem(bot).session == NAME


@pytest.mark.parametrize("name", ["session", "expires_s", "build", "pid"])
def test_a_changed_ticket_is_refused(bot, name) -> None:
    """Each field is under the secret's seal."""
    hand_over(bot)
    path = bot.home.bot(bot.identity).launch_ticket
    held = fields(path)
    held[name] = held[name] + type(held[name])("1")
    path.write_text(json.dumps(held))
    with pytest.raises(AccessError, match="another process"):
        launch_ticket.redeem(bot)


def test_every_launch_issues_one_and_leaves_none(tmp_path, monkeypatch) -> None:
    """A run that dies before it begins leaves no ticket to the next who comes."""
    home, door = demo(tmp_path), InProcess()
    monkeypatch.setattr(supervisor, "run_notebook", door)
    tickets: list[dict] = []
    tree = home.bot(bot_of(home).identity)

    def dying(_job) -> None:
        tickets.append(fields(tree.launch_ticket))
        raise Crash

    door.before = dying
    with pytest.raises(Crash):
        Launcher(home, SystemClock(), SystemIds(), lambda _: None).launch(ONE_SYMBOL)
    assert [ticket["session"] for ticket in tickets] == [NAME]
    assert not tree.launch_ticket.exists()


def test_a_full_disk_ends_the_run_and_not_the_watch(tmp_path, monkeypatch) -> None:
    """Where no ticket can be written nothing is started, and the launcher tells why."""
    home, door = demo(tmp_path), InProcess()
    monkeypatch.setattr(supervisor, "run_notebook", door)

    def full(*_: object) -> dict[str, str]:
        raise StorageError("could not write launch_ticket.json: no space left")

    monkeypatch.setattr(launch_ticket, "issue", full)
    ended = Launcher(home, FakeClock(), FakeIds(), lambda _: None).launch(ONE_SYMBOL)
    assert door.ran == 0
    assert ended.exit_code != 0
    assert "no space left" in ended.message


@pytest.mark.parametrize("made", [at_alpaca, production])
def test_jupyterlab_launches_no_real_bot(tmp_path, monkeypatch, made) -> None:
    """`!rigd session` in a cell is refused as the engine in the cell is; nothing is written."""
    monkeypatch.setenv(RESEARCH_VARIABLE, "true")
    home = made(tmp_path)
    before = listing(home.root)
    with pytest.raises(AccessError, match="must be launched outside JupyterLab"):
        Launcher(home, FakeClock(), FakeIds(), lambda _: None).launch(SAMPLE)
    assert listing(home.root) == before
