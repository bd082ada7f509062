"""A headless Chromium, driven over its own debugging line: no driver is installed for it."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import websocket

from tests.system.processes import PATIENCE_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
SIZE = (1440, 900)


class Page:
    """One page of the browser.

    Parameters
    ----------
    line
        The page's debugging line.
    """

    def __init__(self, line: websocket.WebSocket) -> None:
        self._line = line
        self._number = 0
        self.requests: list[str] = []
        """The address of everything that was asked for."""
        self.ask("Network.enable")
        self.ask("Page.enable")

    def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send one command and return its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._line.send(json.dumps(message))
        while True:
            told = json.loads(self._line.recv())
            if told.get("method") == "Network.requestWillBeSent":
                self.requests.append(told["params"]["request"]["url"])
            if told.get("id") == self._number:
                assert "error" not in told, told
                return told["result"]

    def open(self, address: str) -> None:
        """Go to an address."""
        self.ask("Page.navigate", url=address)

    def value(self, expression: str) -> Any:
        """Return what a JavaScript expression is in the page."""
        told = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        return told["result"].get("value")

    def wait_for(self, what: str, expression: str, seconds: float = PATIENCE_S) -> None:
        """Wait until an expression is true in the page."""
        wait_until(what, lambda: bool(self.value(expression)), seconds)

    def click(self, selector: str, text: str) -> None:
        """Press the first element of a kind that shows a text, with the mouse."""
        every = f"[...document.querySelectorAll({selector!r})]"
        found = f"{every}.find(e => e.innerText.includes({text!r}))"
        self.wait_for(f"{selector} {text!r}", f"!!{found}")
        at = self.value(
            f"(() => {{ const e = {found}; e.scrollIntoView({{block: 'center'}});"
            " const r = e.getBoundingClientRect();"
            " return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            button = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
            self.ask("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], **button)

    def screenshot(self, path: Path) -> None:
        """Store what the page shows."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))


@contextmanager
def browser_page(profile: Path) -> Iterator[Page]:
    """Start a browser with a profile of its own, and end it again."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("chromium is not installed: bash tests/system/packages.sh")
    command = [program, "--headless=new", "--remote-debugging-port=0", "--no-sandbox"]
    command += ["--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars"]
    command += ["--disable-background-networking", "--disable-component-update"]
    command += [f"--user-data-dir={profile}", "--window-size={},{}".format(*SIZE), "about:blank"]
    with subprocess.Popen(  # noqa: S603 - the browser that was found
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            port = profile / "DevToolsActivePort"
            wait_until("the browser", lambda: port.exists() and len(port.read_text().split()) > 1)
            at = f"http://127.0.0.1:{port.read_text().split()[0]}/json/list"
            with urllib.request.urlopen(at, timeout=PATIENCE_S) as told:
                page = next(each for each in json.load(told) if each["type"] == "page")
            line = websocket.create_connection(
                page["webSocketDebuggerUrl"], timeout=PATIENCE_S, suppress_origin=True
            )
            try:
                yield Page(line)
            finally:
                line.close()
        finally:
            process.kill()
