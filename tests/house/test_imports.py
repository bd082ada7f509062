"""What may import what, and what a light start may load."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tomllib

import pytest

from rigd.store.registry import OUTPUTS
from tests.house.tree import ROOT, dotted, imported, modules, syntax, text, walk

PRODUCT = modules("rigd", "widgets")

HEAVY = ("pandas", "numba", "vectorbt", "bokeh", "scipy.stats")
"""What neither ``import rigd`` nor ``rigd --help`` may load (PERFORMANCE P12)."""


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh interpreter holds after running some code."""
    told = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys, json\nprint(json.dumps(list(sys.modules)))"],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT.parent,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    ).stdout
    return set(json.loads(told.splitlines()[-1]))


def test_the_module_list_of_a_process_is_seen() -> None:
    """The probe sees a module that is loaded, so an empty finding means something."""
    assert "json.tool" in loaded_by("import json.tool")


def test_import_rigd_is_light() -> None:
    """Importing the package loads none of the heavy libraries."""
    assert not loaded_by("import rigd").intersection(HEAVY)


def test_help_is_light() -> None:
    """``rigd --help`` prints its text and loads none of the heavy libraries, nor numpy."""
    code = (
        "import sys\nsys.argv = ['rigd', '--help']\n"
        "from rigd.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code"
    )
    assert not loaded_by(code).intersection({*HEAVY, "numpy", "scipy", "papermill", "pyarrow"})


def test_the_kill_is_light_and_alone() -> None:
    """`rigd kill` loads neither a heavy library nor a part of rigd that may be what is broken."""
    loaded = loaded_by("import rigd.cli.app, rigd.cli.kill")
    heavy = {*HEAVY, "numpy", "pydantic", "pyarrow", "papermill", "exchange_calendars", "ipykernel"}
    assert not loaded & {*heavy, "widgets", "voila", "tornado", "cryptography"}
    parts = ("access", "config.schema", "engine", "ledger", "reporting", "market.feed", "vault")
    broken = tuple(f"rigd.{part}" for part in parts)
    assert [name for name in loaded if name.startswith(broken)] == []


def test_the_package_runs_as_a_module() -> None:
    """``python -m rigd`` is the one entry point and shows the commands."""
    shown = subprocess.run(
        [sys.executable, "-m", "rigd", "--help"], check=True, capture_output=True, text=True
    ).stdout
    assert "session" in shown
    assert "verify" in shown


@pytest.mark.parametrize(
    "module", ["rigd.hosts.session", "rigd.engine.session", "rigd.cli.session"]
)
def test_a_session_needs_no_research_library(module: str) -> None:
    """What runs a session loads none of the libraries of research or of the optional extras."""
    optional = {"vectorbt", "numba", "optuna", "statsmodels", "hmmlearn", "ofxtools", "dask"}
    assert not loaded_by(f"import {module}").intersection({*optional, "scipy.stats", "pandas"})


VENDORS = {
    "vectorbt": ("rigd/reporting/second_account.py",),
    "ofxtools": ("rigd/ledger/ofx.py",),
    "alpaca": (),
    "ib_insync": (),
    "finnhub": ("rigd/market/providers/finnhub.py",),
    "numba": ("rigd/hosts/kernels/",),
    "optuna": ("rigd/hosts/optimize/search.py",),
    "cryptography": ("rigd/vault/", "rigd/hosts/panel/listening.py"),
    "bcrypt": ("rigd/access/passwords.py",),
    "dotenv": ("rigd/config/",),
    "papermill": ("rigd/hosts/",),
    "exchange_calendars": ("rigd/calendar/",),
    "pyarrow": ("rigd/market/",),
    "sqlite3": ("rigd/store/", "rigd/ledger/", "rigd/access/"),
    "bokeh": ("rigd/reporting/",),
}
"""Where a library may be imported; an empty row is a library of a later version."""


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_library_has_one_place(vendor: str) -> None:
    """A vendor's library is imported by its one module or package and nowhere else."""
    places = VENDORS[vendor]
    found = [
        name
        for name in PRODUCT
        if vendor in {module.split(".", maxsplit=1)[0] for module in imported(name)}
    ]
    assert [name for name in found if not (places and name.startswith(places))] == []
    assert found or not places, f"{vendor} is imported nowhere; take its place out of the table"


@pytest.mark.parametrize("vendor", ["vectorbt", "ofxtools"])
def test_a_library_with_a_hard_licence_is_optional(vendor: str) -> None:
    """The two libraries with hard licences stand behind one lazily imported module each."""
    files = [m for m in PRODUCT if any(n.split(".")[0] == vendor for n in imported(m))]
    assert len(files) <= 1
    for file in files:
        for node in syntax(file).body:
            assert not isinstance(node, ast.Import | ast.ImportFrom) or vendor not in ast.dump(node)


def writer_literals() -> list[tuple[str, str]]:
    """Each writer that a module names as a literal, as module and writer."""
    found = []
    for module in PRODUCT:
        for node in walk(module):
            if isinstance(node, ast.keyword) and node.arg == "writer":
                value: ast.AST | None = node.value
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                named = [t.id for t in targets if isinstance(t, ast.Name)]
                value = node.value if any("WRITER" in name for name in named) else None
            else:
                continue
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                found.append((module, value.value))
    return found


TABLES = ("rigd/store/registry.py", "rigd/store/control.py")
"""Where the tables of outputs and flags stand; their writer columns are no writes."""

ON_BEHALF = {
    "rigd/hosts/engine_run.py": "opens the files of a session and hands the open door on",
    "rigd/hosts/latch.py": "trips the risk state where no session runs (`rigd kill`)",
    "rigd/hosts/operator.py": "resets the risk state where no session runs (`rigd risk reset`)",
}
"""Modules that name an owner other than themselves, with the reason."""


def test_each_writer_writes_under_its_own_name() -> None:
    """A module that writes an output names itself; a host acting for an owner is listed (P10)."""
    pairs = [pair for pair in writer_literals() if pair[0] not in TABLES]
    assert pairs
    foreign = {
        f"{module} writes as {writer}"
        for module, writer in pairs
        if dotted(module) != writer and module not in ON_BEHALF
    }
    assert not foreign, "\n".join(sorted(foreign))
    owners = {output.writer for output in OUTPUTS}
    assert {writer for _, writer in pairs} <= owners
    assert set(ON_BEHALF) <= {module for module, _ in pairs}


def test_each_output_has_one_owner_that_exists() -> None:
    """A row of the output table names one module; a module of a later version is listed here."""
    later: set[str] = set()
    owners = {output.writer for output in OUTPUTS}
    there = {dotted(module) for module in PRODUCT}
    assert owners - there == later & owners, "owners without a module"
    assert len({output.name for output in OUTPUTS}) == len(OUTPUTS)
    assert len({output.path_template for output in OUTPUTS}) == len(OUTPUTS)


def test_log_files_are_not_read_back_by_the_books() -> None:
    """No module of the ledger names a log file or the reporting package (L40)."""
    for module in PRODUCT:
        if module.startswith("rigd/ledger/"):
            strings = [
                node.value
                for node in walk(module)
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            ]
            assert not [s for s in strings if s.endswith(".log")], module
            assert not [name for name in imported(module) if name.startswith("rigd.reporting")]


def test_import_contracts_hold() -> None:
    """The layers and the other import contracts of pyproject.toml are kept."""
    run = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_package_is_held_away_from_vendor_clients() -> None:
    """The contract on vendor clients lists every package but those that own an adapter."""
    gates = tomllib.loads(text("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    contract = next(c for c in gates if c["name"].startswith("Vendor clients"))
    packages = {m.split("/")[1] for m in modules("rigd") if m.count("/") > 1}
    free = {"broker", "market", "net", "hosts", "cli"}
    assert {f"rigd.{name}" for name in packages - free} | {"widgets"} == set(
        contract["source_modules"]
    )
