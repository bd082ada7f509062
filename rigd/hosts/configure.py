"""Change a bot's settings the safe way: validated as a whole, sealed, backed up and audited.

The plaintext exists in memory alone. A session that runs takes the change in at its next minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rigd.config import hot
from rigd.config.digest import digest
from rigd.config.edits import with_values
from rigd.config.parse import override, parse_env
from rigd.config.release import require_version
from rigd.config.sources import checkout
from rigd.core.errors import AlreadyRunning, ConfigError, LogicError, Problem
from rigd.hosts.bot import PLAINTEXT, env_door, keyring, read_text
from rigd.hosts.operator_audit import audit
from rigd.store.files import SECRET_MODE, make_folder, remove, replace
from rigd.store.locks import SessionLock
from rigd.store.registry import Registry
from rigd.vault.secrets import ENV_BOT, SecretStore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rigd.config.schema import Settings
    from rigd.core.ports import ControlClock
    from rigd.hosts.bot import Bot

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
    bot: Bot, values: Mapping[str, str], reason: str, clock: ControlClock
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
            secrets.write(ENV_BOT, changed)
    return Configured(changes=changes, generation=generation, running=running)


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
