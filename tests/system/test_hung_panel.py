"""A panel whose loop hangs: seen, killed and started again, beside a session that goes on.

And what a viewer can do to the sign of life from a page: neither give it nor keep it back.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from rigd.access.directory import users_of
from rigd.access.roles import Role
from rigd.hosts.up.memory import read_known
from rigd.store.lease import read_lease
from rigd.store.paths import Home
from tests.certificates import self_signed
from tests.system.evidence import bot_tree
from tests.system.panel import CLOCK, WORDS, Browser, message, panel, reached
from tests.system.processes import free_port, is_running, system_rows, wait_until
from tests.system.timing import within
from tests.system.up_process import prepare, up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import websocket

    from tests.system.panel import Served

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

SLOW_S = 180.0
"""How long a panel may take to be missed, killed, and to answer again."""


def add_user(home: Home) -> None:
    """One who may look and press."""
    with users_of(home, CLOCK) as users:
        users.register(users.offer_registration(), "admin", WORDS)
        users.add("operator", Role.OPERATOR, WORDS, by="admin")


def test_a_panel_that_hangs_is_started_again_and_the_session_goes_on(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """SIGSTOP of the panel, over TLS: the same port answers again, and the log-in is still good."""
    root, port = tmp_path / "home", free_port()
    home, url = Home(root), f"https://localhost:{port}"
    root.mkdir()
    prepare(root)
    (root / "runs" / "control" / "bot_state.txt").unlink()
    add_user(home)
    certificate, key = self_signed(tmp_path, "localhost")
    files = ("--certificate", str(certificate), "--certificate-key", str(key))
    with up(root, "--speed", "60", *files, panel=port) as running:
        served = reached(home, url, running.process, verify=str(certificate))
        person = Browser(served)
        person.http.verify = str(certificate)
        assert person.post("/login", username="operator", password=WORDS).status_code == 303
        old = person.open("/status")
        running.start()
        before = read_lease(bot_tree(root) / "lease.json")
        hung = psutil.Process(read_known(home).panel_pid)
        pages = hung.children(recursive=True)
        assert pages
        hung.send_signal(signal.SIGSTOP)
        took = wait_until("its end", lambda: not is_running(hung), SLOW_S)
        took += wait_until(
            "another one", lambda: read_known(home).panel_pid not in {0, hung.pid}, SLOW_S
        )
        reached(home, url, running.process, verify=str(certificate))
        figure("a panel that hangs to another one", f"{took:.1f} s")
        assert not [each for each in pages if is_running(each)]
        assert person.open("/status") != old
        rows = [row for row in system_rows(root, "supervisor.log") if row["error_code"]]
        assert [row["error_code"] for row in rows] == ["PANEL_HUNG"]
        assert "the panel gave no sign of life for 30 s" in running.console
        after = read_lease(bot_tree(root) / "lease.json")
        assert before is not None
        assert after is not None
        assert after.owner == before.owner
        assert after.owner.lives
        assert [row["event"] for row in running.launches()] == ["begun"]


class Heard:
    """When a panel gave its signs, as its supervisor would hear them."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self.at: list[float] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while os.read(self._pipe, 1 << 16):
            self.at.append(time.monotonic())

    def longest(self, since: float, until: float) -> float:
        """The longest silence [s]."""
        marks = [since, *(at for at in self.at if since < at < until), until]
        return max(b - a for a, b in pairwise(marks))


@contextlib.contextmanager
def heard_panel(root: Path) -> Iterator[tuple[Served, Heard, str]]:
    """A panel, its signs, and what the pipe is called in the table of its descriptors."""
    reading, writing = os.pipe()
    try:
        with panel(root, "--pulse", str(writing), pipes=[writing]) as served:
            name = str(Path(f"/proc/{served.process.pid}/fd/{writing}").readlink())
            os.close(writing)
            yield served, Heard(reading), name
    finally:
        os.close(reading)


def frame(opcode: int, body: bytes = b"", *, final: bool = True) -> bytes:
    """A masked frame (RFC 6455); the mask is zero."""
    return struct.pack("BB", (0x80 if final else 0) | opcode, 0x80 | len(body)) + bytes(4) + body


def descriptors(pid: int) -> set[str]:
    """What a process has open."""
    found = set()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(str(each.readlink()))
    return found


PINGS = frame(0x9, b"x" * 8) * 4096
EMPTY = frame(0x0, final=False) * 4096


def test_a_viewers_pages_neither_give_the_panels_sign_nor_keep_it_back(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """S25: all sockets flooded with frames that no allowance counts, messages, pages, log-ins."""
    with heard_panel(tmp_path) as (served, heard, pipe):
        wait_until("a sign", lambda: bool(heard.at))
        viewer = Browser(served, "viewer")
        lines = [viewer.socket(page) for page in (viewer.open(),) for _ in range(2)]
        lines += [viewer.socket(viewer.open())]
        assert pipe in descriptors(served.process.pid)
        assert len(served.kernels()) == 2
        assert not [each for each in served.kernels() if pipe in descriptors(each)]
        auditor = Browser(served, "auditor")
        since, until = time.monotonic(), time.monotonic() + 30.0

        def flood(line: websocket.WebSocket, what: bytes) -> int:
            line.sock.settimeout(60.0)
            sent = 0
            while time.monotonic() < until:
                line.sock.sendall(what)
                sent += 4096
            return sent

        def talk(line: websocket.WebSocket) -> None:
            text = json.dumps(message("comm_info_request", {}))
            with contextlib.suppress(Exception):
                while time.monotonic() < until:
                    line.send(text)

        def ask(person: Browser, path: str) -> None:
            with contextlib.suppress(Exception):
                while time.monotonic() < until:
                    person.http.get(served.url + path, timeout=10)

        def guess(number: int) -> None:
            stranger = Browser(served)
            with contextlib.suppress(Exception):
                while time.monotonic() < until:
                    stranger.post("/login", username="admin", password=f"guess {number}")

        lines[1].sock.send(frame(0x1, b"{", final=False))
        with ThreadPoolExecutor(8) as threads:
            floods = [threads.submit(flood, lines[0], PINGS)]
            floods += [threads.submit(flood, lines[1], EMPTY)]
            threads.submit(talk, lines[2])
            threads.submit(ask, viewer, "/health")
            threads.submit(ask, viewer, "/voila/static/voila.js")
            threads.submit(ask, auditor, "/status")
            threads.submit(guess, 1)
        silence = heard.longest(since, until)
        figure("longest silence of a panel under a viewer's flood", f"{silence:.1f} s")
        sent = [each.result() for each in floods]
        figure("frames of the two floods", f"{sent}")
        assert all(sent)
        assert within(silence, 5.0)
