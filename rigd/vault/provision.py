"""The first key and secrets of a TEST profile."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rigd.core.errors import SecretError
from rigd.core.values import Profile
from rigd.vault.secrets import CREDENTIALS, ENV_BOT, IDENTITY, REQUIRED, SecretStore

if TYPE_CHECKING:
    from rigd.core.ports import Files
    from rigd.vault.keys import KeyRing

EMPTY = b"{}\n"
"""A secret file in which nothing is known yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioned:
    """What provisioning did.

    Parameters
    ----------
    created, kept
        The files it made, and those that were there; names relative to ``env/``.
    """

    created: tuple[str, ...]
    kept: tuple[str, ...]


def provision(files: Files, keyring: KeyRing, *, identity_json: str, env_text: str) -> Provisioned:
    """Make the key and the secret files of a TEST profile, as far as they are not there.

    A run that was cut short is finished by the next one. Nothing that exists is overwritten.

    Parameters
    ----------
    files
        The door to ``env/``; it must create files with mode 0600 in folders with mode 0700.
    keyring
        The key of that folder.
    identity_json
        The content of ``bot_identity.json``, with ``"PROFILE": "TEST"``.
    env_text
        The content of ``.env_bot``.

    Returns
    -------
    Provisioned
        What was made and what was kept.

    Raises
    ------
    SecretError
        If the profile is not TEST, a production secret exists, or a file does not decrypt.

    References
    ----------
    INVENTORY K10, R2.
    """
    if profile_of(identity_json.encode()) is not Profile.TEST:
        msg = "provisioning must have an identity with PROFILE=TEST, found another"
        raise SecretError(msg)
    secrets = SecretStore(files, keyring)
    kept = tuple(name for name in REQUIRED if secrets.exists(name))
    if kept and not keyring.exists():
        msg = f"env/{kept[0]} exists, but its key env/keys/env.key does not"
        raise SecretError(msg, fix="restore the key; a new one would not open the file")
    if not keyring.exists():
        keyring.create()
    refuse_production(secrets)
    contents = {ENV_BOT: env_text.encode(), IDENTITY: identity_json.encode()}
    created = tuple(name for name in REQUIRED if name not in kept)
    for name in created:
        secrets.write(name, contents.get(name, EMPTY))
    return Provisioned(created=created, kept=kept)


def refuse_production(secrets: SecretStore) -> None:
    """Do nothing when no production secret exists.

    Parameters
    ----------
    secrets
        The secret files.

    Raises
    ------
    SecretError
        If the identity is one of production, or a file with credentials is not empty.
    """
    if secrets.exists(IDENTITY) and profile_of(secrets.read(IDENTITY)) is not Profile.TEST:
        msg = f"env/{IDENTITY} is one of production: the TEST profile does not run beside it"
        raise SecretError(msg, fix="use another RIGD_HOME for the TEST profile")
    for name in CREDENTIALS:
        if secrets.exists(name) and secrets.read(name).strip() != EMPTY.strip():
            msg = f"env/{name} holds production secrets: the TEST profile does not run beside it"
            raise SecretError(msg, fix="use another RIGD_HOME for the TEST profile")


def profile_of(identity_json: bytes) -> Profile:
    """Return the profile that a ``bot_identity.json`` names.

    Parameters
    ----------
    identity_json
        Its content.

    Returns
    -------
    Profile
        TEST or PRODUCTION.

    Raises
    ------
    SecretError
        If it names none.
    """
    try:
        return Profile(json.loads(identity_json)["PROFILE"])
    except (ValueError, KeyError, TypeError):
        msg = "bot_identity.json must name PROFILE as TEST or PRODUCTION, found neither"
        raise SecretError(msg) from None
