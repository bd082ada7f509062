"""JupyterLab for research, as a person meets it: by its address, the launcher, and a notebook.

The screenshots that the tests take lie in ``.pytest_cache/screenshots``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel

from rigd.config.sources import checkout
from rigd.hosts.optimize.trials import trials_in
from rigd.store.paths import Home
from tests.system.browser import Page, browser_page
from tests.system.lab import SECRET, Lab, lab_of
from tests.system.processes import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

SCREENSHOTS = checkout() / ".pytest_cache" / "screenshots"
RESEARCH = checkout() / "runs" / "research"
ENTRIES = ("New backtest", "New sweep", "New optimisation", "New tuning", "Review a session")


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


def open_new(page: Page, lab: Lab, entry: str) -> Path:
    """Press an entry of the launcher; return the notebook that it made, its kernel idle."""
    before = set(RESEARCH.glob("*.ipynb"))
    page.open(lab.address + "&reset")
    page.wait_for("the launcher", f"document.body.innerText.includes({entry!r})")
    page.screenshot(SCREENSHOTS / "lab-launcher.png")
    page.click(".jp-LauncherCard", entry)
    page.wait_for("the notebook", "!!document.querySelector('.jp-Notebook .jp-CodeCell')")
    page.wait_for(
        "the kernel", "document.querySelector('#jp-main-statusbar').innerText.includes('Idle')"
    )
    (made,) = set(RESEARCH.glob("*.ipynb")) - before
    return made


def type_below(page: Page, line: str, typed: str) -> None:
    """Put lines below one of the parameters cell."""
    page.click(".jp-CodeCell .cm-line", line)
    for kind in ("keyDown", "keyUp"):
        page.ask("Input.dispatchKeyEvent", type=kind, key="End", windowsVirtualKeyCode=35)
    page.ask("Input.insertText", text="\n" + typed)


def run_all(page: Page, made: Path) -> str:
    """Run a notebook from top to bottom by the menu; return what the page shows of it."""
    cells = len([c for c in nbformat.read(made, as_version=4).cells if c.cell_type == "code"])
    page.click(".lm-MenuBar-itemLabel", "Run")
    page.click(".lm-Menu-itemLabel", "Run All Cells")
    last = (
        "document.querySelector('.jp-Notebook').scrollTo(0, 1e9),"  # what is far off is not drawn
        f"[...document.querySelectorAll('.jp-InputPrompt')].some(e => e.innerText == '[{cells}]:')"
    )
    page.wait_for("the last cell", last, seconds=300)
    shown = page.value("document.querySelector('.jp-Notebook').innerText")
    assert isinstance(shown, str)
    assert "Traceback" not in shown, shown
    return shown


def look_at(page: Page, selector: str, name: str) -> None:
    """Bring an output into view and keep a picture of it."""
    page.wait_for(selector, f"!!document.querySelector({selector!r})")
    page.value(f"document.querySelector({selector!r}).scrollIntoView()")
    page.screenshot(SCREENSHOTS / f"{name}.png")


def test_a_new_notebook_comes_from_the_launcher(
    lab: Lab, tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """The entry opens a copy without outputs in runs/research, which runs from top to bottom.

    With `interactive = True`, as its parameters say, the plots of Bokeh are there; nothing is asked
    of any other host.
    """
    with browser_page(tmp_path) as page:
        made = open_new(page, lab, "New backtest")
        try:
            notebook = nbformat.read(made, as_version=4)
            assert made.name.startswith("backtest")
            assert notebook.metadata.kernelspec.name == "rigd-research"
            assert [c for c in notebook.cells if c.get("outputs") or c.get("execution_count")] == []
            page.screenshot(SCREENSHOTS / "lab-backtest-new.png")
            type_below(page, "# whether to show the plots of Bokeh", "interactive = True")
            run_all(page, made)
            page.screenshot(SCREENSHOTS / "lab-backtest-end.png")
            look_at(page, ".jp-OutputArea-output svg", "lab-backtest-equity")
            look_at(page, ".jp-OutputArea-output .bk-Column", "lab-backtest-bokeh")
            page.value("document.querySelectorAll('.jp-OutputArea-output')[1].scrollIntoView()")
            shown = "document.querySelector('.jp-Notebook').innerText"
            page.wait_for("the figures", f"{shown}.includes('Sharpe')")
            page.screenshot(SCREENSHOTS / "lab-backtest-figures.png")
        finally:
            made.unlink()
        foreign = [url for url in page.requests if not url.startswith((lab.root, "data:", "blob:"))]
    assert set(foreign) <= {"about:blank"}
    figure("screenshots of JupyterLab", str(SCREENSHOTS.relative_to(checkout())))


def test_the_launcher_shows_its_entries_first(lab: Lab, tmp_path: Path) -> None:
    """A new user meets the five kinds of research before any bare notebook."""
    with browser_page(tmp_path) as page:
        page.open(lab.address + "&reset")
        cards = "[...document.querySelectorAll('.jp-LauncherCard')].map(e => e.innerText.trim())"
        page.wait_for("the entries", f"{cards}.includes('Review a session')")
        shown = page.value(cards)
    assert shown[: len(ENTRIES)] == list(ENTRIES)


def test_from_a_sweep_to_a_proposal(lab: Lab, tmp_path: Path) -> None:
    """By clicking, and typing the lines that the sweep's last cells print: a proposal waits."""
    made = []
    try:
        with browser_page(tmp_path / "sweep") as page:
            made.append(open_new(page, lab, "New sweep"))
            type_below(page, "# whether to show the heat map of Bokeh", "interactive = True")
            shown = run_all(page, made[-1])
            page.screenshot(SCREENSHOTS / "lab-sweep-end.png")
            look_at(page, ".jp-OutputArea-output svg", "lab-sweep-map")
            look_at(page, ".jp-OutputArea-output .bk-Figure", "lab-sweep-bokeh")
        lines = re.findall(r'^(?:strategy|levels|home) = ".*"', shown, re.MULTILINE)
        told = [line for line in lines if "#" not in line][-3:]
        assert [line.partition(" ")[0] for line in told] == ["strategy", "levels", "home"]
        typed = "\n".join([*told, 'propose_as = "ada"'])
        with browser_page(tmp_path / "study") as page:
            made.append(open_new(page, lab, "New optimisation"))
            type_below(page, "# who proposes the result", typed)
            shown = run_all(page, made[-1])
            page.value("document.querySelector('.jp-Notebook').scrollTo(0, 1e9)")
            page.screenshot(SCREENSHOTS / "lab-proposal.png")
        assert "proposal 1 by ada" in shown
        home = Home(Path(told[-1].partition('"')[2].rstrip('"')))
        swept, *studied = trials_in(home)
        assert swept.made == 30
        assert {each.strategy for each in studied} == {swept.strategy}
    finally:
        for path in made:
            path.unlink()


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
