from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path

import pytest

from rigd.access.directory import has_users, users_of
from rigd.config.sources import checkout
from rigd.core.clock import SystemClock
from rigd.core.errors import ConfigError
from rigd.hosts import lab, supervisor
from rigd.store.paths import Home
from tests.hosts.test_supervisor import SECRET_LIKE

OWN = checkout() / "env" / "jupyter"


def read(name: str) -> dict:
    return json.loads((OWN / name).read_text(encoding="utf-8"))


@pytest.fixture
def served(monkeypatch) -> list[tuple]:
    """What would be served, without a process."""
    asked: list[tuple] = []

    @contextmanager
    def warm_parent(home, inherited):
        asked.append((home, inherited))
        yield type("Parent", (), {"missing": "no room"})

    monkeypatch.setattr(supervisor, "warm_parent", warm_parent)
    monkeypatch.setattr(supervisor, "serve", lambda *given: asked.append(given) or 0)
    monkeypatch.setattr(lab, "checkout", lambda: checkout() / "elsewhere")
    monkeypatch.setattr(lab, "make_folder", lambda path: asked.append((path,)))
    return asked


def test_it_serves_the_repository_beside_a_warm_parent(tmp_path, served) -> None:
    """Folders first, then the parent of the home, then the server; a missing parent is told."""
    told: list[str] = []
    code = lab.open_lab(Home(tmp_path), {"PATH": "/bin"}, tell=told.append, port=1234)
    assert code == 0
    *folders, parent, (command, environment, folder) = served
    root = checkout() / "elsewhere"
    assert folders == [(root / "runs" / "research",), (tmp_path / "runs" / "lab",)]
    assert parent == (tmp_path, {"PATH": "/bin"})
    assert "--ServerApp.port=1234" in command
    assert f"--ServerApp.root_dir={root}" in command
    assert folder == root
    assert environment["RIGD_HOME"] == str(tmp_path)
    assert told == ["runs will start cold: no room"]


@pytest.mark.parametrize("port", [0, 80, 65536])
def test_a_port_must_be_a_users(tmp_path, port) -> None:
    """Nothing is started for a port that needs rights, or does not exist."""
    with pytest.raises(ConfigError, match="1024 to 65535"):
        lab.open_lab(Home(tmp_path), {}, tell=print, port=port)


@pytest.mark.parametrize("name", SECRET_LIKE)
def test_no_secret_reaches_a_research_kernel(tmp_path, name) -> None:
    """JupyterLab inherits what a run inherits, and its kernels inherit that (J1)."""
    inherited = {name: "hunter2", "PATH": "/bin"}
    variables = lab.lab_environment(inherited, home=Home(tmp_path), runtime="/r")
    assert "hunter2" not in variables.values()
    assert name not in variables
    assert variables["PATH"] == "/bin"


def test_no_token_is_on_the_command_line() -> None:
    """Everybody can read a command line; JupyterLab draws its token itself."""
    command = " ".join(lab.lab_command(Path("/r"), port=1, browser=True)).lower()
    assert "token" not in command
    assert "password" not in command


def test_the_server_stays_on_this_machine() -> None:
    """Loopback alone, a host check, no terminals, no panel, no news, no updates (JUPYTER §1)."""
    held = read("lab/jupyter_server_config.json")
    assert held["ServerApp"]["ip"] == "127.0.0.1"
    assert held["ServerApp"]["allow_remote_access"] is False
    assert held["ServerApp"]["terminals_enabled"] is False
    assert held["ServerApp"]["jpserver_extensions"]["voila.server_extension"] is False
    assert held["KernelManager"]["transport"] == "ipc"
    assert held["LabApp"]["news_url"] is None
    assert held["LabApp"]["extension_manager"] == "readonly"
    assert "token" not in json.dumps(held)


def test_jupyterlab_must_be_installed(monkeypatch) -> None:
    """A missing package is named together with what installs it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="installed") as caught:
        lab.require_installed()
    assert "make lab" in caught.value.fix


def test_the_launchers_script_and_the_host_name_the_same_places() -> None:
    """Folder and kernel of new notebooks; the script is what the manifest loads."""
    manifest = read("labextensions/rigd-lab/package.json")
    build = manifest["jupyterlab"]["_build"]
    script = (OWN / "labextensions" / "rigd-lab" / build["load"]).read_text(encoding="utf-8")
    assert f'"runs/{lab.RESEARCH}"' in script
    assert f'NAME = "{manifest["name"]}"' in script
    assert 'name: "rigd-research"' in script
    assert "http" not in script.replace("http://www.w3.org/2000/svg", "")
    assert read("kernels/rigd-research/kernel.json")["argv"][1:3] == ["-m", "ipykernel_launcher"]


def test_users_log_in_once_there_are_any(tmp_path, served, monkeypatch) -> None:
    """J1, W8: a token until the first admin has registered, then the users of the home."""
    monkeypatch.setattr("rigd.access.passwords.COST", 4)
    home = Home(tmp_path)
    told: list[str] = []
    assert not has_users(home, SystemClock())
    lab.open_lab(home, {}, tell=told.append)
    with users_of(home, SystemClock()) as users:
        assert not has_users(home, SystemClock())
        users.register(users.offer_registration(), "ada", "four unlikely words together")
    lab.open_lab(home, {}, tell=told.append)
    first, second = [given[0] for given in served if len(given) == 3]
    access = "--ServerApp.identity_provider_class=rigd.hosts.lab_access.LabIdentity"
    assert access not in first
    assert access in second
    assert "log in as a user of this home; operators and admins may" in told
