"""How tests run: by their flags, with failures shown, with a report, leaving nothing behind."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.flags import REFUSED, flag_name, missing_flag
from tests.house.tree import ROOT, repository_files, syntax, text

NAMED = sorted(
    Path(name).stem.removeprefix("test_")
    for name in repository_files()
    if re.fullmatch(r"tests/test_\w+\.py", name)
    and name.replace("/test_", "/") not in repository_files()
)
"""The tests that the documents call by name lie at the top of tests/, beside no module."""


def run(*arguments: str, home: Path, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run Python in the folder, outside CI, with its own home."""
    environment = {k: v for k, v in os.environ.items() if k not in {"CI", "PYTEST_ADDOPTS"}}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**environment, "RIGD_HOME": str(home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("module", "flag"),
    [
        ("tests.test_main_bot", "test_mode_main_bot.flag"),
        ("tests.store.test_files", "test_mode_store_files.flag"),
        ("tests.test_a_test_b", "test_mode_a_test_b.flag"),
    ],
)
def test_a_flag_is_named_after_its_test(module: str, flag: str) -> None:
    """The flag of tests.test_<n> is test_mode_<n>.flag (V15)."""
    assert flag_name(module) == flag


def test_this_test_has_its_flag(control_of_run: Path) -> None:
    """While a test runs, its flag lies in the temporary control folder of the run (V16)."""
    assert [path.name for path in control_of_run.iterdir()] == [flag_name(__name__)]


def test_a_missing_flag_is_told(tmp_path: Path) -> None:
    """Without the flag there is a message that names it; with it there is none."""
    assert "test_mode_x.flag" in missing_flag(tmp_path, "test_mode_x.flag")
    (tmp_path / "test_mode_x.flag").touch()
    assert missing_flag(tmp_path, "test_mode_x.flag") == ""


@pytest.mark.parametrize("name", NAMED)
def test_a_named_test_runs_by_its_flag_alone(name: str) -> None:
    """Each test at the top of tests/ ends in the call that demands its own flag (V14)."""
    last = syntax(f"tests/test_{name}.py").body[-1]
    assert ast.unparse(last) == (
        "if __name__ == '__main__':\n    raise SystemExit(run_by_hand(__file__))"
    )


def test_without_its_flag_a_test_refuses_to_run(tmp_path: Path) -> None:
    """Started by hand with no flag in the home's control folder: a message, exit code 2 (V16)."""
    done = run("-m", "tests.test_env_bot", home=tmp_path)
    assert done.returncode == REFUSED
    assert "test_mode_env_bot.flag" in done.stderr
    assert "passed" not in done.stdout


def test_with_its_flag_a_test_runs_and_uses_it_up(tmp_path: Path) -> None:
    """With its flag the test runs, passes, and the flag is gone afterwards (V15)."""
    control = tmp_path / "runs" / "control"
    control.mkdir(parents=True)
    flag = control / "test_mode_ledger_schema.flag"
    flag.touch()
    done = run("-m", "tests.test_ledger_schema", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+ passed", done.stdout)
    assert not flag.exists()


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    """A folder outside the repository with one failing test."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "test_fails.py").write_text(
        '"""Fails."""\n\n\ndef test_sum():\n    """Fails."""\n    assert 1 + 1 == 3\n',
        encoding="utf-8",
    )
    return folder


def test_a_failure_is_shown_and_reported(failing: Path, tmp_path: Path) -> None:
    """A failed test shows on stdout, sets the exit code and stands in the JUnit file (V17, V22)."""
    report = tmp_path / "report.xml"
    done = run(
        *("-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={report}", "test_fails.py"),
        home=tmp_path / "home",
        folder=failing,
    )
    assert done.returncode == int(pytest.ExitCode.TESTS_FAILED)
    assert "assert (1 + 1) == 3" in done.stdout
    assert "1 failed" in done.stdout.splitlines()[-1]
    suite = ET.parse(report).getroot().find("testsuite")  # noqa: S314 - pytest wrote it just now
    assert suite is not None
    assert suite.get("failures") == "1"
    assert not (tmp_path / "home").exists()


def test_tests_run_from_another_folder(tmp_path: Path) -> None:
    """The working folder does not matter: paths come from the files' own places (Z8)."""
    file = ROOT / "tests" / "test_coa_consistency.py"
    done = run("-m", "pytest", "-p", "no:cacheprovider", str(file), home=tmp_path, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_gate_compares_the_tree_before_and_after() -> None:
    """The gate's script fails when a run leaves an untracked or a changed file behind (Z10)."""
    gate = text(".ci/run")
    assert gate.count('"$(git status --porcelain)"') == 2
    assert 'if [ "$before" != "$after" ]' in gate


def test_every_make_run_writes_a_junit_file() -> None:
    """Each run of tests by the Makefile writes its own report (V17)."""
    assert re.findall(r"--junitxml=\$\(REPORTS\)/(\w+)\.xml", text("Makefile")) == [
        "tests",
        "notebooks",
        "system",
        "long",
    ]


def test_the_tests_readme_tells_how_each_runs() -> None:
    """tests/README.md names each flag of the named tests, and who starts which (V21)."""
    told = text("tests/README.md")
    for name in NAMED:
        assert f"test_mode_{name}.flag" in told, name
    for word in ("panel", "CI", "by hand"):
        assert word in told


def test_tests_leave_the_checkout_alone() -> None:
    """No test names runs/ of the checkout as a place to write; homes are temporary folders."""
    for name in repository_files():
        if name.startswith("tests/") and name.endswith(".py"):
            assert 'ROOT / "runs"' not in text(name).replace("'", '"') or name == (
                "tests/house/test_gate.py"
            ), name
