from __future__ import annotations

import json
import os
import socket

import pytest

from rigd.core.errors import ExitCode, LogicError
from rigd.hosts import build_check, supervisor, warm, warm_parent
from rigd.hosts.runner import Job
from rigd.hosts.warm_parent import Parent, main

JOB = Job(notebook="n", output="o", folder="f", parameters={})


@pytest.fixture
def owner():
    """A descriptor, and the end that its owner holds."""
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)


@pytest.fixture
def imports(monkeypatch) -> list[str]:
    """The imports, noted and not done."""
    done: list[str] = []
    monkeypatch.setattr(warm_parent, "import_module", done.append)
    monkeypatch.setattr(warm_parent, "_prepare", lambda: None)
    return done


def test_every_import_is_done_before_the_first_fork(tmp_path, owner, imports) -> None:
    """What a run needs is in the table: papermill, the kernel, the engine's host, its views."""
    Parent(tmp_path, owner[0]).warm_up()
    os.close(owner[1])
    assert tuple(imports) == warm_parent.IMPORTED
    assert {"papermill", "ipykernel.kernelapp", "rigd.hosts.session", "pandas"} <= set(imports)


@pytest.mark.usefixtures("imports")
def test_code_that_changes_during_the_imports_is_refused(tmp_path, owner, monkeypatch) -> None:
    """Half of it would be of one build, half of another."""
    builds = iter(("one", "other"))
    monkeypatch.setattr(build_check, "build_of", lambda _: next(builds))
    with pytest.raises(LogicError, match="changed"):
        Parent(tmp_path, owner[0]).warm_up()
    os.close(owner[1])


def test_it_ends_with_its_owner(tmp_path, owner, capsys) -> None:
    """When the owner's end of the line closes, the parent has nothing to do any more."""
    os.close(owner[1])
    assert Parent(tmp_path, owner[0]).serve() is None
    assert capsys.readouterr().out == f"{warm.IS_READY}\n"


@pytest.mark.usefixtures("imports")
def test_a_second_parent_of_a_home_is_refused(tmp_path, monkeypatch, capsys) -> None:
    """The first one serves; the second says so and ends."""
    with (
        (tmp_path / "owner").open("w") as stdin,
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as first,
    ):
        monkeypatch.setattr(warm_parent.sys, "stdin", stdin)
        first.bind(warm.address(tmp_path))
        assert main([str(tmp_path)]) == int(ExitCode.ERROR)
    assert "in use" in capsys.readouterr().out


def test_a_process_with_threads_does_not_fork(tmp_path, monkeypatch) -> None:
    """Another thread may hold a lock that nobody in the fork would release."""
    order = json.dumps({"job": JOB.to_json()}).encode()
    monkeypatch.setattr(warm_parent, "THREADS", tmp_path)
    (tmp_path / "1").touch()
    assert warm_parent._refusal(order) == ""
    (tmp_path / "2").touch()
    assert "one thread, it has 2" in warm_parent._refusal(order)


def test_an_order_that_makes_no_sense_is_refused() -> None:
    """A parent answers, whatever it is sent."""
    for content in (b"", b"{}", b'{"job": "[]"}', b'{"job": "{}"}'):
        assert "understand" in warm_parent._refusal(content)


def test_what_its_environment_adds_starts_no_threads_and_holds_no_secret() -> None:
    """It gets what a run gets; nothing of a home, and no variable of a broker."""
    given = {"PATH": "/bin", "ALPACA_API_KEY": "hunter2", "RIGD_HOME": "/h"}
    variables = supervisor.warm_environment(given)
    assert "hunter2" not in variables.values()
    assert "RIGD_HOME" not in variables
    assert variables["OPENBLAS_NUM_THREADS"] == "1"
