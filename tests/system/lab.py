"""A JupyterLab of a home, with secrets in its launcher's environment, and its kernels."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil
from jupyter_client.blocking.client import BlockingKernelClient

from rigd.config.sources import HOME_VARIABLE, checkout
from tests.system.processes import PATIENCE_S, free_port, is_running, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "hunter2"  # noqa: S105 - a made-up one
ADDRESS = re.compile(r"http://127\.0\.0\.1:(?P<port>\d+)/lab\?token=(?P<token>\w+)")


class Lab(NamedTuple):
    """A JupyterLab that runs."""

    address: str
    root: str
    token: str
    process: psutil.Process

    @property
    def server(self) -> psutil.Process:
        """The server's own process."""
        return next(p for p in self.process.children() if "jupyterlab" in " ".join(p.cmdline()))

    def ask(self, method: str, path: str, **content: object) -> dict[str, Any]:
        """Send a request with the token; return what is answered."""
        request = urllib.request.Request(  # noqa: S310 - loopback
            self.root + path,
            method=method,
            data=json.dumps(content).encode() if content else None,
            headers={"Authorization": f"token {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as told:  # noqa: S310 - loopback
            answer: dict[str, Any] = json.loads(told.read() or b"{}")
            return answer

    def get(self, path: str, **headers: str) -> int:
        """Return the status that a request is answered with."""
        request = urllib.request.Request(self.root + path, headers=headers)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as told:  # noqa: S310 - loopback
                return int(told.status)
        except urllib.error.HTTPError as error:
            return error.code


def _answers(port: int) -> bool:
    """Whether somebody listens; the address is printed a little earlier."""
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def lab_of(home: Path) -> Iterator[Lab]:
    """Run `rigd lab` with secrets in its own environment, and end it again."""
    port = free_port()
    log = home / "lab.log"
    secrets = {"ALPACA_API_KEY": SECRET, "JUPYTER_TOKEN": SECRET, "BROKER_PASSWORD": SECRET}
    with log.open("w") as out:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "rigd", "lab", "--port", str(port)],
            env={**os.environ, **secrets, HOME_VARIABLE: str(home)},
            cwd=checkout(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until("JupyterLab", lambda: bool(ADDRESS.search(log.read_text())), 3 * PATIENCE_S)
        found = ADDRESS.search(log.read_text())
        assert found is not None
        root = f"http://127.0.0.1:{found['port']}"
        wait_until("its first answer", lambda: _answers(int(found["port"])))
        yield Lab(found[0], root, found["token"], psutil.Process(process.pid))
    finally:
        family = [
            psutil.Process(process.pid),
            *psutil.Process(process.pid).children(recursive=True),
        ]
        process.terminate()
        process.wait(PATIENCE_S)
        wait_until("the end of all", lambda: not any(map(is_running, family)))


class Kernel(NamedTuple):
    """A kernel for research that JupyterLab's server started, as an opened notebook has one."""

    process: psutil.Process
    client: BlockingKernelClient

    def run(self, cell: str) -> tuple[str, str]:
        """Run one cell; return what it printed and the error that it ended with, if any."""
        texts: list[str] = []

        def take(message: dict[str, Any]) -> None:
            texts.append(str(message["content"].get("text", "")))

        reply = self.client.execute_interactive(cell, timeout=2 * PATIENCE_S, output_hook=take)
        content = reply["content"]
        failed = content["status"] == "error"
        return "".join(texts), f"{content['ename']}: {content['evalue']}" if failed else ""


def _is_ready(client: BlockingKernelClient) -> bool:
    """Whether the kernel answers; one whose heart does not beat yet counts as dead to a client."""
    try:
        client.wait_for_ready(PATIENCE_S)
    except RuntimeError:
        return False
    return True


@contextmanager
def kernel_of(lab: Lab) -> Iterator[Kernel]:
    """Open a kernel as the launcher's notebooks do, and close it again."""
    number = lab.ask("POST", "/api/kernels", name="rigd-research")["id"]
    runtime = Path(lab.server.environ()["JUPYTER_RUNTIME_DIR"])
    client = BlockingKernelClient(connection_file=str(runtime / f"kernel-{number}.json"))
    client.load_connection_file()
    client.start_channels()
    try:
        wait_until("the kernel", lambda: _is_ready(client))
        family = lab.server.children(recursive=True)
        yield Kernel(next(p for p in family if number in " ".join(p.cmdline())), client)
    finally:
        client.stop_channels()
        lab.ask("DELETE", f"/api/kernels/{number}")
