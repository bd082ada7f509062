"""Names of a package that are imported when they are first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class LazyNames:
    """What stands behind a package's ``__getattr__`` and ``__dir__`` (PEP 562).

    Parameters
    ----------
    package
        The package, for messages.
    homes
        The module that holds each name.
    known
        The names that the package has without it.
    """

    def __init__(self, package: str, homes: Mapping[str, str], known: Sequence[str] = ()) -> None:
        self._package = package
        self._homes = dict(homes)
        self._known = tuple(known)

    def load(self, name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
        """Return what a name stands for.

        Parameters
        ----------
        name
            As it was asked for.

        Returns
        -------
        object
            Of the module that holds it.

        Raises
        ------
        AttributeError
            If the package has no such name.
        """
        home = self._homes.get(name)
        if home is None:
            msg = f"module {self._package!r} has no attribute {name!r}"
            raise AttributeError(msg)
        return getattr(import_module(home), name)

    def names(self) -> list[str]:
        """Return every name of the package, sorted."""
        return sorted({*self._known, *self._homes})
