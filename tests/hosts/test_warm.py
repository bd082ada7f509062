from __future__ import annotations

import json
import os
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from rigd.config.sources import checkout
from rigd.hosts import build_check, warm
from rigd.hosts.runner import Job
from rigd.store.paths import Home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

JOB = Job(notebook="n", output="o", folder="f", parameters={"a": 1})
PID = 4321


@pytest.fixture
def home(tmp_path) -> Home:
    """A home whose build was sealed."""
    home = Home(tmp_path)
    build_check.seal(home, by="test", reason="test")
    return home


def hello(**other: object) -> dict[str, object]:
    """What a parent that may be used says of itself."""
    told = {
        "build": build_check.build_of(checkout()),
        "stamp": build_check.stamp_of(checkout()),
        "interpreter": warm.interpreter(),
        "read_at_start": {},
    }
    return told | other


@contextmanager
def parent_that(
    home: Home, told: dict[str, object], act: Callable[[socket.socket, int], None]
) -> Iterator[list[dict]]:
    """A parent on a thread: it says what it is told to, and acts on one order."""
    orders: list[dict] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(warm.address(home.root))
        listener.listen()

        def serve() -> None:
            line, _ = listener.accept()
            with line:
                warm.send(line, told)
                try:
                    content, given, _, _ = socket.recv_fds(line, warm.MESSAGE_BYTES, 2)
                except ConnectionResetError:
                    given = []  # the line was closed before it was read
            if given:
                orders.append(json.loads(content))
                with socket.socket(fileno=given[0]) as channel:
                    act(channel, given[1])
                os.close(given[1])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield orders
        finally:
            thread.join()


def run(home: Home, **variables: str) -> tuple[int, str]:
    """Run the job warm, and say how it ended."""
    with warm.forked(JOB, {"RIGD_HOME": str(home.root), **variables}) as forked:
        assert forked.pid == PID
        while (ended := forked.ended(0.01)) is None:
            pass
        return ended


def test_a_home_without_a_parent_is_told_apart(home) -> None:
    """Nothing is amiss then: the run starts cold without a word."""
    with pytest.raises(warm.Absent, match="no warm parent"):
        run(home)
    with pytest.raises(warm.Absent), warm.forked(JOB, {"PATH": "/bin"}):
        pass


def test_each_home_has_its_own_address(tmp_path: Path) -> None:
    """The address is an abstract name: it makes no file, and it ends with its process."""
    one, other = warm.address(tmp_path / "a"), warm.address(tmp_path / "b")
    assert one != other
    assert one.startswith("\0")
    assert len(one) < 100


def test_a_run_is_ordered_and_followed(home) -> None:
    """Job and environment go over, the run waits for leave, output and exit code come back."""

    def act(channel, output) -> None:
        warm.send(channel, {"pid": PID})
        assert channel.recv(8) == warm.GO
        os.write(output, b"said\n")
        warm.send(channel, {"code": 7})

    with parent_that(home, hello(), act) as orders:
        assert run(home) == (7, "said\n")
    assert Job(**json.loads(orders[0]["job"])) == JOB
    assert orders[0]["environment"] == {"RIGD_HOME": str(home.root)}


def test_a_killed_run_has_no_good_exit_code(home) -> None:
    """A run that ends without a word counts as killed."""

    def act(channel, _output) -> None:
        warm.send(channel, {"pid": PID})
        channel.recv(8)

    with parent_that(home, hello(), act):
        assert run(home) == (warm.KILLED, "")


def never(_channel, _output) -> None:
    raise AssertionError("no order may come")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"build": "0" * 64}, "not the sealed build"),
        ({"build": ""}, "not the sealed build"),
        ({"interpreter": {}}, "another Python"),
        ({"read_at_start": {"PYTHONHASHSEED": "1"}}, "other variables"),
    ],
)
def test_a_parent_that_is_not_the_same_is_not_used(home, told, why) -> None:
    """Other code, another interpreter or another beginning: the reason is said."""
    with parent_that(home, hello(**told), never), pytest.raises(warm.NotWarm, match=why):
        run(home)


def test_a_parent_is_not_used_when_nothing_was_sealed(tmp_path) -> None:
    """Without a seal no code is known to be the build's."""
    home = Home(tmp_path)
    with parent_that(home, hello(), never), pytest.raises(warm.NotWarm, match="sealed"):
        run(home)


def test_code_that_changed_after_the_seal_starts_cold(home, monkeypatch) -> None:
    """The parent is the sealed build, but other code lies there now: a cold run would run that."""
    told = hello()
    monkeypatch.setattr(build_check, "stamp_of", lambda _: "another")
    with parent_that(home, told, never), pytest.raises(warm.NotWarm, match="changed after"):
        run(home)


def test_a_refusal_is_told_in_the_parents_words(home) -> None:
    """What the parent says is amiss is what the launcher says."""

    def act(channel, _output) -> None:
        warm.send(channel, {"refused": "it has 2 threads"})

    with parent_that(home, hello(), act), pytest.raises(warm.NotWarm, match="2 threads"):
        run(home)


def test_a_run_without_leave_does_nothing(home, monkeypatch) -> None:
    """A parent that answers too late is given up, and what it forked then gets no leave."""
    heard: list[bytes] = []
    late = threading.Event()
    monkeypatch.setattr(warm, "PATIENCE_S", 0.01)

    def act(channel, _output) -> None:
        late.wait(10)
        warm.send(channel, {"pid": PID})
        heard.append(channel.recv(8))

    with parent_that(home, hello(), act):
        with pytest.raises(warm.NotWarm, match="did not fork"):
            run(home)
        late.set()
    assert heard == [b""]


def test_a_parent_of_another_user_is_not_asked(home, monkeypatch) -> None:
    """An address can be taken by anybody; the process behind it must be this user's."""
    monkeypatch.setattr(warm, "is_ours", lambda _: False)
    with parent_that(home, hello(), never), pytest.raises(warm.NotWarm, match="another"):
        run(home)


def test_the_other_ends_user_is_read() -> None:
    """Both ends of a pair are this process's."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, other:
        assert warm.is_ours(one)
