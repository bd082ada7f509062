"""An operator's first day, by a browser alone: register, configure, start, watch, stop, kill.

Nothing but the console's first lines and the panel's pages is used; what happened is then read from
the files and from the broker's own record. Screenshots lie in ``.pytest_cache/screenshots/day``.
"""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING

import pytest

from rigd.config.sources import checkout
from rigd.core.lifecycle import BotState
from tests.system.accounts import EARLY, standing
from tests.system.browser import browser_page
from tests.system.processes import free_port, system_rows, wait_until
from tests.system.timing import within
from tests.system.up_process import up

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.system.browser import Page
    from tests.system.up_process import Up

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

SCREENSHOTS = checkout() / ".pytest_cache" / "screenshots" / "day"
NAME, WORDS = "ada", "four unlikely words together"
TOKEN = re.compile(r"with this token.*: (\S+)")
BODY = "document.querySelector('.rigd-body').innerText"


def type_into(page: Page, selector: str, text: str, place: int = 0) -> None:
    """Click into a field, clear it, and type."""
    found = f"[...document.querySelectorAll({json.dumps(selector)})][{place}]"
    page.wait_for(selector, f"!!{found}")
    page.value(f"{found}.focus(); {found}.select()")
    page.ask("Input.insertText", text=text)


def press(page: Page, text: str) -> None:
    """Press the button that says a text, once it can be pressed."""
    every = "[...document.querySelectorAll('button')]"
    shown = f"{every}.find(e => e.innerText.trim() === {text!r} && e.offsetParent)"
    page.wait_for(f"{text} can be pressed", f"!!{shown} && !{shown}.disabled")
    page.click("button", text)


def opens(page: Page, title: str) -> None:
    """Go to a page by the menu."""
    page.click(".nav", title)
    page.wait_for(title, f"document.querySelector('.rigd-head h1')?.innerText === {title!r}")


def says(page: Page, text: str, seconds: float = 60.0) -> None:
    """Wait until the page shows a text."""
    page.wait_for(text, f"{BODY}.toLowerCase().includes({text.lower()!r})", seconds)


def register(page: Page, running: Up, address: str) -> None:
    """Make the first administrator with the token of the console, and log in."""
    token = TOKEN.search(running.console)
    assert token is not None
    page.open(address)
    page.wait_for("the form", "!!document.querySelector('input[name=token]')")
    page.screenshot(SCREENSHOTS / "1_register.png")
    for name, text in (
        ("token", token[1]),
        ("username", NAME),
        ("password", WORDS),
        ("again", WORDS),
    ):
        type_into(page, f"input[name={name}]", text)
    press(page, "Register")
    page.wait_for(
        "the log-in", "location.pathname.includes('login') && document.readyState === 'complete'"
    )
    for name, text in (("username", NAME), ("password", WORDS)):
        type_into(page, f"input[name={name}]", text)
    page.screenshot(SCREENSHOTS / "2_log_in.png")
    press(page, "Sign in")
    page.wait_for("the panel", "!!document.querySelector('.rigd-body .cards')")


def configure(page: Page) -> None:
    """Change the settings so that a session holds a position early and for long."""
    opens(page, "Settings")
    for number, (key, value) in enumerate(EARLY, start=1):
        type_into(page, "input[placeholder^='key:']", key)
        page.wait_for("its meaning", "!!document.querySelector('.rigd-body p.s')")
        type_into(page, "input[placeholder='new value']", value)
        press(page, "Add change")
        rows = "document.querySelectorAll('.rigd-body ins').length"
        page.wait_for(f"{number} changes", f"{rows} === {number}")
    type_into(page, "input[placeholder^='why']", "a position early")
    page.screenshot(SCREENSHOTS / "3_configure.png")
    press(page, "Send changes")
    press(page, "Confirm changes")


def test_a_first_day_by_the_panel_alone(tmp_path: Path, figure: Callable[[str, str], None]) -> None:
    """Issue of the panel: empty machine, register, configure, start, watch, stop; and a kill."""
    home, port = tmp_path / "home", free_port()
    address = f"http://127.0.0.1:{port}/"
    with up(home, panel=port) as running, browser_page(tmp_path / "profile") as page:
        wait_until("the panel", lambda: "token" in running.console and address in running.console)
        register(page, running, address)
        configure(page)
        says(page, "; saved")

        opens(page, "Dashboard")
        press(page, "Start bot")
        press(page, "Confirm start")
        running.session.wait_for_positions()
        says(page, "monitoring")
        page.wait_for("a position", f"!{BODY}.includes('no open position')")
        page.wait_for("a chart", "!!document.querySelector('[data-drawn=yes]')")
        page.screenshot(SCREENSHOTS / "4_trading.png")

        press(page, "Stop (graceful)")
        press(page, "Confirm stop")
        asked = time.monotonic()
        running.wait_for(BotState.GRACEFUL_CLOSING, BotState.STOPPED, seconds=20.0)
        figure("a press of Stop to closing", f"{time.monotonic() - asked:.2f} s")
        running.wait_for(BotState.STOPPED)
        says(page, "waits for start")
        page.screenshot(SCREENSHOTS / "5_stopped.png")
        assert standing(home) == {}

        press(page, "Start bot")
        press(page, "Confirm start")
        wait_until(
            "a second session", lambda: len(list(running.session.folder.parent.iterdir())) > 1
        )
        running.session.wait_for_positions()
        assert standing(home) != {}
        type_into(page, ".kill-word input", "KILL")
        press(page, "Kill now")
        asked = time.monotonic()
        wait_until("a flat account", lambda: standing(home) == {}, 20.0)
        took = time.monotonic() - asked
        figure("a press of Kill to flat", f"{took:.2f} s")
        assert within(took, 5.0)
        running.wait_for(BotState.STOPPED)
        page.screenshot(SCREENSHOTS / "6_killed.png")

        opens(page, "Books")
        says(page, "balanced")
        page.screenshot(SCREENSHOTS / "7_books.png")
        page.click("a", "Sign out")
        page.wait_for("the question", "location.pathname.includes('logout')")
        press(page, "Sign out")
        page.wait_for("the log-in", "location.pathname.includes('login')")
        done = [row["event"] for row in system_rows(home, "user_activity_monitoring.log")]
        assert done.count("allowed") >= 5
        assert all(each.startswith((address, "data:", "blob:", "ws:")) for each in page.requests)
