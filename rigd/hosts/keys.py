"""The one door to the keys of a home: every change of a secret exchanges the key (document 050).

Settings, credentials, identity and users come through here, and so does `rigd keys rotate`. Each
use leaves one row in key_usage.log: who, what, when, which key before and after, and the digests of
the sealed files; never a value.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from rigd.core.clock import iso
from rigd.core.errors import AlreadyRunning, SecretError
from rigd.hosts.bot import env_door, keyring
from rigd.hosts.operator_audit import audit, name
from rigd.store.database import open_for_reading
from rigd.store.files import SECRET_FOLDER_MODE, SECRET_MODE, LocalFiles, make_folder, remove_tree
from rigd.store.locks import SessionLock
from rigd.store.registry import Registry
from rigd.vault.keys import new_key
from rigd.vault.rotation import KEPT, rotate, sealed_names, settle
from rigd.vault.secrets import ALERTS, ENV_BOT, IDENTITY, SCREENER, SecretStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rigd.core.ports import ControlClock
    from rigd.store.paths import Home

WRITER = "rigd.hosts.keys"
LOG = "key_usage.log"
SETS = "secrets_"
"""How the names of the backup sets in ``runs/backups`` begin."""
USERS_SEEN = "keys/users.json"
"""Which users there were when the key was exchanged for them last."""
OF_A_SESSION = (ENV_BOT, IDENTITY, SCREENER, ALERTS)
"""What a session opens, as far as it is there."""
WAIT_S = 0.05
TRIES = 100
"""How often another writer is waited for, and how long each time [s]."""


def exchange(
    home: Home, clock: ControlClock, event: str, why: str, changes: Mapping[str, bytes]
) -> str:
    """Exchange the key of a home, with changed secrets, and note it.

    Parameters
    ----------
    home
        Whose.
    clock
        The control clock.
    event, why
        What was done and the reason, for key_usage.log.
    changes
        New contents by name; none for a rotation alone.

    Returns
    -------
    str
        The fingerprint of the key that is in force now. A key that is handed to this process stays,
        and only what changed is sealed anew.

    Raises
    ------
    AlreadyRunning
        If another process writes secrets all the time.
    SecretError
        If a secret does not open, or a key that was handed in is to be exchanged alone.
    StorageError
        If the disk refuses; everything is as it was, or all is new.
    """
    live = home.live
    files, ring = env_door(live), keyring(live)
    with writing(live, clock), Registry(live) as registry:
        before = digests(files)
        if ring.may_rotate:
            backups = LocalFiles(live.backups, mode=SECRET_MODE)
            done = rotate(files, backups, ring, at=clock.now(), draw=new_key, changes=changes)
            old, new = done.old, done.new
            for folder in sorted(live.backups.glob(f"{SETS}*"))[:-KEPT]:
                remove_tree(folder)
        else:
            if not changes:
                msg = "a key that is handed to this process cannot be exchanged by it"
                raise SecretError(msg, fix="exchange it where it comes from")
            settle(files, ring)
            store = SecretStore(files, ring)
            for each, content in changes.items():
                store.write(each, content)
            old = new = ring.current().key_id
        _note(registry, clock, event, why, (old, new), sorted(changes), (before, digests(files)))
    return new


def rotate_keys(home: Home, clock: ControlClock, why: str) -> str:
    """Exchange the key of a home and seal every secret anew.

    Parameters
    ----------
    home
        Whose.
    clock
        The control clock.
    why
        The reason, for the audit.

    Returns
    -------
    str
        The fingerprint of the new key.

    Raises
    ------
    AlreadyRunning
        If another process writes secrets all the time.
    SecretError, StorageError
        If a secret does not open, the key is handed in from outside, or the disk refuses.
    """
    new = exchange(home, clock, "keys_rotated", why, {})
    with Registry(home.live) as registry:
        audit(registry, clock, "keys_rotated", {"key_id": new, "reason": why})
    return new


def rotate_for_users(home: Home, clock: ControlClock) -> bool:
    """Exchange the key when users were added, removed or changed since it was done last.

    Parameters
    ----------
    home
        Whose; looked at by its supervisor every now and then.
    clock
        The control clock.

    Returns
    -------
    bool
        Whether it was exchanged.

    Raises
    ------
    AlreadyRunning
        If another process writes secrets all the time.
    SecretError, StorageError
        As of `rotate_keys`.
    """
    files = env_door(home)
    if not home.users.is_file() or not keyring(home).may_rotate or not keyring(home).exists():
        return False
    with closing(open_for_reading(home.users)) as database:
        rows = database.execute(
            "SELECT name, role, enabled, created_at, changed_at FROM users ORDER BY name"
        ).fetchall()
    found = json.dumps([list(row) for row in rows]).encode()
    digest = hashlib.sha256(found).hexdigest().encode() + b"\n"
    if not rows or (files.exists(USERS_SEEN) and files.read(USERS_SEEN) == digest):
        return False
    rotate_keys(home, clock, "users changed")
    files.replace(USERS_SEEN, digest)
    return True


def read_noted(home: Home, secret: str, clock: ControlClock, why: str) -> bytes:
    """Return what a secret file holds; who read it is on record before.

    Parameters
    ----------
    home
        Whose.
    secret
        ``.env_bot.enc`` or ``secrets/….json.enc``.
    clock
        The control clock.
    why
        What for.

    Returns
    -------
    bytes
        The plaintext, for the caller's memory alone.

    Raises
    ------
    SecretError
        If it does not open.
    """
    live = home.live
    files, ring = env_door(live), keyring(live)
    content = SecretStore(files, ring).read(secret)
    key_id, found = ring.current().key_id, digests(files)
    with Registry(live) as registry:
        _note(registry, clock, "decrypted", why, (key_id, key_id), [secret], (found, found))
    return content


def note_session(home: Home, clock: ControlClock, session: str) -> None:
    """Note that a session's engine is started, which reads the secrets of its home (K19).

    Parameters
    ----------
    home
        Whose; the row of a dry run stands in the dry run's own log.
    clock
        The control clock.
    session
        The session's name.

    Raises
    ------
    SecretError
        If there is no key.
    StorageError
        If the disk refuses.
    """
    files, ring = env_door(home.live), keyring(home.live)
    key_id, found = ring.current().key_id, digests(files)
    opened = [each for each in OF_A_SESSION if each in found]
    with Registry(home) as registry:
        dry = "" if home == home.live else " of TEST_MODE"
        why = f"session {session}{dry}"
        _note(registry, clock, "decrypted", why, (key_id, key_id), opened, (found, found))


def digests(files: LocalFiles) -> dict[str, str]:
    """Return the SHA-256 of each sealed file; it tells nothing of what is inside.

    Parameters
    ----------
    files
        The door to ``env/``.

    Returns
    -------
    dict of str to str
        By name.
    """
    return {each: hashlib.sha256(files.read(each)).hexdigest() for each in sealed_names(files)}


@contextmanager
def writing(home: Home, clock: ControlClock) -> Iterator[None]:
    """Be the one who writes secrets; another one is waited for.

    Parameters
    ----------
    home
        Whose.
    clock
        The control clock.

    Yields
    ------
    None
        Nothing; the body writes.

    Raises
    ------
    AlreadyRunning
        If another one does not end.
    """
    make_folder(home.key_lock.parent, SECRET_FOLDER_MODE)
    lock = SessionLock(home.key_lock, what="a change of secrets", clock=clock)
    for left in reversed(range(TRIES)):
        try:
            lock.acquire()
            break
        except AlreadyRunning:
            if not left:
                raise
            clock.sleep(WAIT_S)
    try:
        yield
    finally:
        lock.release()


def _note(
    registry: Registry,
    clock: ControlClock,
    event: str,
    why: str,
    keys: tuple[str, str],
    names: list[str],
    sealed: tuple[dict[str, str], dict[str, str]],
) -> None:
    before, after = sealed
    row = {
        "timestamp": iso(clock.now()),
        "event": event,
        "by": name(),
        "why": why,
        "files": names,
        "key_before": keys[0],
        "key_after": keys[1],
        "sha256_before": before,
        "sha256_after": after,
    }
    registry.append_line(LOG, json.dumps(row, sort_keys=True), writer=WRITER)
