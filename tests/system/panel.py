"""A panel as a process with a small page, and browsers that speak to it without one."""

from __future__ import annotations

import contextlib
import json
import os
import re
import struct
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING, Any

import nbformat
import psutil
import requests
import websocket

from rigd.access.directory import users_of
from rigd.access.roles import Role
from rigd.core.clock import SystemClock
from rigd.store.paths import Home
from tests.system.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

WORDS = "four unlikely words together"
CLOCK = SystemClock()

PAGE = """
import asyncio
import os
import ipywidgets
from pathlib import Path
from rigd.access.roles import Action
from rigd.access.session import of_kernel_later
from rigd.config.sources import rigd_home
from rigd.core.clock import SystemClock
from rigd.core.errors import AccessError
from rigd.store.paths import Home

button, shown = ipywidgets.Button(description="Stop"), ipywidgets.Label("")
box = ipywidgets.VBox([])
home = Home(rigd_home())

def note(name, text):
    with (home.root / name).open("a") as file:
        file.write(text + chr(10))

async def build():
    session = await of_kernel_later(home, SystemClock())
    note("environment", repr(dict(os.environ)))

    def press(_):
        try:
            note("pressed", session.require(Action.STOP).name)
        except AccessError as error:
            note("refused", str(error))

    button.on_click(press)
    shown.value = f"page of {session.user().name}: {session.page}"
    box.children = [button, shown]

task = asyncio.get_event_loop().create_task(build())
note("built", os.environ["VOILA_KERNEL_ID"])
box
"""


class Served:
    """A running panel."""

    def __init__(self, home: Home, url: str, process: subprocess.Popen[str]) -> None:
        self.home = home
        self.url = url
        self.process = process
        self.opened: list[Any] = []

    @property
    def port(self) -> int:
        """Its port."""
        return int(self.url.rstrip("/").rpartition(":")[2])

    def kernels(self) -> list[int]:
        """The process ids of its kernels."""
        found = []
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):
                if "ipykernel_launcher" in " ".join(child.cmdline()):
                    found.append(child.pid)
        return found


def reached(
    home: Home, url: str, process: subprocess.Popen[str], *, verify: bool | str = True
) -> Served:
    """Wait until the panel that a supervisor keeps answers at its address."""

    def answers() -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{url}/health", timeout=10, verify=verify).status_code == 200
        return False

    wait_until("the panel", answers)
    return Served(home, url, process)


@contextlib.contextmanager
def panel(
    root: Path,
    *options: str,
    pool: int = 0,
    roles: bool = True,
    real: bool = False,
    pipes: Sequence[int] = (),
) -> Iterator[Served]:
    """Serve a home with one user of each role, named as it; the real page or a small one.

    `pipes` are descriptors that it inherits.
    """
    home = Home(root)
    if roles:
        with users_of(home, CLOCK) as users:
            users._cost = 4
            users.register(users.offer_registration(), "admin", WORDS)
            for role in (Role.VIEWER, Role.AUDITOR, Role.OPERATOR):
                users.add(role.value, role, WORDS, by="admin")
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "p", "language": "python"}},
        cells=[nbformat.v4.new_code_cell(PAGE)],
    )
    path = root / "pages" / "control_panel.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    (root / "pages" / "session.ipynb").write_text("{}")
    command = [sys.executable, "-m", "rigd.hosts.panel", "--port", "0", "--home", str(root)]
    command += ["--pool", str(pool), *(() if real else ("--notebook", str(path))), *options]
    variables = os.environ | {"RIGD_CANARY_SECRET": "canary-4711", "ALPACA_KEY": "canary-4712"}
    with (root / "panel.err").open("w") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=variables,
            pass_fds=pipes,
        )
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url.startswith(("http://127.0.0.1:", "https://")), (
                root / "panel.err"
            ).read_text()
            served = Served(home, url.rstrip("/"), process)
            yield served
            for each in served.opened:
                getattr(each, "shutdown", each.close)()
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


class Browser:
    """One browser: cookies, forms, sockets."""

    def __init__(self, served: Served, name: str = "", password: str = WORDS) -> None:
        self.served = served
        self.http = requests.Session()
        self.http.trust_env = False
        served.opened.append(self.http)
        if name:
            answer = self.post("/login", username=name, password=password)
            assert answer.status_code == 303, answer.text

    def get(self, path: str, **more: Any) -> requests.Response:
        """GET without following."""
        return self.http.get(self.served.url + path, allow_redirects=False, timeout=60, **more)

    @property
    def xsrf(self) -> str:
        """The token against forged requests."""
        if "_xsrf" not in self.http.cookies:
            self.get("/reset")
        return str(self.http.cookies["_xsrf"])

    def post(self, path: str, **fields: str) -> requests.Response:
        """POST a form with its token."""
        fields["_xsrf"] = self.xsrf
        url = self.served.url + path
        return self.http.post(url, data=fields, allow_redirects=False, timeout=60)

    def send(self, method: str, path: str, **headers: str) -> requests.Response:
        """Send any method with the token."""
        headers["X-XSRFToken"] = self.xsrf
        url = self.served.url + path
        return self.http.request(method, url, headers=headers, allow_redirects=False, timeout=60)

    def open(self, path: str = "/") -> str:
        """Open a page; return its kernel."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text[:400]
        found = re.search(r'"kernelId":\s*"([^"]+)"', answer.text)
        assert found, answer.text[:2000]
        return found.group(1)

    def socket(self, kernel: str, **more: Any) -> websocket.WebSocket:
        """Open the socket of a page."""
        cookies = "; ".join(f"{each.name}={each.value}" for each in self.http.cookies)
        url = f"{self.served.url.replace('http', 'ws')}/api/kernels/{kernel}/channels"
        more.setdefault("origin", self.served.url)
        made = websocket.WebSocket(sslopt=more.pop("sslopt", None))
        self.served.opened.append(made)
        made.connect(f"{url}?session_id={uuid.uuid4().hex}", cookie=cookies, timeout=5, **more)
        return made


def message(kind: str, content: dict[str, Any], channel: str = "shell", **more: Any) -> dict:
    """A message of a kernel."""
    header = {"msg_id": uuid.uuid4().hex, "username": "x", "session": uuid.uuid4().hex}
    header |= {"msg_type": kind, "version": "5.3", "date": "2026-11-20T00:00:00Z"}
    return {
        "header": header,
        "parent_header": {},
        "metadata": more,
        "content": content,
        "channel": channel,
        "buffers": [],
    }


def binary(sent: dict[str, Any]) -> bytes:
    """A message in the binary protocol."""
    names = ("header", "parent_header", "metadata", "content")
    parts = [sent["channel"].encode(), *(json.dumps(sent[name]).encode() for name in names)]
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    head = struct.pack("<Q", len(offsets)) + b"".join(struct.pack("<Q", o) for o in offsets)
    return head + b"".join(parts)


def heard(
    socket: websocket.WebSocket, until: Callable[[dict], bool], most: int = 20_000
) -> list[dict]:
    """Messages of a page up to one that is waited for, or until it is quiet for 5 s."""
    found: list[dict] = []
    with contextlib.suppress(websocket.WebSocketTimeoutException):
        for _ in range(most):
            text = socket.recv()
            if isinstance(text, str) and text:
                found.append(json.loads(text))
                if until(found[-1]):
                    break
    return found


def widgets(socket: websocket.WebSocket) -> list[str]:
    """The ids of every widget of a page."""
    socket.send(json.dumps(message("comm_info_request", {"target_name": "jupyter.widget"})))
    rows = heard(socket, lambda row: row["msg_type"] == "comm_info_reply")
    return list(rows[-1]["content"]["comms"])


def click(socket: websocket.WebSocket, ids: list[str]) -> None:
    """Press every widget, whatever it is; return once the kernel has answered."""
    for each in ids:
        data = {"method": "custom", "content": {"event": "click"}}
        socket.send(json.dumps(message("comm_msg", {"comm_id": each, "data": data})))
    settle(socket)


def settle(socket: websocket.WebSocket) -> list[dict]:
    """Wait until the kernel has done all that was sent before."""
    asked = message("kernel_info_request", {})
    number = asked["header"]["msg_id"]
    socket.send(json.dumps(asked))
    return heard(
        socket,
        lambda row: (
            row["msg_type"] == "kernel_info_reply" and row["parent_header"]["msg_id"] == number
        ),
    )


def lines(served: Served, name: str) -> list[str]:
    """What the page noted."""
    path = served.home.root / name
    return path.read_text().splitlines() if path.exists() else []
