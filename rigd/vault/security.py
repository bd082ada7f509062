"""What must hold of keys and secrets before anything is launched (security_bot of 050)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.core.errors import SecretError
from rigd.core.values import Profile, SelfCheck
from rigd.vault.keys import KEY_FILE
from rigd.vault.provision import profile_of, refuse_production
from rigd.vault.secrets import ENV_BOT, IDENTITY, REQUIRED, SecretStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from rigd.core.ports import Files
    from rigd.vault.keys import KeyRing

KEY_PATH = f"env/{KEY_FILE}"
"""The single valid key path, from the folder that holds ``env/`` (document 090)."""

PLAINTEXT = ".env_bot"
"""What must not lie beside production secrets (document 050)."""


def launch_checks(
    files: Files, keyring: KeyRing, *, key_path: str = KEY_PATH
) -> tuple[SelfCheck, ...]:
    """Return what security says about a launch, one check per rule.

    Parameters
    ----------
    files
        The door to ``env/``.
    keyring
        The key of that folder.
    key_path
        ENV_BOT_KEY of ``.env``.

    Returns
    -------
    tuple of SelfCheck
        Every rule, passed or failed with its reason.

    References
    ----------
    INVENTORY K3, K10, K11, R2, S12.
    """
    secrets = SecretStore(files, keyring)
    rules: tuple[tuple[str, Callable[[], str]], ...] = (
        ("key path", lambda: _key_path(key_path)),
        ("key", lambda: f"key {keyring.current().key_id}"),
        *((name, lambda name=name: _decrypts(secrets, name)) for name in REQUIRED),
        ("profile", lambda: _profile(files, secrets)),
    )
    return tuple(_checked(name, rule) for name, rule in rules)


def check_launch(files: Files, keyring: KeyRing, *, key_path: str = KEY_PATH) -> Profile:
    """Return the profile that may be launched.

    Parameters
    ----------
    files
        The door to ``env/``.
    keyring
        The key of that folder.
    key_path
        ENV_BOT_KEY of ``.env``.

    Returns
    -------
    Profile
        TEST or PRODUCTION, as the identity says.

    Raises
    ------
    SecretError
        If any rule fails; the message names each that does.
    """
    failed = [
        check for check in launch_checks(files, keyring, key_path=key_path) if not check.passed
    ]
    if failed:
        reasons = "; ".join(dict.fromkeys(check.detail for check in failed))
        msg = f"launch refused: {reasons}"
        raise SecretError(msg)
    return profile_of(SecretStore(files, keyring).read(IDENTITY))


def _checked(name: str, rule: Callable[[], str]) -> SelfCheck:
    try:
        return SelfCheck(name=name, passed=True, detail=rule())
    except SecretError as error:
        detail = f"{error.message} ({error.fix})" if error.fix else error.message
        return SelfCheck(name=name, passed=False, detail=detail)


def _key_path(found: str) -> str:
    if found != KEY_PATH:
        msg = f"ENV_BOT_KEY must be {KEY_PATH}, found another path"
        raise SecretError(msg)
    return KEY_PATH


def _decrypts(secrets: SecretStore, name: str) -> str:
    secrets.read(name)
    return f"env/{name} decrypts"


def _profile(files: Files, secrets: SecretStore) -> str:
    """Return the profile, or raise when what lies beside it does not belong to it."""
    profile = profile_of(secrets.read(IDENTITY))
    if profile is Profile.TEST:
        refuse_production(secrets)
    elif files.exists(PLAINTEXT):
        msg = f"env/{PLAINTEXT} must not lie unencrypted beside a PRODUCTION profile"
        raise SecretError(
            msg, fix=f"check that env/{ENV_BOT} holds it, then delete env/{PLAINTEXT}"
        )
    return f"{profile.value} profile"
