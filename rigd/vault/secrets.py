"""The encrypted files of ``env/``, each bound to its name and generation."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TypeVar

from rigd.core.errors import SecretError, StorageError
from rigd.vault.envelope import generation_of, open_envelope, seal

if TYPE_CHECKING:
    from collections.abc import Callable

    from rigd.core.ports import Files
    from rigd.vault.keys import Key, KeyRing

T = TypeVar("T")

ENV_BOT = ".env_bot.enc"
IDENTITY = "secrets/bot_identity.json.enc"
BROKER = "secrets/broker.json.enc"
SCREENER = "secrets/screener_api.json.enc"
ACCOUNT = "secrets/acct_api_credentials.json.enc"
HOLDINGS = "secrets/holdings_config.json.enc"
ALERTS = "secrets/alerts.json.enc"
"""Where alerts go, with the passwords and tokens of the channels; there only when it is set."""

CREDENTIALS = (BROKER, SCREENER, ACCOUNT)
"""What opens accounts of others: empty in a TEST profile."""

REQUIRED = (ENV_BOT, IDENTITY, BROKER, SCREENER, ACCOUNT, HOLDINGS)
"""What exists after provisioning (document 090)."""

GENERATIONS = "secrets/generations.json.enc"
"""Which generation of each file is the newest: what makes an old copy visible."""

NEXT = ".next"
"""What follows the name of an envelope that a rotation made and has not moved into place yet."""

_NAME = re.compile(r"(?:\.env_bot(?:\.test)?\.enc|secrets/[a-z][a-z0-9_]{0,40}\.json\.enc)\Z")
_KEY_ID = re.compile(rb'"key_id":"([0-9a-f]{16})"\}\n')
_TRIES = 100
"""How often a reader looks again while rotations go on beside it."""


class SecretStore:
    """The encrypted files of one ``env/`` folder.

    A file's generation grows with each write and is kept in `GENERATIONS`, written after the
    file: an older copy is refused, a newer one comes from a write that was cut short between the
    two and is accepted. (Putting back both from one moment takes a change of the key to see.)
    While a rotation goes on, a reader takes the files of the key that lies there, all of one key.

    Parameters
    ----------
    files
        The door to ``env/``; it must create files with mode 0600.
    keyring
        Where the key lies.
    """

    def __init__(self, files: Files, keyring: KeyRing) -> None:
        self._files = files
        self._keyring = keyring

    def exists(self, name: str) -> bool:
        """Tell whether a secret file is there."""
        if self._files.exists(checked_name(name)):
            return True
        if not self._files.exists(name + NEXT) or not self._keyring.exists():
            return False
        return self._consistent(lambda key: self._of_key(name, key) is not None)

    def read(self, name: str) -> bytes:
        """Return the secret in a file.

        Parameters
        ----------
        name
            ``.env_bot.enc`` or ``secrets/….json.enc``.

        Returns
        -------
        bytes
            The plaintext.

        Raises
        ------
        SecretError
            If the file is missing, changed, foreign or an older copy.
        """
        checked_name(name)
        return self._consistent(lambda key: self._read(name, key))

    def sealed(self, name: str) -> bytes:
        """Return a secret file as it lies there, for a backup."""
        return self._blob(checked_name(name))

    def generation(self, name: str) -> int:
        """Return how often a secret file was written."""
        return generation_of(self._blob(checked_name(name)), name=name)

    def next_generation(self, name: str) -> int:
        """Return the generation that the next `write` of a file gives it."""
        known = self.generations().get(name, 0)
        if self.exists(name):
            known = max(known, generation_of(self._blob(name), name=name))
        return known + 1

    def write(self, name: str, content: bytes) -> None:
        """Replace or create a secret file under the key that lies there; no plaintext is written.

        Changes of a home go through `rigd.hosts.keys`, which exchanges the key with each of them.

        Parameters
        ----------
        name
            ``.env_bot.enc`` or ``secrets/….json.enc``.
        content
            The plaintext.
        """
        generations = self.generations()
        generations[checked_name(name)] = self.next_generation(name)
        self._seal(name, content, generations[name])
        text = json.dumps(generations, sort_keys=True)
        self._seal(GENERATIONS, text.encode(), sum(generations.values()))

    def generations(self) -> dict[str, int]:
        """Return the newest generation of each file."""
        if not self._keyring.exists():
            return {}
        return self._consistent(self._generations)

    def _seal(self, name: str, content: bytes, generation: int) -> None:
        key = self._keyring.current()
        self._files.replace(name, seal(content, key=key, name=name, generation=generation))

    def _consistent(self, look: Callable[[Key], T]) -> T:
        """Return what was seen while one key lay there; look again when it was exchanged.

        A file that is moved into place between two looks is there at the second one, so the same
        failure under the same key twice is a true one.

        Parameters
        ----------
        look
            Reads with a key.

        Returns
        -------
        T
            What it returned.

        Raises
        ------
        SecretError
            If a look fails twice, or the key is exchanged all the time.
        StorageError
            If a file cannot be read, twice.
        """
        failed = ""
        for _ in range(_TRIES):
            key = self._keyring.current()
            try:
                found = look(key)
            except (SecretError, StorageError):
                if failed == key.key_id:
                    raise
                failed = key.key_id
                continue
            if self._keyring.current() == key:
                return found
        msg = f"the key must stay for one look at the secrets, it was exchanged {_TRIES} times"
        raise SecretError(msg, fix="try again")

    def _read(self, name: str, key: Key) -> bytes:
        blob = self._of_key(name, key)
        if blob is None:
            if not self._files.exists(name):
                msg = f"env/{name} must exist, found no file"
                fix = "provision the profile, or restore the file from a backup"
                raise SecretError(msg, fix=fix)
            blob = self._files.read(name)
        content = open_envelope(blob, key=key, name=name)
        newest, found = self._generations(key).get(name, 0), generation_of(blob, name=name)
        if found < newest:
            msg = f"env/{name} must be generation {newest} or newer, found {found}"
            raise SecretError(msg, fix="an old copy was put back; restore the newest one")
        return content

    def _of_key(self, name: str, key: Key) -> bytes | None:
        """Return the envelope of a file that a key made, in place or about to be; None if none."""
        for at in (name, name + NEXT):
            if self._files.exists(at):
                blob = self._files.read(at)
                if key_id_of(blob) == key.key_id:
                    return blob
        return None

    def _blob(self, name: str) -> bytes:
        found = self._consistent(lambda key: self._of_key(name, key))
        return self._files.read(name) if found is None else found

    def _generations(self, key: Key) -> dict[str, int]:
        blob = self._of_key(GENERATIONS, key)
        if blob is None:
            if not self._files.exists(GENERATIONS):
                return {}
            blob = self._files.read(GENERATIONS)
        content = open_envelope(blob, key=key, name=GENERATIONS)
        found: dict[str, int] = json.loads(content)
        return found


def key_id_of(blob: bytes) -> str:
    """Return the fingerprint in an envelope's header; blank when it is none.

    Parameters
    ----------
    blob
        A file's content.

    Returns
    -------
    str
        16 hexadecimal digits; only opening the envelope proves them.
    """
    match = _KEY_ID.search(blob[:200])
    return match.group(1).decode() if match else ""


def checked_name(name: str) -> str:
    """Return the name of a secret file.

    Parameters
    ----------
    name
        ``.env_bot.enc`` or ``secrets/….json.enc``.

    Returns
    -------
    str
        The same.

    Raises
    ------
    SecretError
        If it is another one.
    """
    if not _NAME.match(name) or name == GENERATIONS:
        msg = f"a secret must be .env_bot.enc or secrets/NAME.json.enc, was {name!r}"
        raise SecretError(msg)
    return name
