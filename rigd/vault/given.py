"""Keys that a container hands to its process: a variable, or a file in memory (K18).

Such a key never touches a disk of ours and is not exchanged here: whoever hands it out exchanges
it. A file is better than a variable: every process of the user can see the environment of another.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from rigd.core.errors import SecretError
from rigd.vault.keys import Key, read_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VARIABLE = "RIGD_VAULT_KEY"
FILE_VARIABLE = "RIGD_VAULT_FILE"
"""What holds the key, and what holds the path of a file with it."""
IN_MEMORY = frozenset({"tmpfs", "ramfs"})


def given_key(
    variables: Mapping[str, str],
    *,
    read: Callable[[str], bytes],
    mode_of: Callable[[str], int],
    mounts: Callable[[], str],
) -> Key | None:
    """Return the key that was handed to this process.

    Parameters
    ----------
    variables
        The process's environment.
    read, mode_of
        Read a file, and return its ``st_mode``, links not followed.
    mounts
        Returns ``/proc/self/mounts``, to see that a file lies in memory.

    Returns
    -------
    Key or None
        None when none was.

    Raises
    ------
    SecretError
        If both are given, a text is no key, or the file is open to others or on a disk.
    """
    text, path = variables.get(VARIABLE, ""), variables.get(FILE_VARIABLE, "")
    if text and path:
        msg = f"one of {VARIABLE} and {FILE_VARIABLE} must hold the key, both are set"
        raise SecretError(msg)
    if text:
        return read_key(text.encode(), source=VARIABLE)
    if not path:
        return None
    kind = kind_of(path, mounts())
    if kind not in IN_MEMORY:
        msg = f"{FILE_VARIABLE} must name a file on tmpfs, found one on {kind or 'an unknown disk'}"
        raise SecretError(msg, fix="put the key into /dev/shm or another tmpfs")
    mode = mode_of(path)
    if not stat.S_ISREG(mode) or stat.S_IMODE(mode) & 0o177:
        msg = f"{FILE_VARIABLE} must name a plain file of mode 0600 or stricter, found another"
        raise SecretError(msg, fix="chmod 0600 on the file")
    return read_key(read(path), source=FILE_VARIABLE)


def kind_of(path: str, mounts: str) -> str:
    """Return the kind of file system that a path lies on; blank when no mount holds it.

    Parameters
    ----------
    path
        Absolute, links resolved.
    mounts
        The text of ``/proc/self/mounts``.

    Returns
    -------
    str
        Such as ``tmpfs``.
    """
    best, kind = "", ""
    for line in mounts.splitlines():
        parts = line.split(" ")
        if len(parts) < 3:
            continue
        point = parts[1].replace("\\040", " ")
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, parts[2]
    return kind
