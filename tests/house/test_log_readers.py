"""Logs are written once and processed by the reporting package alone (L41)."""

from __future__ import annotations

import ast

import pytest

from rigd.store.registry import OUTPUTS, Format
from tests.house.tree import called, dotted, imported, modules, walk

PRODUCT = modules("rigd", "widgets")
REPORTING = "rigd/reporting/"
TABLE = "rigd/store/registry.py"

LOGS = {
    row.name.removeprefix("session/"): row.writer for row in OUTPUTS if row.format is Format.LINES
}
"""Each log with its one writer."""

NAMED = {
    ("rigd/hosts/engine_run.py", "heartbeat.log"): "appends the watchdog's line for it",
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
    allowed = {"appending.py", "broker_api.py", "logs.py", "tuning.py"}
    assert {module.removeprefix(REPORTING) for module in found} == allowed
