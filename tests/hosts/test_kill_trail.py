"""What `rigd kill` asked the broker stands in broker_api.log."""

from __future__ import annotations

import asyncio
import csv
import inspect
import json

import pytest

from rigd.core import ports
from rigd.core.errors import StorageError, Unavailable
from rigd.core.values import BotIdentity, Profile
from rigd.hosts.kill_trail import KillTrail
from tests.fakes.broker import FakeBroker
from tests.fakes.clock import FakeClock

BOT = BotIdentity(entity_code="RIGD", jurisdiction_code="USA", broker_code="SIM", bot_id="07")


class Lines:
    """The standing log in memory; `room` lines are taken, then the disk is full."""

    def __init__(self, content: str = "", room: int = 1_000) -> None:
        self.content = content
        self.room = room

    def read(self, name: str) -> bytes:
        assert name == "broker_api.log"
        return self.content.encode()

    def append_line(self, name: str, line: str, *, writer: str) -> None:
        assert (name, writer) == ("broker_api.log", "rigd.reporting.broker_api")
        if not self.room:
            msg = "could not write broker_api.log: No space left on device"
            raise StorageError(msg)
        self.room -= 1
        self.content += f"{line}\n"

    def rows(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.content.splitlines()]


def asked() -> KillTrail:
    """The trail of a broker that was connected and then asked while it was down."""
    trail, fake = KillTrail(FakeClock()), FakeBroker()
    broker = trail.follows(fake)

    async def ask() -> None:
        await broker.connect()
        fake.down = True
        with pytest.raises(Unavailable):
            await broker.cancel("R1")

    asyncio.run(ask())
    return trail


def write(trail: KillTrail, lines: Lines) -> None:
    trail.write(lines, BOT, Profile.TEST, test_mode=False)


def test_each_request_and_each_answer_has_its_row() -> None:
    """L35: also those of the kill; a failed call says how, and a second kill counts on."""
    lines = Lines()
    write(asked(), lines)
    rows = lines.rows()
    assert [(row["event"], row["details"]["call"]) for row in rows] == [
        ("api_request", "connect"),
        ("api_response", "connect"),
        ("api_request", "cancel"),
        ("api_response", "cancel"),
    ]
    assert rows[2]["details"]["body"] == {"cl_ord_id": "R1"}
    assert (rows[3]["level"], rows[3]["error_code"]) == ("WARNING", "Unavailable")
    assert {(row["session"], row["bot"]) for row in rows} == {("kill", str(BOT))}
    write(asked(), lines)
    assert [row["seq"] for row in lines.rows()] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_log_of_the_other_form_keeps_it() -> None:
    """LOG_FORMAT is a setting, and settings may be broken: the file's first byte tells."""
    lines = Lines()
    write(asked(), lines)
    title = ",".join(lines.rows()[0]) + "\n"
    other = Lines(title)
    write(asked(), other)
    assert other.content.startswith(title)
    assert [row["event"] for row in csv.DictReader(other.content.splitlines())][:2] == [
        "api_request",
        "api_response",
    ]


def test_what_was_not_written_is_kept_for_the_next_time() -> None:
    """A full disk loses no row, and doubles none."""
    trail, lines = asked(), Lines(room=3)
    with pytest.raises(StorageError):
        write(trail, lines)
    lines.room = 10
    write(trail, lines)
    write(trail, lines)
    assert len(lines.rows()) == 4


def test_every_call_of_the_port_is_followed() -> None:
    """A method that the port gets later must not go round the record."""
    followed = KillTrail(FakeClock()).follows(FakeBroker())
    calls = [name for name, _ in inspect.getmembers(ports.Broker, inspect.iscoroutinefunction)]
    assert len(calls) >= 11
    for name in calls:
        assert inspect.iscoroutinefunction(getattr(followed, name)), name
    assert followed.poll() == []
    assert (followed.name, followed.capabilities) == ("FAKE", FakeBroker().capabilities)
