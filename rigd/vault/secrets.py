"""The encrypted files of ``env/``, each bound to its name and generation."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from rigd.core.errors import SecretError
from rigd.vault.envelope import generation_of, open_envelope, seal

if TYPE_CHECKING:
    from rigd.core.ports import Files
    from rigd.vault.keys import KeyRing

ENV_BOT = ".env_bot.enc"
IDENTITY = "secrets/bot_identity.json.enc"
BROKER = "secrets/broker.json.enc"
SCREENER = "secrets/screener_api.json.enc"
ACCOUNT = "secrets/acct_api_credentials.json.enc"
HOLDINGS = "secrets/holdings_config.json.enc"

CREDENTIALS = (BROKER, SCREENER, ACCOUNT)
"""What opens accounts of others: empty in a TEST profile."""

REQUIRED = (ENV_BOT, IDENTITY, BROKER, SCREENER, ACCOUNT, HOLDINGS)
"""What exists after provisioning (document 090)."""

GENERATIONS = "secrets/generations.json.enc"
"""Which generation of each file is the newest: what makes an old copy visible."""

_NAME = re.compile(r"(?:\.env_bot(?:\.test)?\.enc|secrets/[a-z][a-z0-9_]{0,40}\.json\.enc)\Z")


class SecretStore:
    """The encrypted files of one ``env/`` folder.

    A file's generation grows with each write and is kept in `GENERATIONS`, written after the
    file: an older copy is refused, a newer one comes from a write that was cut short between the
    two and is accepted. (Putting back both from one moment takes a change of the key to see.)

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
        return self._files.exists(_checked(name))

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
        if not self.exists(name):
            msg = f"env/{name} must exist, found no file"
            raise SecretError(msg, fix="provision the profile, or restore the file from a backup")
        blob = self._files.read(name)
        content = open_envelope(blob, key=self._keyring.current(), name=name)
        newest, found = self._generations().get(name, 0), generation_of(blob, name=name)
        if found < newest:
            msg = f"env/{name} must be generation {newest} or newer, found {found}"
            raise SecretError(msg, fix="an old copy was put back; restore the newest one")
        return content

    def sealed(self, name: str) -> bytes:
        """Return a secret file as it lies there, for a backup."""
        return self._files.read(_checked(name))

    def generation(self, name: str) -> int:
        """Return how often a secret file was written."""
        return generation_of(self._files.read(_checked(name)), name=name)

    def next_generation(self, name: str) -> int:
        """Return the generation that the next `write` of a file gives it."""
        known = self._generations().get(name, 0)
        if self.exists(name):
            known = max(known, generation_of(self._files.read(name), name=name))
        return known + 1

    def write(self, name: str, content: bytes) -> None:
        """Replace or create a secret file; no plaintext reaches the disk.

        Parameters
        ----------
        name
            ``.env_bot.enc`` or ``secrets/….json.enc``.
        content
            The plaintext.
        """
        generations = self._generations()
        generations[name] = self.next_generation(name)
        self._seal(name, content, generations[name])
        text = json.dumps(generations, sort_keys=True)
        self._seal(GENERATIONS, text.encode(), sum(generations.values()))

    def _seal(self, name: str, content: bytes, generation: int) -> None:
        key = self._keyring.current()
        self._files.replace(name, seal(content, key=key, name=name, generation=generation))

    def _generations(self) -> dict[str, int]:
        """Return the newest generation of each file."""
        if not self._files.exists(GENERATIONS):
            return {}
        blob = self._files.read(GENERATIONS)
        content = open_envelope(blob, key=self._keyring.current(), name=GENERATIONS)
        found: dict[str, int] = json.loads(content)
        return found


def _checked(name: str) -> str:
    if not _NAME.match(name) or name == GENERATIONS:
        msg = f"a secret must be .env_bot.enc or secrets/NAME.json.enc, was {name!r}"
        raise SecretError(msg)
    return name
