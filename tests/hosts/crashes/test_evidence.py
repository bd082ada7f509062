"""The judge of what a session left."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from decimal import Decimal

import pytest

from rigd.core.errors import LogicError
from rigd.core.events import FillRecorded, OrderIntent, SessionClosed
from rigd.hosts import finishing, records
from rigd.hosts.crashes.evidence import (
    Left,
    bot_tree,
    changed_configuration,
    differences,
    held_at_broker,
    read_left,
    session_folders,
    unreadable,
    unsound,
)
from rigd.store import manifest
from rigd.store.images import copy_home
from tests.hosts.homes import ONE_SYMBOL, bot_of, demo, engine, short_report


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home after one sealed session."""
    home = demo(tmp_path_factory.mktemp("evidence"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finishing, "report_html", short_report)
        ran = engine(home, ONE_SYMBOL)
        finished = asyncio.run(ran.run())
    manifest.seal(
        ran.place.folder,
        {"session": ran.place.folder.name, "books": list(finished.head)},
        chains=ran.chains(),
    )
    return home


@pytest.fixture(scope="module")
def left(home) -> Left:
    """What it left."""
    return read_left(home.root)


def test_a_whole_session_differs_in_nothing(left) -> None:
    """Compared with itself it is the same, and by itself it is sound."""
    assert left.fills
    assert differences(left, left) == []
    assert unsound(left) == []
    assert held_at_broker(left.broker) == {}


def without(left: Left, kind: type) -> Left:
    """The same without the last record of a kind."""
    places = [n for n, e in enumerate(left.entries) if isinstance(e.record, kind)]
    return replace(left, entries=left.entries[: places[-1]] + left.entries[places[-1] + 1 :])


def twice(left: Left, kind: str) -> Left:
    """The same with the broker's last change of a kind twice."""
    last = next(change for change in reversed(left.broker) if change["is"] == kind)
    return replace(left, broker=(*left.broker, last))


@pytest.mark.parametrize(
    ("broken", "rules"),
    [
        (lambda left: without(left, FillRecorded), {"each execution is one fill in the journal"}),
        (lambda left: without(left, OrderIntent), {"every order was intended"}),
        (
            lambda left: without(left, SessionClosed),
            {"the session is closed", "the session is flat"},
        ),
        (lambda left: twice(left, "taken"), {"one order per client id at the broker"}),
        (
            lambda left: replace(left, booked=left.booked[1:]),
            {"each execution is one trade in the books"},
        ),
    ],
    ids=["lost fill", "no intent", "not closed", "sent twice", "not booked"],
)
def test_each_loss_is_seen(left, broken, rules) -> None:
    """A lost fill, an order without intent or sent twice, a session that is not over."""
    assert rules <= set(unsound(broken(left)))
    assert differences(broken(left), left)


def test_an_execution_more_leaves_a_position_open(left) -> None:
    """What the broker holds is summed from its own executions, by side."""
    last = next(change for change in reversed(left.broker) if change["is"] == "executed")
    assert set(held_at_broker(twice(left, "executed").broker).values()) <= {
        last["qty"],
        -last["qty"],
    }
    assert "nothing is held at the broker" in unsound(twice(left, "executed"))
    broken = twice(left, "executed").broker
    assert all(isinstance(qty, Decimal) for qty in held_at_broker(broken).values())


def test_every_file_of_a_whole_home_can_be_read(home) -> None:
    """Nothing in it is a mixture of old and new."""
    assert unreadable(home.root) == []
    assert [folder.name for folder in session_folders(home.root)] == ["2012-11-14_1"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("runs/RIGD_USA_SIM_01/logs/status.json", b'{"state": "id'),
        ("runs/RIGD_USA_SIM_01/risk_state.json", b"{}x"),
        ("runs/RIGD_USA_SIM_01/lease_epoch", b""),
        ("runs/control/bot_state.txt", b"idl"),
        ("env/.env_bot.enc", b"{"),
    ],
)
def test_a_torn_file_is_named(home, tmp_path, name, content) -> None:
    """State, flags, configuration: the file and the reason."""
    copied = tmp_path / "home"
    copy_home(home.root, copied)
    (copied / name).parent.mkdir(exist_ok=True)
    (copied / name).write_bytes(content)
    found = unreadable(copied)
    assert any(name.partition("/")[0] in wrong for wrong in found), found


def test_a_changed_journal_is_named(home, tmp_path) -> None:
    """The journal is read with its chain."""
    copied = tmp_path / "home"
    copy_home(home.root, copied)
    (folder,) = session_folders(copied)
    content = (folder / records.JOURNAL).read_bytes()
    (folder / records.JOURNAL).write_bytes(content.replace(b'"seq":9', b'"seq":8', 1))
    assert any(records.JOURNAL in wrong for wrong in unreadable(copied))


def test_a_changed_configuration_is_named(home, tmp_path) -> None:
    """No session writes into env/: every file there is as it was in the home's original."""
    copied = tmp_path / "home"
    copy_home(home.root, copied)
    assert changed_configuration(copied, home.root) == []
    (copied / "env" / "keys" / "env.key").write_bytes(b"x")
    (copied / "env" / "new").touch()
    assert changed_configuration(copied, home.root) == [
        "env/keys/env.key: changed",
        "env/new: changed",
    ]


def test_a_home_without_a_session_has_none(tmp_path) -> None:
    """No folder and no tree; a tree is asked for only where there is one."""
    home = demo(tmp_path)
    assert session_folders(tmp_path) == []
    home.runs.mkdir(exist_ok=True)
    with pytest.raises(LogicError, match="one bot's tree"):
        bot_tree(tmp_path)
    assert json.dumps(str(bot_of(home).identity)) == '"RIGD_USA_SIM_01"'
