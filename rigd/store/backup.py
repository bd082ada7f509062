"""Backups of a session and the books: written aside, restored once to see, then kept.

A backup never blocks: whatever goes wrong is a result with a reason, and the last good backup is
untouched (documents 070 and 090, FAULTS R10, R11).
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import zipfile
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from rigd.core.clock import iso
from rigd.core.errors import DataError, RigdError
from rigd.store.database import backup_database, open_for_reading
from rigd.store.files import SECRET_MODE, make_folder, remove, sync_file, sync_folder

if TYPE_CHECKING:
    from datetime import datetime

    from rigd.core.values import BotIdentity
    from rigd.store.paths import Home

KEEP: Final = 30
"""Newest backups that are kept, beside the last of each month (INVENTORY L30)."""

MANIFEST: Final = "backup.json"

_STAMP: Final = "%Y%m%dT%H%M%SZ"
_LEDGER: Final = "ledger.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupResult:
    """What became of a backup.

    Parameters
    ----------
    ok
        Whether it was written and restored.
    path
        Where it lies; None without one.
    reason
        Why there is none, or why old ones could not be removed; blank when all went well.
    """

    ok: bool
    path: Path | None
    reason: str


def back_up(
    home: Home, identity: BotIdentity, session_folder: Path, at: datetime, *, keep: int = KEEP
) -> BackupResult:
    """Write session folder and books into one archive, prove that it restores, drop old ones.

    Parameters
    ----------
    home, identity
        Whose backup it is.
    session_folder
        The session's folder, complete.
    at
        The instant, UTC; part of the name.
    keep
        How many of the newest archives remain; the last of each month remains as well.

    Returns
    -------
    BackupResult
        Never an exception: a backup must not stop the reports.
    """
    stamp = at.strftime(_STAMP)
    target = home.backups / f"{identity}_{session_folder.name}_{stamp}.zip"
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        make_folder(home.backups)
        with TemporaryDirectory(prefix=".backup-", dir=home.backups) as work:
            _write(temporary, home.bot(identity).ledger_db, session_folder, Path(work), at)
            check_backup(temporary, Path(work))
        temporary.chmod(SECRET_MODE)
        sync_file(temporary)
        temporary.replace(target)
        sync_folder(home.backups)
    except _REASONS as error:
        with suppress(OSError):
            temporary.unlink()
        return BackupResult(ok=False, path=None, reason=f"{type(error).__name__}: {error}")
    return BackupResult(ok=True, path=target, reason=_drop_old(home.backups, identity, keep))


_REASONS: Final = (OSError, RigdError, sqlite3.Error, zipfile.BadZipFile, ValueError)


def check_backup(archive: Path, work: Path) -> list[str]:
    """Restore an archive into a scratch folder and compare it with its manifest.

    Parameters
    ----------
    archive
        The archive.
    work
        An existing folder for the restored books.

    Returns
    -------
    list of str
        The names of the restored files.

    Raises
    ------
    DataError
        If a file is missing or differs, or the books are not sound.
    """
    with zipfile.ZipFile(archive) as held:
        listed = json.loads(held.read(MANIFEST))["files"]
        names = [name for name in held.namelist() if name != MANIFEST]
        wrong = sorted(listed.keys() ^ set(names))
        wrong += [n for n in names if n in listed and _sha256(held.read(n)) != listed[n]["sha256"]]
        if wrong:
            msg = f"a backup must restore what it lists, these differ: {', '.join(wrong)}"
            raise DataError(msg)
        if _LEDGER in listed:
            restored = work / "restored.db"
            restored.write_bytes(held.read(_LEDGER))
            _check_books(restored)
    return names


def kept(names: list[str], keep: int) -> set[str]:
    """Return which archives of one bot remain: the newest `keep` and the last of each month.

    Parameters
    ----------
    names
        File names that end in ``_{UTC stamp}.zip``.
    keep
        How many of the newest remain.

    Returns
    -------
    set of str
        Those to keep.
    """
    in_time = sorted(names, key=_stamp)
    last_of_month = {_stamp(name)[:6]: name for name in in_time}
    return set(in_time[-keep:] if keep else []) | set(last_of_month.values())


def _stamp(name: str) -> str:
    return name.rpartition("_")[2]


def _write(archive: Path, ledger: Path, folder: Path, work: Path, at: datetime) -> None:
    sources = {
        f"session/{path.relative_to(folder).as_posix()}": path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and not path.name.endswith(".tmp")
    }
    if not sources:
        msg = f"a backup needs a session's files, {folder.name} has none"
        raise DataError(msg)
    if ledger.exists():
        copy = work / _LEDGER
        with closing(open_for_reading(ledger)) as books:
            backup_database(books, copy)
        sources[_LEDGER] = copy
    files = {}
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as held:
        for name, path in sources.items():
            content = path.read_bytes()
            files[name] = {"size": len(content), "sha256": _sha256(content)}
            _add(held, name, content, at)
        listed = {"made": iso(at), "files": files}
        _add(held, MANIFEST, json.dumps(listed, indent=1, sort_keys=True).encode() + b"\n", at)


def _add(held: zipfile.ZipFile, name: str, content: bytes, at: datetime) -> None:
    entry = zipfile.ZipInfo(name, at.timetuple()[:6])
    entry.external_attr = 0o600 << 16
    held.writestr(entry, content, zipfile.ZIP_DEFLATED)


def _check_books(path: Path) -> None:
    with closing(sqlite3.connect(path)) as books:
        (answer,) = books.execute("PRAGMA integrity_check").fetchone()
    if answer != "ok":
        msg = f"the books in a backup must be sound, were: {answer}"
        raise DataError(msg)


def _drop_old(folder: Path, identity: BotIdentity, keep: int) -> str:
    """Remove archives that need not remain; return why it failed, blank when it did not."""
    name = re.compile(rf"{re.escape(str(identity))}_\d{{4}}-\d\d-\d\d_\d+_\d{{8}}T\d{{6}}Z\.zip")
    try:
        names = [path.name for path in folder.iterdir() if name.fullmatch(path.name)]
        for old in sorted(set(names) - kept(names, keep)):
            remove(folder / old)
    except _REASONS as error:
        return f"old backups remain: {error}"
    return ""


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
