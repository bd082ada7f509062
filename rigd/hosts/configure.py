"""Change a bot's settings the safe way: validated as a whole, sealed, backed up and audited.

The plaintext exists in memory alone. A session that runs takes the change in at its next minute.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rigd.config import hot
from rigd.config.credentials import checked
from rigd.config.digest import digest
from rigd.config.edits import with_values
from rigd.config.identity import read_identity
from rigd.config.lines import decode
from rigd.config.parse import override, parse_env
from rigd.config.release import require_version
from rigd.config.sources import checkout
from rigd.core.errors import AlreadyRunning, ConfigError, LogicError, Problem
from rigd.core.values import Profile
from rigd.hosts.bot import PLAINTEXT, env_door, keyring, read_text
from rigd.hosts.gate_stamp import refuse_after_failure
from rigd.hosts.keys import exchange, read_noted
from rigd.hosts.operator_audit import audit
from rigd.store.files import SECRET_MODE, make_folder, remove, replace
from rigd.store.locks import SessionLock
from rigd.store.registry import Registry
from rigd.vault.provision import profile_of
from rigd.vault.secrets import CREDENTIALS, ENV_BOT, IDENTITY, SecretStore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rigd.config.schema import Settings
    from rigd.core.ports import ControlClock
    from rigd.hosts.bot import Bot
    from rigd.store.paths import Home

OF_THE_BOT = ("BROKER_CODE",)
"""Keys that say which bot it is: they are set when a bot is provisioned and never after."""
KEPT = 30
"""How many earlier settings remain in runs/backups, sealed as they were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """What a change did.

    Parameters
    ----------
    changes
        (key, before, after); empty when the settings were so already.
    generation
        The generation of the file that holds them now.
    running
        Whether a session runs that takes them in.
    """

    changes: tuple[hot.Change, ...]
    generation: int
    running: bool


def change_settings(
    bot: Bot,
    values: Mapping[str, str],
    reason: str,
    clock: ControlClock,
    *,
    restores: bool = False,
) -> Configured:
    """Write changed settings to ``env/.env_bot.enc``.

    Parameters
    ----------
    bot
        Whose settings; they are read again inside.
    values
        New values by key, as text.
    reason
        Why; kept in the audit log.
    clock
        The control clock.
    restores
        Whether earlier settings come back: a failed run of the tests does not hold that up.

    Returns
    -------
    Configured
        What changed.

    Raises
    ------
    ConfigError
        If a value is wrong, the whole breaks a rule, a key must wait for the next start while a
        session runs, or a key says which bot it is; nothing was written.
    AlreadyRunning
        If another change is being written.
    """
    _refuse_plaintext(bot)
    tree = bot.home.bot(bot.identity)
    make_folder(tree.root)
    lock = SessionLock(tree.config_lock, what="rigd config set", clock=clock)
    with lock, Registry(bot.home, bot.identity) as registry:
        text = read_text(bot.home, ENV_BOT)
        old = parse_env(text, source=bot.settings_source)
        new = override(old, values, source="rigd config set")
        require_version(
            new, (checkout() / "VERSION.md").read_text(encoding="utf-8"), source="rigd config set"
        )
        changes = hot.changes(old, new)
        secrets = SecretStore(env_door(bot.home), keyring(bot.home))
        generation = secrets.generation(ENV_BOT)
        running = _runs(tree.lock, clock)
        _refuse_fixed(old, new, running=running)
        if not restores:
            refuse_after_failure(old, "a change of settings", [key for key, _, _ in changes])
        if changes:
            _back_up(bot, secrets, generation)
            generation = secrets.next_generation(ENV_BOT)
            fields = {
                "bot": str(bot.identity),
                "profile": bot.profile.value,
                "reason": reason,
                "changes": [list(change) for change in changes],
                "digest_before": digest(old),
                "digest_after": digest(new),
                "generation": generation,
                "session_running": running,
            }
            changed = _changed_text(text, new, changes)
            audit(registry, clock, "settings_changed", fields)
            exchange(bot.home, clock, "settings_changed", reason, {ENV_BOT: changed})
    return Configured(changes=changes, generation=generation, running=running)


def change_secret(
    home: Home, secret: str, fields: Mapping[str, str], reason: str, clock: ControlClock
) -> tuple[str, ...]:
    """Set fields of a secret file: credentials, channels of alerts, the identity of a new bot.

    Parameters
    ----------
    home
        Whose.
    secret
        ``broker``, ``screener_api``, ``acct_api_credentials``, ``alerts`` or ``bot_identity``.
    fields
        Texts by field; a blank one stays as it is.
    reason
        Why; kept in the audit log.
    clock
        The control clock.

    Returns
    -------
    tuple of str
        The names of the fields that have another value now; no value is ever returned.

    Raises
    ------
    ConfigError
        If a field is wrong or fixed, or the profile holds no credentials; nothing was written.
    SecretError, StorageError
        If the secrets do not open or the disk refuses.
    """
    given = checked(secret, fields)
    name = f"secrets/{secret}.json.enc"
    store = SecretStore(env_door(home), keyring(home))
    held = json.loads(store.read(name)) if store.exists(name) else {}
    changed = tuple(sorted(key for key, text in given.items() if held.get(key) != text))
    if not changed:
        return ()
    if name == IDENTITY:
        _refuse_another_bot(home)
    elif name in CREDENTIALS and profile_of(store.read(IDENTITY)) is Profile.TEST:
        msg = f"a TEST profile must hold no credentials, {secret} was to be set"
        raise ConfigError(msg, fix="set PROFILE of bot_identity to PRODUCTION before the first run")
    content = json.dumps(held | given, indent=1, sort_keys=True).encode() + b"\n"
    if name == IDENTITY:
        read_identity(content)
    with Registry(home.live) as registry:
        row = {"secret": secret, "fields": list(changed), "reason": reason}
        audit(registry, clock, "secret_changed", row)
    exchange(home, clock, "secret_changed", reason, {name: content})
    return changed


def encrypt_settings(bot: Bot, content: bytes, reason: str, clock: ControlClock) -> str:
    """Seal a whole settings text, byte for byte, in the place of the one that lies there.

    Parameters
    ----------
    bot
        Whose settings.
    content
        A valid ``.env_bot``.
    reason
        Why; kept in the audit log.
    clock
        The control clock.

    Returns
    -------
    str
        The fingerprint of the key that it is sealed with.

    Raises
    ------
    ConfigError
        If the text is not valid, of another version or bot, or cannot change while a session runs.
    AlreadyRunning
        If another change is being written.
    """
    source = "rigd config encrypt"
    tree = bot.home.bot(bot.identity)
    make_folder(tree.root)
    lock = SessionLock(tree.config_lock, what=source, clock=clock)
    with lock, Registry(bot.home, bot.identity) as registry:
        old = parse_env(read_text(bot.home, ENV_BOT), source=f"env/{ENV_BOT}")
        new = parse_env(decode(content, source=source), source=source)
        require_version(new, (checkout() / "VERSION.md").read_text(encoding="utf-8"), source=source)
        _refuse_fixed(old, new, running=_runs(tree.lock, clock))
        refuse_after_failure(old, source)
        secrets = SecretStore(env_door(bot.home), keyring(bot.home))
        _back_up(bot, secrets, secrets.generation(ENV_BOT))
        fields = {
            "bot": str(bot.identity),
            "reason": reason,
            "digest_before": digest(old),
            "digest_after": digest(new),
        }
        audit(registry, clock, "settings_encrypted", fields)
        return exchange(bot.home, clock, "settings_encrypted", reason, {ENV_BOT: content})


def decrypt_settings(home: Home, reason: str, clock: ControlClock) -> bytes:
    """Return the settings text as it was sealed; who asked is on record.

    Parameters
    ----------
    home
        Whose.
    reason
        Why; kept in the audit log.
    clock
        The control clock.

    Returns
    -------
    bytes
        The plaintext, for the caller's memory alone.
    """
    return read_noted(home, ENV_BOT, clock, reason or "rigd config decrypt")


def _refuse_another_bot(home: Home) -> None:
    """Refuse to provision again through a save once there are books or users (H5)."""
    if home.books() or home.users.is_file():
        msg = "bot_identity.json must stay as it is once the bot has books or users, was changed"
        raise ConfigError(msg, fix="another bot lives in another RIGD_HOME")


def _refuse_plaintext(bot: Bot) -> None:
    if bot.settings_source == f"env/{PLAINTEXT}":
        msg = f"the TEST profile must run from env/{ENV_BOT}, found the readable env/{PLAINTEXT}"
        raise ConfigError(msg, fix=f"edit env/{PLAINTEXT}, or remove it and set the keys again")


def _refuse_fixed(old: Settings, new: Settings, *, running: bool) -> None:
    """Refuse keys that name the bot, and keys that cannot change under a session that runs."""
    source = "rigd config set"
    changed = hot.changed(old, new)
    problems = [
        Problem(source, "says which bot it is: another broker is another bot", key)
        for key in changed
        if key in OF_THE_BOT
    ]
    if running:
        problems += [
            Problem(source, "takes effect at a start only, and a session is running", key)
            for key in hot.needs_start(old, new)
            if key not in OF_THE_BOT
        ]
    if problems:
        msg = f"{source}: {len(problems)} key(s) cannot be changed now"
        fix = "set them when no session runs; another bot lives in another RIGD_HOME"
        raise ConfigError(msg, problems=problems, fix=fix)


def _runs(lock: Path, clock: ControlClock) -> bool:
    probe = SessionLock(lock, what="rigd config set", clock=clock)
    try:
        probe.acquire()
    except AlreadyRunning:
        return True
    probe.release()
    return False


def _back_up(bot: Bot, secrets: SecretStore, generation: int) -> None:
    """Keep the sealed settings as they were; the key never lies beside them."""
    folder = bot.home.backups
    stem = f"{bot.identity}_env_bot_"
    replace(folder / f"{stem}{generation:08d}.enc", secrets.sealed(ENV_BOT), SECRET_MODE)
    for path in sorted(folder.glob(f"{stem}*.enc"))[:-KEPT]:
        remove(path)


def _changed_text(text: str, new: Settings, changes: tuple[hot.Change, ...]) -> bytes:
    changed = with_values(text, {key: after for key, _, after in changes})
    if parse_env(changed, source=f"env/{ENV_BOT}") != new:
        msg = "the changed text must read as the changed settings, it does not"
        raise LogicError(msg, fix="set fewer keys at once, and report it")
    return changed.encode()
