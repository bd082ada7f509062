"""``rigd lab`` and ``rigd warm``, services in the foreground; ``rigd run``, one notebook."""

from __future__ import annotations

from rigd.cli.console import open_home, say, say_next
from rigd.cli.session import pairs_of
from rigd.config.sources import environment
from rigd.core.errors import ConfigError, ExitCode
from rigd.hosts import lab as host
from rigd.hosts import notebook, supervisor


def lab(*, port: int, browser: bool) -> int:
    """Run JupyterLab until it is ended; return its exit code.

    Parameters
    ----------
    port, browser
        As of `rigd.hosts.lab.open_lab`.

    Returns
    -------
    int
        0 after Ctrl-C.
    """
    say("JupyterLab for research; it prints its address. Ctrl-C twice ends it.")
    say_next("open the address, then the launcher's entry New backtest")
    return host.open_lab(open_home(), environment(), tell=say, port=port, browser=browser)


def warm() -> int:
    """Keep a warm parent until interrupted.

    Returns
    -------
    int
        0 after Ctrl-C.

    Raises
    ------
    ConfigError
        If there can be none.
    """
    home = open_home()
    with supervisor.warm_parent(home.root, environment()) as parent:
        if parent.missing:
            msg = f"there must be a warm parent, there is none: {parent.missing}"
            raise ConfigError(msg)
        say(f"warm: runs of {home.root} start from process {parent.pid}; Ctrl-C ends it")
        try:
            return parent.wait()
        except KeyboardInterrupt:
            return int(ExitCode.OK)


def run(name: str, changes: list[str]) -> int:
    """Run a notebook by papermill; return the process's exit code.

    Parameters
    ----------
    name
        The notebook's name.
    changes
        Parameters as ``NAME=VALUE``.

    Returns
    -------
    int
        0 when it ran to its end.
    """
    path = notebook.run_named(open_home(), name, pairs_of(changes, source="-p"))
    say(f"executed: {path}")
    say_next("rigd lab, then open it")
    return int(ExitCode.OK)
