"""The panel's chart of accounts over HTTP, role by role (document 070, test_coa_web_endpoints)."""

from __future__ import annotations

import csv
import io
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from rigd.hosts.chart_of_accounts import save_version
from rigd.ledger.chart_versions import TEMPLATE, document
from tests.fakes.clock import FakeClock
from tests.flags import run_by_hand
from tests.system.panel import Browser, Served, panel
from tests.widgets.world import BOT

if TYPE_CHECKING:
    from collections.abc import Iterator

READERS = ("auditor", "operator", "admin")
ENDPOINTS = ("/coa", "/coa/api", "/coa/export")
EDITED = {1030: "Cash at the broker", 5095: "Audit fees"}
"""An account that a saved version calls otherwise, and one that came to the chart."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A panel with one user of each role, over a home whose chart was edited once."""
    with panel(tmp_path_factory.mktemp("coa")) as running:
        held = json.loads(document(TEMPLATE)) | {"version": 2, "follows": 1}
        names = {each["number"]: each["name"] for each in held["accounts"]} | EDITED
        held["accounts"] = [{"number": number, "name": names[number]} for number in names]
        bot = SimpleNamespace(home=running.home, identity=BOT)
        save_version(bot, json.dumps(held), "a new auditor", FakeClock())
        yield running


@pytest.mark.parametrize("path", ENDPOINTS)
def test_nobody_and_a_viewer_are_kept_out(served: Served, path: str) -> None:
    """Without a log-in: the form to log in. A viewer may not read the books: forbidden."""
    answer = Browser(served).get(path)
    assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (302, "/login")
    refused = Browser(served, "viewer").get(path)
    assert refused.status_code == 403
    assert "1030" not in refused.text


@pytest.mark.parametrize("role", READERS)
def test_a_reader_gets_the_chart_with_its_edits(served: Served, role: str) -> None:
    """Both forms hold the template's accounts with the saved names, and say the version."""
    expected = {a.number: EDITED.get(a.number, a.name) for a in TEMPLATE.accounts} | EDITED
    browser = Browser(served, role)
    told = browser.get("/coa/api")
    assert told.headers["Content-Type"].startswith("application/json")
    chart = told.json()
    assert (told.status_code, chart["version"]) == (200, 2)
    assert {account["number"]: account["name"] for account in chart["accounts"]} == expected
    exported = browser.get("/coa/export")
    assert exported.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(exported.text)))
    assert {int(row["number"]): row["name"] for row in rows} == expected
    assert {row["version"] for row in rows} == {"2"}


def test_the_page_opens_for_a_reader(served: Served) -> None:
    """A page of its own with a kernel behind it, no code cell in it."""
    browser = Browser(served, "auditor")
    assert browser.open("/coa")
    assert "button.on_click" not in browser.get("/coa").text


@pytest.mark.parametrize("path", ENDPOINTS)
def test_nobody_writes_through_them(served: Served, path: str) -> None:
    """Edits are requests of the page: the addresses take GET alone, from an admin as well."""
    admin = Browser(served, "admin")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert admin.send(method, path).status_code in {403, 405}, method


if __name__ == "__main__":
    raise SystemExit(run_by_hand(__file__))
