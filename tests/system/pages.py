"""The panel's pages by plain Voila under a made-up log-in, for a real browser to look at.

The log-in itself is tested with the panel's own server. Plain Voila sends no policy against
scripts, so that nothing but the pages themselves keeps a text from being run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import bokeh
import nbformat

from rigd.config.sources import HOME_VARIABLE, checkout
from tests.system.processes import free_port, wait_until
from widgets.pages import PAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.browser import Page

LISTED = [row for row in PAGES if row.listed]
MADE_UP = """
from contextlib import contextmanager
from rigd.access.roles import Role
from rigd.config.sources import rigd_home
from rigd.store.paths import Home
from tests.widgets.world import FakeAnswer, FakePeople, FakeRequests, FakeSession, user
from widgets import router
ROLE, NAME, NAMES = Role.ADMIN, "ada", ["vera"]
requests = FakeRequests()
@contextmanager
def people():
    yield FakePeople([user(NAME, ROLE), *(user(name, Role.VIEWER) for name in NAMES)])
"""
SHOW = "router.show(FakeSession(ROLE, NAME), requests, Home(rigd_home()), people=people)"
TEMPLATE = """{%- extends 'voila/templates/lab/index.html.j2' -%}
{%- block notebook_css -%}
  {{ resources.include_js("static/voila-style.js") if frontend == "voila" }}
  {{ spinner.css() }}
{%- endblock notebook_css -%}
"""


@contextmanager
def served(home: Path, folder: Path, changes: str = "") -> Iterator[str]:
    """Serve the panel over a home; yield its address.

    Parameters
    ----------
    home
        Whose files are shown.
    folder
        For the server's own files.
    changes
        Python lines that change what is made up: the log-in, other users, the supervisor's answer.
    """
    share = folder / "share" / "voila" / "templates" / "rigd"
    (share / "static").mkdir(parents=True)
    (share / "conf.json").write_text('{"base_template": "lab"}')
    (share / "index.html.j2").write_text(TEMPLATE)
    script = Path(bokeh.__file__).parent / "server" / "static" / "js" / "bokeh.min.js"
    shutil.copyfile(script, share / "static" / "bokeh.min.js")
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(f"{MADE_UP}\n{changes}\n{SHOW}")]
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "python3"}
    site = folder / "site"
    site.mkdir()
    nbformat.write(notebook, site / "panel.ipynb")
    port = free_port()
    command = [sys.executable, "-m", "voila", str(site / "panel.ipynb"), "--no-browser"]
    command += [f"--port={port}", "--template=rigd", "--theme=dark"]
    variables = {"JUPYTER_PATH": str(folder / "share"), "PYTHONPATH": str(checkout())}
    with (folder / "voila.log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            command,
            env={**os.environ, **variables, HOME_VARIABLE: str(home)},
            cwd=site,
            stdout=log,
            stderr=log,
        )
    try:
        wait_until("voila", lambda: "running at" in (folder / "voila.log").read_text())
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(timeout=30)


def open_panel(page: Page, address: str) -> None:
    """Open the panel and wait until its first page is there."""
    page.open(address)
    page.wait_for("the panel", "!!document.querySelector('.rigd-body .pane')")


def is_shown(page: Page, title: str) -> None:
    """Wait until a page is open and filled."""
    page.wait_for(title, f"document.querySelector('.rigd-head h1')?.innerText === {title!r}")
    filled = "document.querySelector('.rigd-body .pane, .rigd-body .cards, .rigd-body .log-pane')"
    page.wait_for(f"{title} filled", f"!!{filled} && {filled}.innerText.length > 2")


def go_to(page: Page, title: str) -> None:
    """Open a page by its link."""
    page.click(".nav", title)
    is_shown(page, title)
