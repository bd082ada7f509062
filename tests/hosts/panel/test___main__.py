"""The panel as a process: its command line and its environment."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from rigd.core.errors import ExitCode
from rigd.hosts.panel.__main__ import main, own_environment


def test_its_environment_is_its_own(tmp_path) -> None:
    """S22, I-22: no secret is inherited; a file of the working folder shadows no package."""
    inherited = {"PATH": "/bin", "ALPACA_KEY": "secret", "RIGD_HOME": "/of/it", "LANG": "C"}
    own = own_environment(inherited, home=None, runtime=tmp_path)
    assert "secret" not in str(own)
    assert (own["RIGD_HOME"], own["PATH"], own["PYTHONSAFEPATH"]) == ("/of/it", "/bin", "1")
    named = own_environment(inherited, home=Path("/another"), runtime=tmp_path)
    assert named["RIGD_HOME"] == "/another"
    assert named["JUPYTER_CONFIG_DIR"].startswith(str(tmp_path))


@pytest.mark.parametrize("port", ["80", "65536"])
def test_a_port_of_the_system_is_refused(port, capsys) -> None:
    """As `rigd lab` does."""
    assert main(["--port", port]) == ExitCode.BAD_INPUT
    assert "the port must be 1024 to 65535" in capsys.readouterr().err


def test_a_port_that_somebody_has_is_refused_in_one_line(tmp_path, capsys, monkeypatch) -> None:
    """Before a kernel starts; no traceback on the console."""
    monkeypatch.setattr("rigd.hosts.panel.__main__.replace_environment", lambda _: None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code = main(["--port", str(port), "--home", str(tmp_path)])
    told = capsys.readouterr().err
    assert code == ExitCode.BAD_INPUT
    assert told.startswith(f"the panel's port must be free, {port} is not")
    assert told.count("\n") == 1


def test_without_voila_it_says_what_is_missing(capsys, monkeypatch) -> None:
    """One line with what to do, and no traceback."""
    monkeypatch.setattr("rigd.hosts.panel.__main__.find_spec", lambda _: None)
    assert main(["--port", "0"]) == ExitCode.BAD_INPUT
    assert "found none installed; next: make up installs it" in capsys.readouterr().err
