"""S09: every text of every page is text, in a real browser; sixty texts that would run as markup.

A page is first found to show all of them; then nothing of them ran, and none became an element.
"""

from __future__ import annotations

import base64
import csv
import io
import json
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from rigd.access.directory import users_of
from tests.system.browser import browser_page
from tests.system.hostile import IN_ACCOUNT_ID, ONE_LINE, SHORT, hostile
from tests.system.pages import LISTED, go_to, is_shown, open_panel, served
from tests.system.panel import CLOCK, WORDS, Browser
from tests.system.panel import panel as serving
from tests.system.payloads import PAYLOADS, PRESSED, RUN, count_hits, hidden, hits, markup_of
from tests.system.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from tests.system.browser import Page
    from tests.system.panel import Served
    from tests.widgets.world import World

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

PEOPLE = """
from tests.system.hostile import EVERYTHING, PAYLOADS
NAME, NAMES = EVERYTHING, PAYLOADS
requests.reply = FakeAnswer(EVERYTHING, done=False)
"""
SINKS: dict[str, dict[str, Sequence[str]]] = {
    "dashboard": {
        ".rigd-body .card": PAYLOADS,
        ".rigd-body .waiting .control": PAYLOADS,
        ".rigd-body .piled > .pane:nth-child(1) td": PAYLOADS,
        ".rigd-body .piled > .pane:nth-child(2) td": PAYLOADS,
        ".rigd-body .orders > .pane td": PAYLOADS,
        ".rigd-body .side td": PAYLOADS,
    },
    "status": {
        ".rigd-body .waiting .control": PAYLOADS,
        ".rigd-body .cols.three:first-child .facts": PAYLOADS,
        ".rigd-body .cols.three td": PAYLOADS,
        ".rigd-body .dense .facts .k": PAYLOADS,
        ".rigd-body .dense .facts .w": PAYLOADS,
    },
    "logs": {
        ".rigd-body .log .ev": PAYLOADS,
        ".rigd-body .log .at": PAYLOADS,
        ".rigd-body .log .lv": PAYLOADS,
        ".rigd-body .log .tx": [text for text in PAYLOADS if "\n" not in text],
    },
    "books": {".rigd-body .card": [IN_ACCOUNT_ID]},
    "coa": {".rigd-body .pane:not(.side) td": SHORT, ".rigd-body .side td": PAYLOADS},
    "proposals": {
        ".rigd-body .pane:nth-child(1) td": PAYLOADS,
        ".rigd-body select option": PAYLOADS,
        ".rigd-body .cols > div:nth-child(1) td": PAYLOADS,
        ".rigd-body .cols > div:nth-child(2) .facts .k": PAYLOADS,
        ".rigd-body .cols > div:nth-child(2) .facts .w": PAYLOADS,
        ".rigd-body .cols > div:nth-child(3) td": PAYLOADS,
        ".rigd-body .cols > div:nth-child(4) td": PAYLOADS,
    },
    "universe": {
        ".rigd-body .cols .facts": PAYLOADS,
        ".rigd-body .cols td": PAYLOADS,
        ".rigd-body .pane .pane-head": PAYLOADS,
        ".rigd-body > * > .pane th": PAYLOADS,
        ".rigd-body > * > .pane td": PAYLOADS,
    },
    "settings": {},
    "configuration": {".rigd-body .facts": PAYLOADS},
    "test": {".rigd-body .side td": PAYLOADS, ".rigd-body .log .tx": PAYLOADS},
    "users": {".rigd-body td": PAYLOADS, ".rigd-body select option": PAYLOADS},
    "account": {".rigd-body .facts": PAYLOADS, ".rigd-nav .who b": PAYLOADS},
}
"""Where each page shows them."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The hostile home."""
    return hostile(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def panel(made: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The panel over it, in a browser that counts what is run."""
    folder = tmp_path_factory.mktemp("panel")
    with served(made.home.root, folder, PEOPLE) as address, browser_page(folder / "p") as page:
        count_hits(page)
        open_panel(page, address)
        yield page


def shows_all(page: Page, selector: str, texts: Iterable[str] = PAYLOADS) -> None:
    """Wait until all texts are seen below a selector."""
    wanted = list(texts)
    try:
        wait_until("the texts", lambda: not hidden(page, selector, wanted))
    except AssertionError:
        pytest.fail(f"not seen below {selector}: {hidden(page, selector, wanted)}")


def is_clean(page: Page) -> None:
    """Nothing ran and nothing became an element."""
    assert hits(page) == []
    assert markup_of(page) == []


@pytest.mark.parametrize("name", [row.name for row in LISTED])
def test_a_page_shows_every_text_as_text(panel: Page, name: str) -> None:
    """Each place of each page; what a page shows nowhere is not in the table above."""
    go_to(panel, next(row.title for row in LISTED if row.name == name))
    for selector, texts in SINKS[name].items():
        shows_all(panel, selector, texts)
    is_clean(panel)


def test_the_books_show_every_text_as_text(panel: Page) -> None:
    """Both pages of the entries: symbols, strategies and what the broker calls them."""
    go_to(panel, "Books")
    for _ in range(2):
        panel.wait_for("entries", "document.querySelectorAll('.rigd-body .entries tr').length > 9")
    newest = ONE_LINE[::-1][:40]
    shows_all(panel, ".rigd-body .entries td", newest)
    panel.click(".rigd-body button", "Older")
    shows_all(panel, ".rigd-body .entries td", ONE_LINE[: len(ONE_LINE) - 40])
    is_clean(panel)


def type_into(page: Page, placeholder: str, text: str) -> None:
    """Put a text into a field as a person does."""
    field = f"document.querySelector('.rigd-body input[placeholder^={json.dumps(placeholder)}]')"
    page.wait_for(placeholder, f"!!{field}")
    page.value(f"{field}.focus(); {field}.select()")
    page.ask("Input.insertText", text=text)


def test_what_is_typed_comes_back_as_text(panel: Page) -> None:
    """The difference and the refusal of a setting, and the name of a new account."""
    go_to(panel, "Settings")
    panel.wait_for("keys", "document.querySelectorAll('.rigd-body datalist option').length > 50")
    type_into(panel, "key", "DEBUG_LOG_LEVEL")
    panel.wait_for("the key's text", "document.body.innerText.includes('DEBUG_LOG_LEVEL')")
    type_into(panel, "new value", " ".join(ONE_LINE))
    panel.click(".rigd-body button", "Add change")
    shows_all(panel, ".rigd-body ins", ONE_LINE)
    is_clean(panel)
    go_to(panel, "Chart of accounts")
    for number, text in enumerate(SHORT[:12]):
        type_into(panel, "number", str(5800 + number))
        type_into(panel, "name", text)
        panel.click(".rigd-body button", "Add or rename")
        shows_all(panel, ".rigd-body ins", [text])
    is_clean(panel)


def test_what_the_supervisor_answers_is_text(panel: Page) -> None:
    """An answer may hold what a broker said; it stands beside the button."""
    go_to(panel, "Status")
    panel.click(".rigd-body .waiting button", "Acknowledge")
    shows_all(panel, ".rigd-body .waiting .told")
    is_clean(panel)


def test_a_halted_bot_says_why_in_text(made: World, panel: Page) -> None:
    """The page that opens by itself: reason, last closing, last errors."""
    go_to(panel, "Dashboard")
    made.state("error")
    is_shown(panel, "Halted")
    for selector in (".facts", "td", ".log .ev", ".log .tx"):
        shows_all(panel, f".rigd-body {selector}")
    is_clean(panel)
    made.state("trading")
    is_shown(panel, "Dashboard")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The panel's own server over a hostile home."""
    made = hostile(tmp_path_factory.mktemp("served"))
    with serving(made.home.root, real=True) as running:
        yield running


@contextmanager
def browser_of(server: Served, name: str, profile: Path) -> Iterator[Page]:
    """A real browser that is logged in as a user."""
    person = Browser(server, name)
    with browser_page(profile) as page:
        count_hits(page)
        for each in person.http.cookies:
            page.ask("Network.setCookie", name=each.name, value=each.value, url=server.url)
        yield page
    person.post("/logout")


def test_an_address_of_a_page_shows_every_text_as_text(server: Served, tmp_path: Path) -> None:
    """Deep links of the panel's own server: the page that the address names, with its headers."""
    with browser_of(server, "operator", tmp_path / "profile") as page:
        for address, title, selector in (
            ("/logs", "Logs", ".rigd-body .log .ev"),
            ("/universe", "Universe", ".rigd-body .cols .facts"),
        ):
            page.open(f"{server.url}{address}")
            is_shown(page, title)
            shows_all(page, selector)
            is_clean(page)


def test_files_that_are_handed_out_are_no_pages(server: Served, tmp_path: Path) -> None:
    """The chart as JSON is shown as text; every other file is kept and not shown.

    OFX takes no symbol of more than 32 characters: there is no such file of these books.
    """
    operator = Browser(server, "auditor")
    kept = ["/coa/export", "/download/log/main_bot.log", "/download/log/test_mode.log"]
    kept += [f"/download/books/{form}" for form in ("beancount", "csv", "json")]
    for path in kept:
        answer = operator.get(path)
        assert answer.status_code == 200, path
        assert "hit(" in answer.text, path
        assert answer.headers["Content-Disposition"].startswith("attachment;"), path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert "html" not in answer.headers["Content-Type"], path
    assert operator.get("/download/books/ofx").status_code == 404
    table = list(csv.reader(io.StringIO(operator.get("/coa/export").text)))
    assert not [cell for row in table for cell in row if cell.startswith(tuple("=+-@\t"))]
    with browser_of(server, "auditor", tmp_path / "profile") as page:
        page.open(f"{server.url}/coa/api")
        names = [text for text in SHORT if '"' not in text]
        shows_all(page, "body", names)
        assert hits(page) == []
        assert page.value("document.querySelectorAll('img, svg, script, iframe').length") == 0


def test_no_address_comes_back_in_an_answer(server: Served) -> None:
    """A missing page, and a log-in that should lead on to somewhere."""
    for text in PAYLOADS:
        said = quote(text, safe="")
        person = Browser(server)
        for path in (f"/{said}", f"/login?next={said}", f"/reset?{said}={said}", f"/coa/{said}"):
            assert "hit" not in person.get(path).text, path
    viewer = Browser(server)
    for text in ("javascript:hit(1)", "//evil.example", "/\\evil.example", "https://evil.example"):
        fields = {"username": "viewer", "password": WORDS}
        answer = viewer.post(f"/login?next={quote(text, safe='')}", **fields)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/"), text
    viewer.post("/logout")


def test_a_refused_name_stands_in_its_form_as_text(tmp_path: Path) -> None:
    """The registration tells what it found in the name's field."""
    with serving(tmp_path / "home", roles=False) as server:
        with users_of(server.home, CLOCK) as users:
            token = users.offer_registration()
        with browser_page(tmp_path / "profile") as page:
            count_hits(page)
            page.open(f"{server.url}/register")
            page.wait_for("the form", "document.forms.length === 1")
            given = {
                "token": token,
                "username": " ".join(ONE_LINE),
                "password": WORDS,
                "again": WORDS,
            }
            page.value(
                f"Object.entries({json.dumps(given)}).forEach(([name, value]) =>"
                " { document.forms[0][name].value = value; }); document.forms[0].submit()"
            )
            shows_all(page, ".problem", [text for text in ONE_LINE if not {"'", "\\"} & set(text)])
            is_clean(page)


def is_caught(page: Page, number: int) -> bool:
    """Whether a text ran, or is an element that waits for a press."""
    if number in RUN:
        return bool(page.value(f"(window.hits ?? []).includes({number})"))
    return any(f"hit({number})" in element for element in markup_of(page))


def test_each_text_runs_where_a_page_is_careless(tmp_path: Path) -> None:
    """What the other tests rest on: put in raw these run, or are found as elements."""
    quiet = []
    with browser_page(tmp_path / "profile") as page:
        count_hits(page)
        for number, text in enumerate(PAYLOADS[: PRESSED.stop - 1], start=1):
            raw = base64.b64encode(f"<main>{text}</main>".encode()).decode()
            page.open(f"data:text/html;base64,{raw}")
            try:
                wait_until(text, partial(is_caught, page, number), 10)
            except AssertionError:
                quiet.append(text)
    assert quiet == []
