"""Logs are written once and processed by the reporting package alone (L41)."""

from __future__ import annotations

import ast
import os
import sys
from typing import TYPE_CHECKING

import pytest

from rigd.hosts.panel import downloads
from rigd.reporting import shown_logs
from rigd.store.registry import OUTPUTS, Format
from tests.hosts.homes import bot_of, demo, listing
from tests.house.tree import called, dotted, imported, modules, walk
from tests.widgets.world import world
from widgets.logs import Logs

if TYPE_CHECKING:
    from pathlib import Path

PRODUCT = modules("rigd", "widgets")
REPORTING = "rigd/reporting/"
TABLE = "rigd/store/registry.py"

LOGS = {
    row.name.removeprefix("session/"): row.writer for row in OUTPUTS if row.format is Format.LINES
}
"""Each log with its one writer."""

NAMED = {
    ("rigd/hosts/engine_run.py", "heartbeat.log"): "appends the watchdog's line for it",
    ("rigd/hosts/kill.py", "broker_api.log"): "says which file could not be written",
    ("rigd/hosts/kill.py", "operator_audit.log"): "says which file could not be written",
}
"""Other modules that name a log, with the reason."""

READING = frozenset({"read", "path", "read_text", "read_bytes", "open", "rotated"})


def names_log(node: ast.AST) -> str:
    """The log that a literal names, blank for none."""
    value = node.value if isinstance(node, ast.Constant) else None
    name = value.removeprefix("session/") if isinstance(value, str) else ""
    return name if name in LOGS else ""


def reads(node: ast.AST, constants: frozenset[str] = frozenset()) -> bool:
    """Tell whether a call reads a log, named as a literal or by one of the constants."""
    if not isinstance(node, ast.Call) or called(node).rpartition(".")[2] not in READING:
        return False
    return any(
        names_log(argument) or (isinstance(argument, ast.Name) and argument.id in constants)
        for argument in node.args
    )


def constants_of(module: str) -> frozenset[str]:
    """The names that a module gives to a log."""
    return frozenset(
        target.id
        for node in walk(module)
        if isinstance(node, ast.Assign) and names_log(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    )


@pytest.mark.parametrize(
    "code", ["registry.read('open.log')", "outputs.path('stop_log')", "rotated(LOG)", "open(LOG)"]
)
def test_the_finder_finds(code: str) -> None:
    """The rule knows each way to get at a log's lines."""
    assert any(reads(node, frozenset({"LOG"})) for node in ast.walk(ast.parse(code)))


def test_appending_is_no_reading() -> None:
    """A writer names its log as well."""
    code = "registry.append_line('open.log', line, writer=WRITER)"
    assert not any(reads(node) for node in ast.walk(ast.parse(code)))


def test_no_log_is_named_outside_reporting_but_by_its_writer() -> None:
    """L41: who is neither of the reporting package nor a log's one writer does not know it."""
    named = {
        (module, log)
        for module in PRODUCT
        if module != TABLE and not module.startswith(REPORTING)
        for node in walk(module)
        if (log := names_log(node)) and dotted(module) != LOGS[log]
    }
    assert named == set(NAMED)


def test_no_log_is_read_back_outside_reporting() -> None:
    """L41: no other module processes a log, not even the one that wrote it."""
    found = []
    for module in PRODUCT:
        if not module.startswith(REPORTING):
            known = constants_of(module)
            found += [f"{module}:{node.lineno}" for node in walk(module) if reads(node, known)]
    assert not found, "\n".join(found)
    openers = [m for m in PRODUCT if "rigd.store.rotation" in imported(m)]
    assert openers == [TABLE], "a log is opened and rotated by the registry alone"


def test_reporting_reads_a_log_only_to_go_on_after_its_last_row() -> None:
    """L40, L41: a log is made from the journal, never from another log."""
    found = {
        module
        for module in PRODUCT
        if module.startswith(REPORTING)
        for node in walk(module)
        if isinstance(node, ast.Call) and called(node).endswith("outputs.read")
    }
    allowed = {"appending.py", "broker_api.py", "logs.py", "trading_log.py", "tuning.py"}
    assert {module.removeprefix(REPORTING) for module in found} == allowed


CHANGING = frozenset({
    *("os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink"),
    *("os.truncate", "os.utime", "subprocess.Popen"),
})
"""Audit events of Python for what changes a disk, beside opening a file to write."""

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Audit:
    """Hears what changes a disk while a test listens; its hook can never be taken away again."""

    def __init__(self) -> None:
        self.listens = False
        self.heard: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, values: tuple[object, ...]) -> None:
        if not self.listens:
            return
        if event in CHANGING:
            self.heard.append(f"{event} {values[0]}")
        elif event == "open" and isinstance(values[2], int) and values[2] & WRITING:
            self.heard.append(f"open {values[0]} {values[1]}")


@pytest.fixture(scope="module")
def audit() -> Audit:
    return Audit()


@pytest.fixture
def heard(audit):
    """What changes a disk while the test runs."""
    audit.heard.clear()
    audit.listens = True
    yield audit.heard
    audit.listens = False


def test_the_reader_of_logs_never_writes(heard, tmp_path: Path) -> None:
    """P9: the list, the rows of every shown file and its download open files to read, no more."""
    home = demo(tmp_path / "home")
    identity = bot_of(home).identity
    for row in shown_logs.shown_outputs():
        path = home.runs / row.path_template.format(bot=identity)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'{{"event":"{row.name}","level":"INFO"}}\n')
    (home.bot(identity).sessions).mkdir()
    assert heard, "the audit must hear what a test writes"
    before = listing(home.root)
    heard.clear()
    files = shown_logs.listing(home, identity)
    for file in files:
        (line,) = shown_logs.tail(shown_logs.path_of(home, identity, file.name), 10)
        assert line.event == file.name
        assert file.name.encode() in downloads.log(home, file.name)
    assert heard == []
    assert len(files) == len(shown_logs.shown_outputs())
    assert listing(home.root) == before


def test_the_page_of_logs_never_writes(heard, tmp_path: Path) -> None:
    """P9: building the page, reading and drawing it."""
    made = world(tmp_path)
    made.write("open.log", '{"event":"x"}\n')
    page = made.page(Logs)
    heard.clear()
    page.filter.value = "x"
    page.draw(page.read())
    assert heard == []
