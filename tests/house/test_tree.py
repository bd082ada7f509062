"""The shape of the repository: its top level, and a test file for every module."""

from __future__ import annotations

import ast

from tests.house.tree import ROOT, modules, repository_files, syntax, text

TOP_LEVEL = {
    "notebooks",
    "rigd",
    "widgets",
    "runs",
    "env",
    "tests",
    "environment.yml",
    "pyproject.toml",
    "VERSION.md",
}
BESIDE = {"README.md", "LICENSE", "Makefile"}

WITHOUT_TEST = {
    "rigd/__init__.py": "a version number; compared in tests/house/test_packaging.py",
    "rigd/__main__.py": "run as a process in tests/system/test_early_interrupt.py",
}


def test_the_top_level_is_the_agreed_one() -> None:
    """Nothing stands at the root but the agreed names, their companions and dot-files."""
    found = {name.split("/", maxsplit=1)[0] for name in repository_files()}
    assert found >= TOP_LEVEL | BESIDE
    assert {name for name in found - TOP_LEVEL - BESIDE if not name.startswith(".")} == set()


def test_every_module_has_its_test_file() -> None:
    """A module of rigd or widgets is mirrored by tests/…/test_<module>.py."""
    missing = []
    for module in modules("rigd", "widgets"):
        if module in WITHOUT_TEST or module.endswith("/__init__.py"):
            continue
        folder, _, file = module.rpartition("/")
        mirrored = f"tests/{folder}/test_{file}".replace("tests/rigd", "tests")
        if not (ROOT / mirrored).is_file() or "def test_" not in text(mirrored):
            missing.append(mirrored)
    assert not missing, "\n".join(missing)


def test_the_exceptions_still_exist() -> None:
    """A module that is excused from having a test file is still there."""
    assert [name for name in WITHOUT_TEST if not (ROOT / name).is_file()] == []


def test_packages_hold_no_code_in_their_init() -> None:
    """An ``__init__`` needs no test file because it holds a docstring and exports alone."""
    for module in modules("rigd", "widgets"):
        if module.endswith("/__init__.py"):
            body = [
                node
                for node in syntax(module).body
                if not isinstance(node, ast.Expr | ast.Import | ast.ImportFrom | ast.Assign)
            ]
            assert body == [], module


def test_every_test_states_its_rule_in_one_sentence() -> None:
    """Each test function has a docstring whose first paragraph ends as a sentence does."""
    unclear = []
    for module in (name for name in modules("tests") if "/test_" in name):
        for node in ast.walk(syntax(module)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (
                node.name.startswith("test_")
            ):
                told = (ast.get_docstring(node) or "").strip()
                if not told.split("\n\n")[0].endswith((".", "…", "?", ")", "!")):
                    unclear.append(f"{module}:{node.lineno} {node.name}: {told!r}")
    assert not unclear, "\n".join(unclear)


def test_module_names_are_nouns_of_the_field() -> None:
    """No module is called utils, helpers or manager, or ends in _bot."""
    vague = {"utils", "util", "helpers", "helper", "manager"}
    for module in modules("rigd", "widgets"):
        stem = module.rpartition("/")[2].removesuffix(".py")
        assert not vague & set(stem.split("_")), module
        assert not stem.endswith("_bot"), module


def test_test_folders_are_packages() -> None:
    """Each folder with tests has an ``__init__``, so that two files may share a name."""
    folders = {name.rpartition("/")[0] for name in modules("tests")}
    assert {f for f in folders if not (ROOT / f / "__init__.py").is_file()} == set()
