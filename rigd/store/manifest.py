"""The seal of a session folder: what every file held when the session ended.

``manifest.json`` lists size and SHA-256 of each file, for chained logs the last record, and for
other text a short hash per line, which only serves to name the line that was changed. The
manifest ends with a digest of itself; its value is the seal to keep elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from rigd.core.errors import DataError, Problem
from rigd.store.chainlog import genesis_hash, read_chain, verify_chain
from rigd.store.files import open_plain, read_plain, replace, storage_errors
from rigd.store.hashing import sha256_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

NAME: Final = "manifest.json"

_VERSION: Final = 1
_LOCATOR: Final = 8
_TEXT: Final = frozenset({
    ".log", ".json", ".csv", ".ipynb", ".html", ".txt", ".ofx", ".beancount", ".md",
})  # fmt: skip


def seal(
    folder: Path,
    extra: Mapping[str, Any],
    *,
    chains: Mapping[str, str] = MappingProxyType({}),
    leave_out: Iterable[str] = (),
) -> str:
    """Write the manifest of a finished session's folder.

    Parameters
    ----------
    folder
        The session's folder; every file below it is listed.
    extra
        What else to record, such as the session key and the head of the ledger; JSON values.
    chains
        The chained logs by name, with their genesis.
    leave_out
        Names of files that may still change; they are listed as not sealed.

    Returns
    -------
    str
        The seal: the manifest's own digest, hexadecimal.

    Raises
    ------
    TamperError
        If a chained log is not whole.
    StorageError
        If a file cannot be read or the manifest not be written.
    """
    open_files = sorted(leave_out)
    files = {
        name: _describe(folder / name, chains.get(name))
        for name in _names(folder)
        if name not in open_files
    }
    content = {"version": _VERSION, "files": files, "not_sealed": open_files, "extra": dict(extra)}
    digest = _digest(content)
    text = json.dumps(content | {"seal": digest}, indent=1, sort_keys=True, allow_nan=False)
    replace(folder / NAME, text.encode() + b"\n")
    return digest


def read(folder: Path) -> dict[str, Any]:
    """Return a folder's manifest.

    Parameters
    ----------
    folder
        The session's folder.

    Returns
    -------
    dict
        ``files``, ``not_sealed``, ``extra`` and ``seal``.

    Raises
    ------
    DataError
        If it is malformed or does not fit its own digest.
    StorageError
        If it is missing.
    """
    text = read_plain(folder / NAME)
    try:
        held = json.loads(text)
        digest = held.pop("seal")
        if digest != _digest(held) or not isinstance(held["files"], dict):
            msg = f"{NAME} does not fit its own digest: it was changed"
            raise DataError(msg, problems=[Problem(NAME, "changed after the seal")])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        msg = f"{NAME} must be a manifest: {error}"
        raise DataError(msg, problems=[Problem(NAME, "no manifest")]) from error
    return dict(held) | {"seal": digest}


def check(folder: Path, *, expected_seal: str = "") -> list[Problem]:
    """Return what differs from the manifest; nothing when the folder is as it was sealed.

    Parameters
    ----------
    folder
        The session's folder.
    expected_seal
        The seal that was kept elsewhere; blank when there is none.

    Returns
    -------
    list of Problem
        Each names the file, and the record or line where one is known.

    Raises
    ------
    StorageError
        If the manifest is missing or a file cannot be read.
    """
    try:
        held = read(folder)
    except DataError as error:
        return list(error.problems)
    problems: list[Problem] = []
    if expected_seal and held["seal"] != expected_seal:
        problems.append(Problem(NAME, f"expected seal {expected_seal}, found {held['seal']}"))
    present = set(_names(folder))
    for name, sealed in sorted(held["files"].items()):
        if name not in present:
            problems.append(Problem(name, "the file is missing"))
        else:
            problems.extend(_compare(folder / name, name, sealed))
    added = present - set(held["files"]) - set(held["not_sealed"])
    problems.extend(Problem(name, "the file was added after the seal") for name in sorted(added))
    return problems


def _names(folder: Path) -> list[str]:
    """Return the files below a folder but the manifest, without half-written ones."""
    found = (path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    names = (path.relative_to(folder).as_posix() for path in found)
    return sorted(name for name in names if name != NAME and not name.endswith(".tmp"))


def _describe(path: Path, genesis: str | None) -> dict[str, Any]:
    sealed: dict[str, Any] = {"size": path.stat().st_size, "sha256": sha256_file(path)}
    if genesis is not None:
        rows = read_chain(path, genesis)
        last = rows[-1].hash if rows else genesis_hash(genesis)
        return sealed | {"genesis": genesis, "records": len(rows), "head": last}
    if path.suffix in _TEXT:
        return sealed | {"lines": _locators(path)}
    return sealed


def _compare(path: Path, name: str, sealed: dict[str, Any]) -> list[Problem]:
    if not path.is_symlink():
        if path.stat().st_size == sealed["size"] and sha256_file(path) == sealed["sha256"]:
            return []
        if "genesis" in sealed:
            head = (int(sealed["records"]), str(sealed["head"]))
            found = verify_chain(path, str(sealed["genesis"]), head)
            return found or [Problem(name, "bytes follow the last record")]
        if "lines" in sealed:
            return [_first_line_changed(path, name, str(sealed["lines"]))]
    return [Problem(name, "the content was changed after the seal")]


def _first_line_changed(path: Path, name: str, sealed: str) -> Problem:
    before, now = _parted(sealed), _parted(_locators(path))
    for number, (was, found) in enumerate(zip(before, now, strict=False), 1):
        if was != found:
            text = "moved here" if found in before else "changed"
            return Problem(f"{name}:record {number}", f"this line was {text} after the seal")
    text = "the tail is cut" if len(now) < len(before) else "lines were added"
    where = f"{name}:record {min(len(before), len(now)) + 1}"
    return Problem(where, f"expected {len(before)} lines, found {len(now)}: {text}")


def _parted(locators: str) -> list[str]:
    return [locators[i : i + _LOCATOR] for i in range(0, len(locators), _LOCATOR)]


def _locators(path: Path) -> str:
    """Return the first digits of each line's hash, one after the other."""
    with storage_errors(f"read {path.name}"), open_plain(path) as file:
        return "".join(hashlib.sha256(line).hexdigest()[:_LOCATOR] for line in file)


def _digest(content: dict[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
