"""What a person and a thief see of a bot that runs: processes, answers, messages of pages."""

from __future__ import annotations

import contextlib
import json
import struct
import threading
import time
import uuid
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil
import websocket

from tests.system.panel import Browser, message
from tests.system.processes import processes_of, wait_until

if TYPE_CHECKING:
    import requests

    from tests.system.panel import Served

QUIET_S = 0.1
SLOW_S = 300.0
LOOK_S = 0.03


class Seen:
    """Everything that was seen, by kind of place."""

    def __init__(self) -> None:
        self.places: dict[str, dict[str, bytes]] = defaultdict(dict)

    def add(self, kind: str, place: str, content: bytes) -> None:
        """Keep what was seen somewhere."""
        held = self.places[kind]
        held[f"{kind}:{place}"] = held.get(f"{kind}:{place}", b"") + content + b"\n"


class ProcessWatch(threading.Thread):
    """Reads the environment and the command line of each process that a supervisor starts.

    What the operator's own shell gave to the supervisor itself is the operator's.
    """

    def __init__(self, pid: int, home: Path, seen: Seen) -> None:
        super().__init__(daemon=True)
        self._root, self._home, self._seen = psutil.Process(pid), home, seen
        self._known: set[tuple[int, str, bytes]] = set()
        self._over = threading.Event()
        self.names: set[str] = set()

    def run(self) -> None:
        while not self._over.wait(LOOK_S):
            with contextlib.suppress(psutil.Error):
                for child in self._root.children(recursive=True):
                    self._read(child.pid, "environ")
                    self._read(child.pid, "cmdline")
                self._read(self._root.pid, "cmdline")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()
        for process in processes_of(self._home):
            self._read(process.pid, "cmdline")

    def _read(self, pid: int, what: str) -> None:
        with contextlib.suppress(OSError):
            held = Path(f"/proc/{pid}/{what}").read_bytes()
            if held and (pid, what, held) not in self._known:
                self._known.add((pid, what, held))
                self._seen.add("processes", f"{pid}/{what}", held)
                if what == "cmdline":
                    self.names.add(held.decode().replace("\0", " "))


class Recorded(Browser):
    """A browser whose answers are kept, bodies and headers; its own cookie is its own."""

    def __init__(
        self, served: Served, seen: Seen, who: str, name: str = "", word: str = ""
    ) -> None:
        self._seen, self.who = seen, who or "nobody"
        super().__init__(served)
        self.http.hooks["response"].append(self._record)
        if name:
            answer = self.post("/login", username=name, password=word)
            assert answer.status_code == 303, answer.text

    def opens(self, path: str) -> bool:
        """Tell whether a page was opened already, by whoever may."""
        pages = (place.split(" ") for place in self._seen.places["http"])
        opened = {asked.partition("?")[0] for *_, asked, code in pages if code == "200"}
        return self.who != "nobody" and path in opened

    def _record(self, answer: requests.Response, **_: object) -> None:
        told = {k: v for k, v in answer.headers.items() if k.lower() != "set-cookie"}
        asked = answer.request
        place = f"{self.who} {asked.method} {asked.path_url} {answer.status_code}"
        self._seen.add("http", place, json.dumps(told).encode() + answer.content)


class OpenPage:
    """An open page without a browser: its widgets by what they say, and each message it got."""

    def __init__(self, browser: Recorded, path: str, seen: Seen) -> None:
        self._seen, self.place = seen, f"{browser.who} {path}"
        self._socket = browser.socket(browser.open(path))
        self._control = uuid.uuid4().hex
        self._known: dict[str, dict[str, Any]] = {}
        content = {
            "comm_id": self._control,
            "target_name": "jupyter.widget.control",
            "data": {},
        }
        self._send("comm_open", content, version="1.0.0")

    def states(self) -> dict[str, dict[str, Any]]:
        """Every widget's state, as the page gets it when it is drawn."""
        asked = {"comm_id": self._control, "data": {"method": "request_states"}}
        self._send("comm_msg", asked)
        until = time.monotonic() + SLOW_S
        while time.monotonic() < until:
            for row in self._heard():
                data = row.get("content", {}).get("data", {})
                if isinstance(data, dict) and data.get("method") == "update_states":
                    return {key: held["state"] for key, held in data["states"].items()}
        msg = "the page must tell its widgets, it did not"
        raise AssertionError(msg)

    def find(self, **wanted: str) -> tuple[str, dict[str, Any]]:
        """The widget whose state has some texts: id and state; the newest of those alike."""
        found: list[tuple[str, dict[str, Any]]] = []

        def looked() -> bool:
            found[:] = [
                (key, held)
                for key, held in self._known.items()
                if all(text in str(held.get(name, "")) for name, text in wanted.items())
            ]
            self._known = self._known if found else self.states()
            return bool(found)

        wait_until(f"a widget with {wanted}", looked, SLOW_S)
        return found[-1]

    def press(self, label: str) -> None:
        """Press a button, and let the kernel do what follows."""
        data = {"method": "custom", "content": {"event": "click"}}
        self._send("comm_msg", {"comm_id": self.find(description=label)[0], "data": data})
        self.listen()

    def set(self, text: str, **wanted: str) -> None:
        """Type into a field."""
        self._update(self.find(**wanted)[0], {"value": text})

    def choose(self, text: str) -> None:
        """Choose of the list that has it."""
        number, held = self.find(_options_labels=f"'{text}'")
        self._update(number, {"index": held["_options_labels"].index(text)})
        self._known = {}

    def _update(self, number: str, state: dict[str, object]) -> None:
        data = {"method": "update", "state": state, "buffer_paths": []}
        self._send("comm_msg", {"comm_id": number, "data": data})
        self.listen()

    def says(self, text: str) -> str:
        """Wait until the page shows a text; return all that it shows."""
        shown: list[str] = []

        def looked() -> bool:
            shown[:] = [str(held.get("value", "")) for held in self.states().values()]
            return text in "".join(shown)

        wait_until(f"the page to say {text}", looked, SLOW_S)
        return "".join(shown)

    def listen(self, seconds: float = QUIET_S) -> None:
        """Hear what the page is told for a while."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._heard()

    def close(self) -> None:
        """Leave the page."""
        self._socket.close()

    def _send(self, kind: str, content: dict[str, Any], **more: str) -> None:
        self._socket.send(json.dumps(message(kind, content, **more)))

    def _heard(self) -> list[dict[str, Any]]:
        """Hear what there is, up to a moment of silence or the states of all widgets."""
        rows = []
        self._socket.settimeout(QUIET_S)
        with contextlib.suppress(websocket.WebSocketTimeoutException):
            for _ in range(200):
                text = self._socket.recv()
                held = text.encode() if isinstance(text, str) else text
                self._seen.add("pages", self.place, held)
                rows.append(json.loads(inside(held)) if held else {})
                data = rows[-1].get("content", {}).get("data", {})
                if isinstance(data, dict) and data.get("method") == "update_states":
                    break
        return rows


def inside(held: bytes) -> bytes:
    """The JSON of a message, also of one with buffers behind it."""
    if held.startswith(b"{"):
        return held
    (count,) = struct.unpack("!I", held[:4])
    offsets = [*struct.unpack(f"!{count}I", held[4 : 4 * (count + 1)]), len(held)]
    return held[offsets[0] : offsets[1]]
