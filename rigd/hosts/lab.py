"""JupyterLab for research: a service of its own on loopback, without secrets.

Once somebody has registered, the users of the home log in (`lab_access`); until then it asks for
its own token.

It serves the repository, so that every notebook can be read and run; new ones lie in
``runs/research``. Its environment is what a run of a notebook inherits, no variable more, and the
kernels get theirs from it. The panel's extension is off, and so are terminals, news and updates
(JUPYTER §1, §6). A warm parent of the home lives with it: runs that are started meanwhile are warm.
"""

from __future__ import annotations

import sys
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rigd.access.directory import has_users
from rigd.config.sources import checkout
from rigd.core.clock import SystemClock
from rigd.core.errors import ConfigError
from rigd.hosts import supervisor
from rigd.hosts.launch_ticket import RESEARCH_VARIABLE
from rigd.hosts.ports import require_users_port
from rigd.store.files import make_folder
from rigd.store.paths import Home
from rigd.vault.given import FILE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

RESEARCH = "research"
"""The folder below ``runs/`` where new notebooks are made; the launcher's script knows it too."""
STATE = "lab"
"""The folder below ``runs/`` that keeps JupyterLab's own settings and workspaces."""
PORT = 8888


def open_lab(
    home: Home,
    inherited: Mapping[str, str],
    *,
    tell: Callable[[str], None],
    port: int = PORT,
    browser: bool = False,
) -> int:
    """Run JupyterLab until it is ended; return its exit code.

    Parameters
    ----------
    home
        RIGD_HOME; results lie in its ``runs/``.
    inherited
        This process's environment.
    tell
        Called with what a person should know.
    port
        The port on loopback; the next free one is taken where it is in use.
    browser
        Whether to open a browser on it.

    Returns
    -------
    int
        JupyterLab's exit code.

    Raises
    ------
    ConfigError
        If JupyterLab is not installed, or the port is none for a user's service.
    """
    require_users_port(port)
    require_installed()
    root = checkout()
    for folder in (Home(root).runs / RESEARCH, home.runs / STATE):
        make_folder(folder)
    with (
        TemporaryDirectory(prefix="rigd-") as runtime,
        supervisor.warm_parent(home.root, inherited) as parent,
    ):
        if parent.missing:
            tell(f"runs will start cold: {parent.missing}")
        users = has_users(home, SystemClock())
        if users:
            tell("log in as a user of this home; operators and admins may")
        return supervisor.serve(
            lab_command(root, port=port, browser=browser, users=users),
            lab_environment(inherited, home=home, runtime=runtime),
            root,
        )


def lab_command(root: Path, *, port: int, browser: bool, users: bool = False) -> list[str]:
    """Return the command line of JupyterLab; no secret is on it.

    Parameters
    ----------
    root
        The folder that it serves.
    port, browser
        As of `open_lab`.
    users
        Whether the users of the home log in.

    Returns
    -------
    list of str
        Without users JupyterLab draws its token itself and prints it with its address.
    """
    access = [
        "--ServerApp.identity_provider_class=rigd.hosts.lab_access.LabIdentity",
        "--ServerApp.authorizer_class=rigd.hosts.lab_access.LabAuthorizer",
        "--ServerApp.allow_unauthenticated_access=False",
    ]
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={root}",
        f"--ServerApp.port={port}",
        f"--ServerApp.open_browser={browser}",
        "--allow-root",
        *(access if users else ()),
    ]


def lab_environment(inherited: Mapping[str, str], *, home: Home, runtime: str) -> dict[str, str]:
    """Return the environment of JupyterLab and of its kernels.

    Parameters
    ----------
    inherited
        This process's environment.
    home
        RIGD_HOME.
    runtime
        A private folder with a short path, for sockets and the server's own files.

    Returns
    -------
    dict of str to str
        What a run inherits, that this is research, and where Jupyter's files lie; nothing else.
    """
    own = checkout() / "env" / "jupyter"
    state = str(home.runs / STATE)
    kept = supervisor.kept_of(inherited)
    kept.pop(FILE_VARIABLE, None)
    return (
        kept
        | supervisor.CONSTANT
        | {
            "RIGD_HOME": str(home.root),
            RESEARCH_VARIABLE: "true",
            "JUPYTER_PATH": str(own),
            "JUPYTER_CONFIG_PATH": str(own / "lab"),
            "JUPYTER_CONFIG_DIR": state,
            "JUPYTER_DATA_DIR": state,
            "JUPYTER_RUNTIME_DIR": runtime,
            "IPYTHONDIR": state,
        }
    )


def require_installed() -> None:
    """Do nothing when JupyterLab is installed.

    Raises
    ------
    ConfigError
        If it is not.
    """
    from importlib.util import find_spec  # noqa: PLC0415 - here alone

    if find_spec("jupyterlab") is None:
        msg = "JupyterLab must be installed, it is not"
        raise ConfigError(msg, fix="make lab, or: pip install 'rigd[research]'")
