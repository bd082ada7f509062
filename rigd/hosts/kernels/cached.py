"""Compiled kernels kept on disk, in the home's ``runs/cache/kernels``.

numba's own cache looks at the file of the outermost function alone: it would keep a kernel after
one of the functions that it calls has changed, and never finds one again that a function has made.
Here a kernel is known by its name, its argument types and the digest of all code it may name.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from rigd.core.errors import StorageError
from rigd.store.files import make_folder
from rigd.store.hashing import digest_tree

_PARTS = ("hosts/kernels", "strategy", "market")
_FOLDER: list[str] = [""]


def use(folder: str) -> None:
    """Keep the kernels of this process in a folder from now on; blank keeps none."""
    _FOLDER[0] = folder


@cache
def code_digest() -> str:
    """Return the digest of all code that a kernel may name."""
    root = Path(__file__).resolve().parents[2]
    return "".join(digest_tree(root / part, "*.py")[:16] for part in _PARTS)


def keep(dispatcher: Any, name: str) -> Any:  # noqa: ANN401 - a numba dispatcher
    """Let a kernel be loaded from, and saved to, the folder of this process.

    Parameters
    ----------
    dispatcher
        The kernel, not compiled yet.
    name
        What it is called in the folder.

    Returns
    -------
    dispatcher
        The same; a machine of a cluster that cannot write there compiles it anew.
    """
    if _FOLDER[0]:
        folder = Path(_FOLDER[0])
        try:
            make_folder(folder)
        except StorageError:
            return dispatcher
        dispatcher._cache = _cache_of(dispatcher.py_func, name, folder)  # noqa: SLF001 - numba has no door for it
    return dispatcher


def _cache_of(function: Any, name: str, folder: Path) -> Any:  # noqa: ANN401 - numba's own types
    from numba.core import caching  # noqa: PLC0415 - heavy, and only this package needs it

    class KernelCache(caching.FunctionCache):
        """Keyed by name, argument types, machine and the digest of the code."""

        def __init__(self) -> None:
            self._name = name
            self._py_func = function
            self._impl = object.__new__(caching.CompileResultCacheImpl)
            self._cache_path = str(folder)
            self._cache_file = caching.IndexDataCacheFile(  # type: ignore[no-untyped-call] # numba has no types
                cache_path=str(folder), filename_base=name, source_stamp=code_digest()
            )
            self.enable()  # type: ignore[no-untyped-call] # numba has no types

        def _index_key(self, sig: Any, codegen: Any) -> Any:  # noqa: ANN401 - numba's own types
            return sig, codegen.magic_tuple(), code_digest()

        def _save_overload(self, sig: Any, data: Any) -> None:  # noqa: ANN401 - numba's own types
            if self._impl.check_cachable(data):
                key = self._index_key(sig, data.codegen)
                reduced = self._impl.reduce(data)
                self._cache_file.save(key, reduced)  # type: ignore[no-untyped-call] # numba has no types

    return KernelCache()
