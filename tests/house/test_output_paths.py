"""Output paths come from the resolver alone: `store.paths` and the output table (L37)."""

from __future__ import annotations

import ast
from fnmatch import fnmatch

import pytest

from rigd.store.registry import OUTPUTS
from tests.house.tree import called, modules, walk

PRODUCT = modules("rigd", "widgets")

RESOLVER = ("rigd/store/paths.py", "rigd/store/registry.py")
"""The only modules that spell the output tree."""

FOLDERS = frozenset({
    "runs",
    "latest",
    "control",
    "transfers",
    *(
        part
        for row in OUTPUTS
        for part in row.path_template.split("/")[:-1]
        if not part.startswith("{")
    ),
})
"""The folders of the output tree; `test_the_folders_are_those_of_the_tree` names them."""

FILES = frozenset({
    part for row in OUTPUTS if not (part := row.path_template.rpartition("/")[2]).startswith("{")
})
"""File names of the output table; those that begin with a field of their path are left out."""

JOINING = frozenset({"Path", "PurePath", "joinpath", "with_name", "glob", "rglob", "join"})

ALLOWED = {
    "rigd/hosts/crashes/evidence.py": "looks at a home that a killed process left, from outside",
    "rigd/hosts/crashes/matrix.py": "the same",
    "rigd/hosts/crashes/watch.py": "the same",
    "rigd/hosts/health.py": "the kernelspec of the checkout, which is no output",
    "rigd/hosts/notebook.py": "the notebooks of the checkout, which are no outputs",
}
"""Modules that spell a part of the tree, with the reason."""


def literals(node: ast.AST) -> list[str]:
    """The literal texts of an operand, with the fixed parts of an f-string."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return ["".join(piece for value in node.values for piece in literals(value) or ["{}"])]
    return []


def joined(node: ast.AST) -> list[str]:
    """The literal texts that a node makes a part of a path."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return [*literals(node.left), *literals(node.right)]
    if isinstance(node, ast.Call) and called(node).rpartition(".")[2] in JOINING:
        separator = isinstance(node.func, ast.Attribute) and isinstance(
            node.func.value, ast.Constant
        )
        return [] if separator else [text for argument in node.args for text in literals(argument)]
    return []


def spells_output(text: str) -> bool:
    """Tell whether a text names a folder or a file of the output tree."""
    parts = text.split("/")
    return any(
        part in FOLDERS or part in FILES or any(fnmatch(file, part) for file in FILES)
        for part in parts
        if part.strip("*{}_")
    )


def test_the_folders_are_those_of_the_tree() -> None:
    """ARCHITECTURE §8: what the rule looks for is what the tree has."""
    assert {"runs", "logs", "trades", "ledgers", "sessions", "backups", "screeners"} <= FOLDERS
    assert {"open.log", "status.json", "journal.log", "trade_history.csv"} <= FILES


@pytest.mark.parametrize(
    "code",
    [
        "home / 'runs'",
        "home / 'runs/logs'",
        "folder / 'journal.log'",
        "folder / f'{name}/logs'",
        "Path('runs')",
        "Path(root, 'logs', name)",
        "root.joinpath('sessions')",
        "path.with_name('status.json')",
        "os.path.join(root, 'trades')",
        "root.glob('*/sessions/*')",
        "root.glob('*.log')",
    ],
)
def test_the_finder_finds(code: str) -> None:
    """The rule knows each way to spell a path."""
    tree = ast.parse(code)
    assert any(spells_output(text) for node in ast.walk(tree) for text in joined(node))


@pytest.mark.parametrize(
    "code",
    ["home / 'env'", "a / b", "', '.join(['runs'])", "folder / name", "fields['logs']", "x / 2"],
)
def test_the_finder_is_not_fooled(code: str) -> None:
    """Names that are handed in, other folders and plain text are no literal output path."""
    tree = ast.parse(code)
    assert not any(spells_output(text) for node in ast.walk(tree) for text in joined(node))


def found() -> dict[str, list[str]]:
    """The literal output paths outside the resolver, by module."""
    places: dict[str, list[str]] = {}
    for module in PRODUCT:
        if module in RESOLVER:
            continue
        for node in walk(module):
            for text in joined(node):
                if spells_output(text):
                    places.setdefault(module, []).append(f"{module}:{node.lineno}: {text!r}")
    return places


def test_no_literal_output_path_outside_the_resolver() -> None:
    """L37: every other module asks `Home`, `BotTree` or the registry, or is listed with why."""
    spelled = found()
    wrong = [place for module, each in spelled.items() if module not in ALLOWED for place in each]
    assert not wrong, "\n".join(wrong)
    assert sorted(ALLOWED) == sorted(spelled), "an exemption that is not needed any more"
