"""The code of a session is that of its start: a module that changed since is not imported.

What was imported stays as it is in memory; a reload, or a first import of a file that was edited
meanwhile, would mix two versions of the engine and is refused (document 090; INVENTORY H6, CF33).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

from rigd.core.errors import LogicError
from rigd.store.hashing import sha256_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from pathlib import Path
    from types import ModuleType


class PinnedCode:
    """Stands before the importers while a session runs; usable in a ``with`` statement.

    Parameters
    ----------
    package
        The package's folder; its files are pinned as they are now.
    """

    def __init__(self, package: Path) -> None:
        self._root = package
        self._pinned = {path: sha256_file(path) for path in package.rglob("*.py")}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Leave every import to the others, unless its file is not the one of the start.

        Parameters
        ----------
        name
            The module's full name.
        path, target
            As importers are asked; not needed.

        Returns
        -------
        None
            The next importer finds the module.

        Raises
        ------
        LogicError
            If the module's file was changed or added since the session began.
        """
        del path, target
        first, *parts = name.split(".")
        if first != self._root.name or not parts:
            return None
        stem = self._root.joinpath(*parts)
        for file in (stem.with_suffix(".py"), stem / "__init__.py"):
            if file.is_file() and sha256_file(file) != self._pinned.get(file):
                msg = f"{name} must be as it was when the session began, its file was changed"
                raise LogicError(msg, fix="end the session, then start with the changed code")
        return None

    def __enter__(self) -> Self:
        """Stand before the importers."""
        sys.meta_path.insert(0, self)
        return self

    def __exit__(self, *_: object) -> None:
        """Step aside."""
        sys.meta_path.remove(self)
