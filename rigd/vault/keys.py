"""The key of the bot's secrets: one file, one place, read with strict modes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rigd.core.errors import SecretError

if TYPE_CHECKING:
    from pathlib import Path

    from rigd.core.ports import Files

KEY_FOLDER = "keys"
KEY_FILE = "keys/env.key"
"""The only key file, relative to ``env/`` (document 090)."""

KEY_BYTES = 32

ModeOf = Callable[[str], int]
"""Returns the ``st_mode`` of a name under ``env/``, links not followed."""


@dataclass(frozen=True, slots=True)
class Key:
    """An AES-256 key; its bytes never show in a text.

    Parameters
    ----------
    material
        32 bytes.

    Raises
    ------
    SecretError
        If it has another length.
    """

    material: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.material) != KEY_BYTES:
            msg = f"a key must have {KEY_BYTES} bytes, has {len(self.material)}"
            raise SecretError(msg)

    @property
    def key_id(self) -> str:
        """The fingerprint: 16 hexadecimal digits that tell keys apart and reveal nothing."""
        return hashlib.sha256(b"rigd key id\n" + self.material).hexdigest()[:16]

    def __repr__(self) -> str:
        """Return the fingerprint alone."""
        return f"Key({self.key_id})"


class KeyRing:
    """The key file of one ``env/`` folder.

    Parameters
    ----------
    files
        The door to ``env/``; it must create files with mode 0600 in folders with mode 0700.
    mode_of
        How to see modes, such as `lstat_modes`; None where there are none, as in memory.
    """

    def __init__(self, files: Files, mode_of: ModeOf | None = None) -> None:
        self._files = files
        self._mode_of = mode_of

    def exists(self) -> bool:
        """Tell whether there is a key file."""
        return self._files.exists(KEY_FILE)

    def current(self) -> Key:
        """Return the key.

        Returns
        -------
        Key
            The key of every secret under this ``env/``.

        Raises
        ------
        SecretError
            If it is missing, malformed, or open to anyone but its owner.
        """
        if not self.exists():
            msg = f"env/{KEY_FILE} must hold the key, found no file"
            raise SecretError(msg, fix="restore it, or provision a new profile")
        self._check_modes()
        try:
            material = base64.b64decode(self._files.read(KEY_FILE).strip(), b"-_", validate=True)
        except binascii.Error:
            msg = f"env/{KEY_FILE} must hold base64 of {KEY_BYTES} bytes, found something else"
            raise SecretError(msg) from None
        return Key(material)

    def create(self) -> Key:
        """Make a new key and write it.

        Returns
        -------
        Key
            The new key.

        Raises
        ------
        SecretError
            If there is a key already, or the file came out open to others.
        """
        if self.exists():
            msg = f"env/{KEY_FILE} must not exist before a key is made, found a file"
            raise SecretError(msg)
        key = Key(secrets.token_bytes(KEY_BYTES))
        self._files.replace(KEY_FILE, base64.urlsafe_b64encode(key.material) + b"\n")
        self._check_modes()
        return key

    def _check_modes(self) -> None:
        if self._mode_of is None:
            return
        for name, is_kind, kind, wanted in (
            (KEY_FOLDER, stat.S_ISDIR, "folder", 0o700),
            (KEY_FILE, stat.S_ISREG, "file", 0o600),
        ):
            mode = self._mode_of(name)
            if not is_kind(mode):
                msg = f"env/{name} must be a {kind}, found a link or another kind"
                raise SecretError(msg)
            if stat.S_IMODE(mode) & ~wanted:
                found = f"{stat.S_IMODE(mode):04o}"
                msg = f"env/{name} must have mode {wanted:04o} or stricter, has {found}"
                raise SecretError(msg, fix=f"chmod {wanted:04o} env/{name}")


def lstat_modes(folder: Path) -> ModeOf:
    """Return what shows the modes of the names under a folder, links not followed."""

    def mode_of(name: str) -> int:
        return (folder / name).lstat().st_mode

    return mode_of
