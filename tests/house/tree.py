"""The repository's own files, as the house tests read them."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


@cache
def repository_files() -> tuple[str, ...]:
    """Every file that git tracks or would track, relative to the root, in order."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    names = sorted(name for name in set(listing.split("\0")) if name)
    return tuple(name for name in names if (ROOT / name).is_file())


@cache
def text(name: str) -> str:
    """The text of one of these files."""
    return (ROOT / name).read_text(encoding="utf-8")


def modules(*folders: str) -> tuple[str, ...]:
    """The Python files below the folders."""
    return tuple(
        name
        for name in repository_files()
        if name.endswith(".py") and name.split("/", maxsplit=1)[0] in folders
    )


@cache
def syntax(name: str) -> ast.Module:
    """The syntax tree of one of these files."""
    return ast.parse(text(name), filename=name)


def walk(name: str) -> Iterator[ast.AST]:
    """Every node of a file."""
    return ast.walk(syntax(name))


def dotted(name: str) -> str:
    """The module's name, such as ``rigd.store.files``."""
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def called(node: ast.Call) -> str:
    """The dotted name of what is called, blank when it is an expression."""
    parts: list[str] = []
    at: ast.expr = node.func
    while isinstance(at, ast.Attribute):
        parts.append(at.attr)
        at = at.value
    parts.append(at.id if isinstance(at, ast.Name) else "")
    return ".".join(reversed(parts))


def imported(name: str) -> list[str]:
    """The modules that a file imports, also inside functions, as they are written."""
    found = []
    for node in walk(name):
        if isinstance(node, ast.Import):
            found.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.append(node.module or "")
    return found
