"""The key of the bot's secrets: one file, one place, read with strict modes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
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

    def text(self) -> bytes:
        """Return what a key file holds: base64 and a line end."""
        return base64.urlsafe_b64encode(self.material) + b"\n"

    def __repr__(self) -> str:
        """Return the fingerprint alone."""
        return f"Key({self.key_id})"


def new_key() -> Key:
    """Return a key that was drawn now."""
    return Key(secrets.token_bytes(KEY_BYTES))


def read_key(text: bytes, *, source: str) -> Key:
    """Return the key in a text.

    Parameters
    ----------
    text
        Base64 of 32 bytes.
    source
        Where it comes from, for the message.

    Returns
    -------
    Key
        The key.

    Raises
    ------
    SecretError
        If it is something else; the message does not tell what.
    """
    material = b""
    with suppress(binascii.Error, ValueError):
        material = base64.b64decode(text.strip(), b"-_", validate=True)
    if len(material) != KEY_BYTES:
        msg = f"{source} must hold base64 of {KEY_BYTES} bytes, found something else"
        raise SecretError(msg)
    return Key(material)


class KeyRing:
    """The key file of one ``env/`` folder.

    Parameters
    ----------
    files
        The door to ``env/``; it must create files with mode 0600 in folders with mode 0700.
    mode_of
        How to see modes, such as `lstat_modes`; None where there are none, as in memory.
    given
        The key where a container hands it to its process, by an environment variable or a file in
        memory: it is never written, and there is no key file (K18).
    """

    def __init__(
        self, files: Files, mode_of: ModeOf | None = None, *, given: Key | None = None
    ) -> None:
        self._files = files
        self._mode_of = mode_of
        self._given = given

    def exists(self) -> bool:
        """Tell whether there is a key."""
        return self._given is not None or self._files.exists(KEY_FILE)

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
        if self._given is not None:
            return self._given
        if not self.exists():
            msg = f"env/{KEY_FILE} must hold the key, found no file"
            raise SecretError(msg, fix="restore it, or provision a new profile")
        self._check_modes()
        return read_key(self._files.read(KEY_FILE), source=f"env/{KEY_FILE}")

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
        key = new_key()
        self._files.replace(KEY_FILE, key.text())
        self._check_modes()
        return key

    @property
    def may_rotate(self) -> bool:
        """Tell whether the key lies in a file of ours, so that another one can take its place."""
        return self._given is None

    def replace(self, key: Key) -> None:
        """Put another key into the place of the one that lies there: the switch of a rotation.

        Parameters
        ----------
        key
            The new one; the files that it opens lie there already.

        Raises
        ------
        SecretError
            If there is no key yet, or it was handed to this process.
        """
        if not self.may_rotate or not self.exists():
            msg = "only a key that lies in a file is exchanged, found none"
            raise SecretError(msg)
        self._files.replace(KEY_FILE, key.text())

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
