"""JupyterLab for research, as a person meets it: by its address, the launcher, and a notebook.

The screenshots that the tests take lie in ``.pytest_cache/screenshots``.
"""

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
from typing import TYPE_CHECKING, NamedTuple

import nbformat
import psutil
import pytest
from jupyter_client.manager import start_new_kernel

from rigd.config.sources import HOME_VARIABLE, checkout
from tests.system.browser import browser_page
from tests.system.processes import PATIENCE_S, is_running, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

SECRET = "hunter2"  # noqa: S105 - a made-up one
SCREENSHOTS = checkout() / ".pytest_cache" / "screenshots"
RESEARCH = checkout() / "runs" / "research"
ADDRESS = re.compile(r"http://127\.0\.0\.1:(?P<port>\d+)/lab\?token=(?P<token>\w+)")
TEMPLATE, ENTRY = (
    ("backtest", "New backtest")
    if (checkout() / "notebooks" / "backtest.ipynb").exists()
    else ("review", "Review a session")
)


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

    def get(self, path: str, **headers: str) -> int:
        """Return the status that a request is answered with."""
        request = urllib.request.Request(self.root + path, headers=headers)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as told:  # noqa: S310 - loopback
                return int(told.status)
        except urllib.error.HTTPError as error:
            return error.code


@contextmanager
def lab_of(home: Path) -> Iterator[Lab]:
    """Run `rigd lab` with secrets in its own environment, and end it again."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
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
        wait_until("JupyterLab", lambda: bool(ADDRESS.search(log.read_text())))
        found = ADDRESS.search(log.read_text())
        assert found is not None
        root = f"http://127.0.0.1:{found['port']}"
        yield Lab(found[0], root, found["token"], psutil.Process(process.pid))
    finally:
        family = [
            psutil.Process(process.pid),
            *psutil.Process(process.pid).children(recursive=True),
        ]
        process.terminate()
        process.wait(PATIENCE_S)
        wait_until("the end of all", lambda: not any(map(is_running, family)))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab for the tests of this file."""
    with lab_of(tmp_path_factory.mktemp("home")) as running:
        yield running


def test_it_serves_loopback_alone_and_asks_for_its_token(lab: Lab) -> None:
    """Nothing but 127.0.0.1 is listened on; without the token, or for another host, nothing."""
    listening = {
        line.laddr.ip for line in lab.server.net_connections("tcp") if line.status == "LISTEN"
    }
    assert listening == {"127.0.0.1"}
    token = {"Authorization": f"token {lab.token}"}
    assert lab.get("/api/contents", **token) == 200
    assert lab.get("/api/contents") == 403
    assert lab.get("/api/contents", Host="evil.example", **token) == 403
    assert lab.get("/api/contents/env/.env_bot.test", **token) == 404
    assert lab.get("/api/terminals", **token) == 404
    assert lab.get("/voila/render/notebooks/session.ipynb", **token) == 404
    assert lab.token != SECRET


def test_it_holds_no_secret(lab: Lab) -> None:
    """No process of the service has a secret in its environment or on its command line (J1)."""
    family = [lab.server, *lab.process.children(recursive=True)]
    assert any("warm_parent" in " ".join(each.cmdline()) for each in family)
    for each in family:
        assert SECRET not in each.environ().values(), each.cmdline()
        assert lab.token not in " ".join(each.cmdline())
        assert lab.token not in each.environ().values()


def test_a_new_notebook_comes_from_the_launcher(
    lab: Lab, tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """The entry opens a copy without outputs in runs/research, which runs from top to bottom."""
    before = set(RESEARCH.glob("*.ipynb"))
    with browser_page(tmp_path) as page:
        page.open(lab.address)
        page.wait_for("the launcher", f"document.body.innerText.includes({ENTRY!r})")
        page.screenshot(SCREENSHOTS / "lab-launcher.png")
        page.click(".jp-LauncherCard", ENTRY)
        page.wait_for("the notebook", "!!document.querySelector('.jp-Notebook .jp-CodeCell')")
        page.wait_for(
            "the kernel", "document.querySelector('#jp-main-statusbar').innerText.includes('Idle')"
        )
        (made,) = set(RESEARCH.glob("*.ipynb")) - before
        try:
            notebook = nbformat.read(made, as_version=4)
            assert made.name.startswith(TEMPLATE)
            assert notebook.metadata.kernelspec.name == "rigd-research"
            assert [c for c in notebook.cells if c.get("outputs") or c.get("execution_count")] == []
            page.click(".lm-MenuBar-itemLabel", "Run")
            page.click(".lm-Menu-itemLabel", "Run All Cells")
            cells = len([cell for cell in notebook.cells if cell.cell_type == "code"])
            prompts = "[...document.querySelectorAll('.jp-InputPrompt')]"
            last = f"{prompts}.some(e => e.innerText == '[{cells}]:')"
            page.value("document.querySelector('.jp-Notebook').scrollTo(0, 1e9)")
            page.wait_for("the last cell", last)
            shown = page.value("document.querySelector('.jp-Notebook').innerText")
            page.screenshot(SCREENSHOTS / "lab-notebook-end.png")
            page.value("document.querySelectorAll('.jp-OutputArea-output')[1].scrollIntoView()")
            page.screenshot(SCREENSHOTS / "lab-notebook.png")
            assert "Traceback" not in shown
            assert page.value("document.querySelectorAll('.jp-OutputArea-output svg').length") > 0
        finally:
            made.unlink()
        foreign = [url for url in page.requests if not url.startswith((lab.root, "data:", "blob:"))]
    assert set(foreign) <= {"about:blank"}
    figure("screenshots of JupyterLab", str(SCREENSHOTS.relative_to(checkout())))


def test_the_research_kernel_knows_the_magic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the kernel rigd-research `%rigd` is there from the start, and corrects a typo."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_PATH", str(checkout() / "env" / "jupyter"))
    manager, client = start_new_kernel(kernel_name="rigd-research", cwd=str(tmp_path))
    told: list[str] = []

    def hear(message: dict[str, object]) -> None:
        told.append(json.dumps(message["content"], default=str))

    try:
        for line in ("%rigd", "%load_ext rigd", "%rigd backtst open"):
            client.execute_interactive(line, timeout=PATIENCE_S, output_hook=hear)
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
    assert "%rigd backtest open" in "".join(told)
    assert "did you mean backtest?" in "".join(told)
