"""``python -m rigd.hosts.panel --port N``: the panel as a process of its own.

It prints its address and serves until SIGTERM. Its environment is replaced first: neither it nor
its kernels hold anything but where RIGD_HOME and Jupyter's files lie.
"""

from __future__ import annotations

import argparse
import ctypes
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rigd.config.sources import checkout, environment, replace_environment, rigd_home
from rigd.core.clock import SystemClock
from rigd.core.errors import ConfigError, RigdError
from rigd.hosts import supervisor
from rigd.hosts.panel.listening import Listening
from rigd.hosts.panel.pulse import Pulse
from rigd.hosts.ports import LOOPBACK, require_users_port
from rigd.store.paths import Home

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PORT = 8866
_ARENA_MAX = -8
"""glibc's `M_ARENA_MAX`, see mallopt(3)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT.

    Parameters
    ----------
    arguments
        The command line; that of the process by default.

    Returns
    -------
    int
        The exit code: 0, or that of the error that stopped it.
    """
    options = _parser().parse_args(arguments)
    try:
        if options.port:
            require_users_port(options.port)
        _require_voila()
        with ExitStack() as stack:
            runtime = Path(stack.enter_context(TemporaryDirectory(prefix="rigd-")))
            own = own_environment(environment(), home=options.home, runtime=runtime)
            replace_environment(own)
            _serve(options, own, runtime)
    except RigdError as error:
        told = f"{error}; next: {error.fix}" if error.fix else str(error)
        sys.stderr.write(f"{told}\n")
        return int(error.exit_code)
    return 0


def own_environment(
    inherited: Mapping[str, str], *, home: Path | None, runtime: Path
) -> dict[str, str]:
    """Return the environment of the panel and its kernels.

    Parameters
    ----------
    inherited
        This process's environment.
    home
        RIGD_HOME; the inherited one when None.
    runtime
        A private folder.

    Returns
    -------
    dict of str to str
        What a run inherits, and where Jupyter's files lie; nothing else.
    """
    root = home.expanduser().absolute() if home else rigd_home(inherited)
    spec = find_spec("voila")
    places = [checkout() / "env" / "jupyter"]
    if spec is not None and spec.origin is not None:
        places.append(Path(spec.origin).parents[4] / "share" / "jupyter")
    return (
        supervisor.kept_of(inherited)
        | supervisor.CONSTANT
        | {
            "RIGD_HOME": str(root),
            "PYTHONSAFEPATH": "1",
            "JUPYTER_PATH": ":".join(str(place) for place in places),
            "JUPYTER_CONFIG_DIR": str(runtime / "config"),
            "JUPYTER_DATA_DIR": str(runtime / "data"),
            "JUPYTER_RUNTIME_DIR": str(runtime / "run"),
            "JUPYTER_NO_CONFIG": "1",
            "IPYTHONDIR": str(runtime / "ipython"),
        }
    )


def _share_heap() -> None:
    """Let every thread take its memory from one heap, before the first of them starts.

    With a heap for each, glibc's way, what pages leave in one is not used again by the others: the
    process grew by 0.2 MiB with each page. Other C libraries have no such heaps.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)


def _require_voila() -> None:
    if find_spec("voila") is None:
        msg = "the panel must have voila to serve its pages, found none installed"
        raise ConfigError(msg, fix="make up installs it; rigd up --no-panel does without a panel")


def _serve(options: argparse.Namespace, own: Mapping[str, str], runtime: Path) -> None:
    """Start the server; what it needs is imported when its environment is set."""
    from rigd.hosts.panel.app import serve  # noqa: PLC0415 - reads the environment
    from rigd.hosts.panel.identity import Desk  # noqa: PLC0415 - as above

    home, clock = Home(Path(own["RIGD_HOME"])), SystemClock()
    listening = Listening(
        address=options.address, certificate=options.certificate, key=options.certificate_key
    )
    listening.require_safe(home, clock)
    pulse = None if options.pulse is None else Pulse(options.pulse, clock)
    serve(
        Desk(home, clock),
        clock,
        notebook=options.notebook.absolute(),
        port=options.port,
        environment=own,
        sockets=runtime,
        pool=options.pool,
        listening=listening,
        pulse=pulse,
        ready=lambda port: _announce(listening.url(port)),
    )


def _announce(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rigd.hosts.panel", description=__doc__)
    parser.add_argument("--port", type=int, default=PORT, help="0 takes a free one")
    parser.add_argument("--address", default=LOOPBACK, help="another one needs a certificate")
    parser.add_argument("--certificate", type=Path, help="PEM, with its chain")
    parser.add_argument("--certificate-key", type=Path, help="PEM, its owner's alone")
    parser.add_argument("--pulse", type=int, help="a pipe of the supervisor that started it")
    parser.add_argument("--home", type=Path, help="RIGD_HOME")
    parser.add_argument("--pool", type=int, default=2, help="kernels that are kept warm")
    notebook = checkout() / "notebooks" / "control_panel.ipynb"
    parser.add_argument("--notebook", type=Path, default=notebook, help="the router notebook")
    return parser


if __name__ == "__main__":
    _share_heap()
    sys.exit(main())
