"""How fast the panel is: a click becomes a flag, Stop a closing, a state a sight on 20 pages."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Self

import pytest
import websocket

from rigd.access.directory import users_of
from rigd.access.roles import Role
from rigd.core.lifecycle import BotState
from rigd.hosts.bot_state import read_state
from rigd.store.paths import Home
from tests.system.browser import browser_page
from tests.system.evidence import bot_tree, session_folders
from tests.system.panel import CLOCK, WORDS, Browser, panel
from tests.system.processes import free_port, run_rigd, session_of, wait_until
from tests.system.test_operator import press, type_into
from tests.system.timing import within
from tests.system.up_process import prepare, up

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

USERS, PAGES_EACH = 10, 2
CLOSING = "graceful_closing_positions"
SHOWN_S = 1.5
"""A state that lasts at least this long must be seen [s]."""
PACED = ("--speed", "900", "--symbols", "FB")


class Watch(threading.Thread):
    """Looks at something a thousand times a second and notes when it changed [s, epoch]."""

    def __init__(self, look: Callable[[], str]) -> None:
        super().__init__(daemon=True)
        self._look, self._over = look, threading.Event()
        self.seen: list[tuple[float, str]] = []

    def run(self) -> None:
        while not self._over.is_set():
            found = self._look()
            if not self.seen or self.seen[-1][1] != found:
                self.seen.append((time.time(), found))
            time.sleep(0.001)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def when(self, what: str) -> float | None:
        """When it was seen first."""
        return next((at for at, found in self.seen if found == what), None)


def test_a_click_is_a_flag_and_stop_is_closing(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """P11: by the browser's own clock, from the click to the file; then to the engine's record."""
    home, port = tmp_path / "home", free_port()
    home.mkdir()
    prepare(home)
    with users_of(Home(home), CLOCK) as users:
        users.register(users.offer_registration(), "ada", WORDS)
    flag = home / "runs" / "control" / "control_stop.flag"
    address = f"http://127.0.0.1:{port}/"
    with up(home, panel=port) as running, browser_page(tmp_path / "profile") as page:
        wait_until("the panel", lambda: f"127.0.0.1:{port}" in running.console)
        running.start()
        page.open(address)
        page.wait_for("the form", "!!document.querySelector('input[name=password]')")
        for name, text in (("username", "ada"), ("password", WORDS)):
            type_into(page, f"input[name={name}]", text)
        press(page, "Sign in")
        page.wait_for("the panel", "!!document.querySelector('.rigd-body .cards')")
        page.value("document.addEventListener('click', () => window.clicked = Date.now(), true)")
        press(page, "Stop (graceful)")
        journal = session_folders(home)[-1] / "journal.log"
        states = Watch(lambda: str(read_state(Home(home)) or ""))
        record = Watch(lambda: str(CLOSING.encode() in journal.read_bytes()))

        def ending() -> float | None:
            return states.when(CLOSING) or states.when(BotState.STOPPED)

        with Watch(lambda: str(flag.exists())) as flags, states, record:
            press(page, "Confirm stop")
            wait_until("closing", lambda: ending() is not None, 20.0)
        clicked = page.value("window.clicked") / 1000.0
    raised, closing, told = flags.when("True"), record.when("True"), ending()
    assert raised is not None
    assert closing is not None
    assert told is not None
    figure("click to flag", f"{1000 * (raised - clicked):.0f} ms")
    figure("click of Stop to closing in the journal", f"{1000 * (closing - clicked):.0f} ms")
    figure(
        "click of Stop to closing or stopped in bot_state.txt", f"{1000 * (told - clicked):.0f} ms"
    )
    assert within(raised - clicked, 0.1)
    assert within(closing - clicked, 0.3)
    assert within(told - clicked, 1.0)


class Sight(threading.Thread):
    """What one open page was shown: when, and which state of the bot."""

    STATE = re.compile(r"Bot state.{0,200}?>([a-z ]+)<", re.DOTALL)

    def __init__(self, browser: Browser, address: str) -> None:
        super().__init__(daemon=True)
        self._socket = browser.socket(browser.open(address))
        self._over = threading.Event()
        self.seen: list[tuple[float, str]] = []
        self.start()

    def run(self) -> None:
        while not self._over.is_set() and self._socket.connected:
            with contextlib.suppress(websocket.WebSocketException, OSError):
                text = self._socket.recv()
                if isinstance(text, str) and "Bot state" in text:
                    found = self.STATE.search(json.loads(f'"{json.dumps(text)[1:-1]}"'))
                    if found:
                        self.seen.append((time.time(), found[1]))

    def end(self) -> None:
        """Look no more."""
        self._over.set()


def outputs(home: Path) -> dict[str, bytes]:
    """What a session leaves of its trades and its books."""
    tree = bot_tree(home)
    found = [*tree.rglob("trade_history.json"), *(tree / "ledgers").glob("*.csv")]
    return {path.relative_to(tree).as_posix(): path.read_bytes() for path in found}


def test_twenty_pages_show_a_new_state_at_once_and_change_nothing(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """Ten users with two pages each: seen within 1 s at the 95th percentile; the session's same."""
    alone, watched = tmp_path / "alone", tmp_path / "watched"
    for each in (alone, watched):
        each.mkdir()
    ran = run_rigd(alone, "session", "--symbols", "FB")
    assert ran.code == 0, ran.err
    with panel(watched, pool=2, real=True) as served:
        with users_of(Home(watched), CLOCK) as users:
            users._cost = 4
            for number in range(USERS):
                users.add(f"user{number}", Role.VIEWER, WORDS, by="admin")
        began = time.monotonic()
        browsers = [Browser(served, f"user{number}") for number in range(USERS)]
        with ThreadPoolExecutor(4) as threads:
            opened = threads.map(lambda one: Sight(one, "/dashboard"), browsers * PAGES_EACH)
            sights = list(opened)
        figure("20 pages are open after", f"{time.monotonic() - began:.0f} s")
        look = Watch(lambda: str(read_state(Home(watched)) or ""))
        with look, session_of(watched, *PACED) as session:
            assert session.ended().code == 0
            assert len(served.kernels()) >= USERS * PAGES_EACH
            for sight in sights:
                sight.end()
        for sight in sights:
            sight.join()
    took = []
    for (at, state), (until, _) in pairwise(look.seen):
        if state and until - at >= SHOWN_S:
            for sight in sights:
                hits = (when - at for when, found in sight.seen if found == state and when >= at)
                took.append(next(hits, until - at))
    took.sort()
    assert len(took) >= 3 * len(sights)
    p50, p95 = took[len(took) // 2], took[int(0.95 * len(took))]
    figure("a new state on 20 pages, p50 / p95", f"{p50:.2f} / {p95:.2f} s of {len(took)}")
    assert within(p95, 1.0)
    assert outputs(alone)
    assert outputs(watched) == outputs(alone)
