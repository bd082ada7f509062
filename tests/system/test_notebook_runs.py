"""Every notebook of notebooks/ by `rigd run`: papermill, typed parameters, a true exit code."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import nbformat
import pytest

from rigd.config.sources import checkout
from rigd.hosts.request import SessionRequest
from rigd.hosts.runner import parameters_cell
from tests.hosts.homes import demo
from tests.system.processes import run_rigd

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

NOTEBOOKS = sorted(path.name for path in (checkout() / "notebooks").glob("*.ipynb"))
NO_LOG_IN = (
    "a page is built for the log-in that the panel's server binds its kernel to; under papermill "
    "there is none, so that any page is the same empty place, and no page can fail"
)
OLD_CONFIG = """\
brokers:
  - name: ALPACA
    client_id: 4
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """How a notebook is run from the command line.

    Parameters
    ----------
    given
        Parameters that are none of its defaults; ``FOLDER`` in a value is a folder of the test.
    shown
        What the executed copy shows then; its committed outputs, made with the defaults, do not.
    wrong, told
        A value that the notebook itself refuses while it runs, and what is told; none where
        `why_none` says why there is none.
    why_none
        Why nothing of its outputs tells of its parameters.
    """

    given: dict[str, str]
    shown: str = ""
    wrong: tuple[str, str] = ("", "")
    told: str = ""
    why_none: str = ""


def page(name: str) -> Typed:
    """A notebook of the panel: its one parameter is the page to begin with."""
    return Typed(given={"page": name}, why_none=NO_LOG_IN)


TYPED: dict[str, Typed] = {
    "backtest.ipynb": Typed(
        given={"strategy": "open", "symbols": "IBM", "end": "2012-11-02"},
        shown="Backtest of open, 2012-11-01 to 2012-11-02",
        wrong=("strategy", "nonsense"),
        told="nonsense",
    ),
    "configuration.ipynb": page("status"),
    "control_panel.ipynb": page("logs"),
    "logs.ipynb": page("dashboard"),
    "operating.ipynb": Typed(
        given={"config": "FOLDER/config.yaml"},
        shown="brokers[ALPACA].client_id",
        wrong=("config", "FOLDER/none.yaml"),
        told="a file of the old bot must exist",
    ),
    "optimize.ipynb": Typed(
        given={"strategy": "mid", "symbols": "IBM", "lookback_days": "25"},
        shown="Study of mid",
        wrong=("strategy", "nonsense"),
        told="nonsense",
    ),
    "review.ipynb": Typed(
        given={"symbol": "IBM"},
        shown="IBM in session 2012-11-14_1",
        wrong=("session_key", "nonsense"),
        told="a record must be 'latest'",
    ),
    "session.ipynb": Typed(
        given={"request": SessionRequest(symbols=("FB",)).to_json()},
        shown="Symbols FB Strategies",
        wrong=("request", "{}"),
        told="a session request must be what rigd wrote",
    ),
    "settings.ipynb": page("status"),
    "status.ipynb": page("logs"),
    "sweep.ipynb": Typed(
        given={"by": "drawdown", "symbols": "IBM", "entries_a_day": "2"},
        shown="Best by drawdown",
        wrong=("by", "nonsense"),
        told="nonsense",
    ),
    "tune.ipynb": Typed(
        given={"home": "FOLDER/bot"},
        shown="no closed session yet",
        wrong=("home", "FOLDER/config.yaml"),
        told="config.yaml",
    ),
}
"""One line for each notebook."""


def words_of(path: Path) -> str:
    """Return what the outputs of a notebook say, without marks of HTML."""
    texts = [
        output.get("text") or output.data.get("text/html") or output.data.get("text/plain", "")
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "text" in output or "data" in output
    ]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", " ".join(texts)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What parameters point to: a bot without a session, and a file."""
    folder = tmp_path / "folder"
    demo(folder / "bot")
    (folder / "config.yaml").write_text(OLD_CONFIG, encoding="utf-8")
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home without anything."""
    home = tmp_path / "home"
    home.mkdir()
    return home


def test_each_notebook_has_its_line() -> None:
    """A new notebook without a line in TYPED fails; one without a wrong value says why."""
    assert sorted(TYPED) == NOTEBOOKS
    unproven = {name: each.why_none for name, each in TYPED.items() if not each.shown}
    assert all(unproven.values()), unproven
    panel = {
        name
        for name in NOTEBOOKS
        if "panel.open(page)" in (checkout() / "notebooks" / name).read_text(encoding="utf-8")
    }
    assert unproven.keys() == panel


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_each_notebook_runs_by_papermill_with_what_was_typed(
    home: Path, folder: Path, name: str
) -> None:
    """It runs top to bottom and ends with 0; its copy holds the values and what they changed."""
    row = TYPED[name]
    content = json.loads((checkout() / "notebooks" / name).read_text(encoding="utf-8"))
    given = {key: text.replace("FOLDER", str(folder)) for key, text in row.given.items()}
    ran = run_rigd(home, "run", name, *(f"-p{key}={text}" for key, text in given.items()))
    assert ran.code == 0, ran.err
    (path,) = (home / "runs" / "research").glob("*.ipynb")
    assert ran.out.splitlines()[0] == f"executed: {path}"
    copy = nbformat.read(path, as_version=4)
    defaults = parameters_cell(content)
    injected = copy.metadata.papermill.parameters
    assert {key: str(value) for key, value in injected.items()} == given
    assert all(injected[key] != defaults[key] for key in given)
    assert all(cell.execution_count for cell in copy.cells if cell.cell_type == "code")
    if row.shown:
        assert row.shown in words_of(path)
        assert row.shown not in words_of(checkout() / "notebooks" / name)


@pytest.mark.parametrize("name", [name for name in NOTEBOOKS if TYPED[name].told])
def test_a_notebook_that_fails_is_no_success(home: Path, folder: Path, name: str) -> None:
    """A value that the notebook refuses while it runs: code 2, its words, and the copy is named."""
    row = TYPED[name]
    key, text = row.wrong
    ran = run_rigd(home, "run", name, "-p", f"{key}={text.replace('FOLDER', str(folder))}")
    assert ran.code == 2, ran.out
    assert f"{name} must run to its end, papermill ended with 1" in ran.err
    assert row.told in ran.err
    assert f"the executed part: {home / 'runs' / 'research'}" in ran.err


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_an_unknown_parameter_is_refused_before_the_run(home: Path, name: str) -> None:
    """`rigd run` of any notebook ends with 2 and leaves nothing behind."""
    ran = run_rigd(home, "run", name, "-p", "nonsense=1")
    assert ran.code == 2
    assert f"must be declared in notebooks/{name}, was nonsense" in ran.err
    assert list(home.iterdir()) == []
