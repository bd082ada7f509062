"""The one rotation: a new key for everything, switched in by one replacement (FAULTS C01, C02).

Every secret is sealed with the new key beside its file, as ``NAME.next``. Then the key file is
replaced: that one rename is the switch. An envelope says which key it belongs to, so before the
switch the ``.next`` files are nobody's and after it the old files are. Readers look at both names
and take the one of the key that lies there; whoever writes next finishes or undoes what a crash
left. The new key exists on disk from the switch on and never before.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rigd.core.clock import iso
from rigd.core.errors import SecretError
from rigd.core.ports import Files
from rigd.vault.envelope import generation_of, open_envelope, seal
from rigd.vault.secrets import GENERATIONS, NEXT, SecretStore, checked_name, key_id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from rigd.vault.keys import Key, KeyRing

HISTORY = "keys/history.json"
"""The fingerprints of all keys that ever were, with the instants; no key is drawn twice."""
RETIRED = "keys/retired/{stamp}_{key_id}.key"
"""Where the key before this one is kept, away from the backups that it opens (K14)."""
STAMP = "%Y%m%dT%H%M%S%fZ"
"""How a backup set and the key that opens it are named alike, UTC."""
KEPT = 30
"""How many retired keys and backup sets remain."""
_DRAWS = 4


class VaultFiles(Files, Protocol):
    """The door to ``env/`` of whoever rotates: it also lists and removes."""

    def names(self, folder: str) -> list[str]:
        """Return the names of the plain files in a folder, in order; none where it is missing."""
        ...

    def remove(self, name: str) -> bool:
        """Remove a file durably; tell whether it was there."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What a rotation did.

    Parameters
    ----------
    old, new
        The fingerprints of the keys.
    files
        Every file that was sealed anew, relative to ``env/``.
    changed
        Those whose content is another one.
    stamp
        The backup set's name.
    """

    old: str
    new: str
    files: tuple[str, ...]
    changed: tuple[str, ...]
    stamp: str


def rotate(
    files: VaultFiles,
    backups: VaultFiles,
    keyring: KeyRing,
    *,
    at: datetime,
    draw: Callable[[], Key],
    changes: Mapping[str, bytes] | None = None,
) -> Rotated:
    """Exchange the key and seal every secret anew; changed contents come in with the same switch.

    The caller holds the lock of the vault: one rotation at a time.

    Parameters
    ----------
    files
        The door to ``env/``; it creates files with mode 0600 in folders with mode 0700.
    backups
        The door to the folder of backup sets.
    keyring
        The key of ``env/``.
    at
        The instant, UTC; names the backup set.
    draw
        Draws a new key, as `rigd.vault.keys.new_key`.
    changes
        New contents by name; names that do not exist yet are created.

    Returns
    -------
    Rotated
        What was done; nothing is left half done.

    Raises
    ------
    SecretError
        If a secret does not open, the key is held by no file, or no new key can be drawn; the
        secrets are as they were.
    StorageError
        If the disk refuses; the secrets are as they were, or all are new.
    """
    wanted = {checked_name(name): content for name, content in (changes or {}).items()}
    if not keyring.may_rotate:
        msg = "a key that is handed to this process cannot be exchanged by it"
        raise SecretError(msg, fix="exchange it where it comes from, and provision again")
    settle(files, keyring)
    store = SecretStore(files, keyring)
    old, stamp = keyring.current(), at.strftime(STAMP)
    names = sealed_names(files)
    held = {name: store.read(name) for name in names}
    before = {name: files.read(name) for name in names}
    contents = held | wanted
    changed = tuple(sorted(name for name in wanted if held.get(name) != wanted[name]))
    generations = {name: generation_of(before[name], name=name) for name in names}
    known = store.generations()
    for name in changed:
        generations[name] = max(generations.get(name, 0), known.get(name, 0)) + 1
    _back_up(files, backups, before, old, stamp)
    new = _drawn(files, old, at, draw)
    table = json.dumps({**known, **generations}, sort_keys=True).encode()
    blobs = {
        name: seal(content, key=new, name=name, generation=generations[name])
        for name, content in sorted(contents.items())
    }
    total = sum({**known, **generations}.values())
    blobs[GENERATIONS] = seal(table, key=new, name=GENERATIONS, generation=total)
    for name, blob in blobs.items():
        files.replace(name + NEXT, blob)
    for name, content in contents.items():
        if open_envelope(files.read(name + NEXT), key=new, name=name) != content:
            msg = f"env/{name} must open with the new key as it was, it does not"
            raise SecretError(msg)
    keyring.replace(new)
    settle(files, keyring)
    return Rotated(
        old=old.key_id, new=new.key_id, files=tuple(sorted(contents)), changed=changed, stamp=stamp
    )


def settle(files: VaultFiles, keyring: KeyRing) -> tuple[str, ...]:
    """Finish a rotation that was cut short after its switch; undo one that was cut before.

    Parameters
    ----------
    files
        The door to ``env/``.
    keyring
        Its key.

    Returns
    -------
    tuple of str
        The ``.next`` files that were found.
    """
    found = tuple(name for name in _names(files) if name.endswith(NEXT))
    if not found:
        return ()
    key_id = keyring.current().key_id
    for name in found:
        blob = files.read(name)
        if key_id_of(blob) == key_id:
            files.replace(name.removesuffix(NEXT), blob)
        files.remove(name)
    return found


def sealed_names(files: VaultFiles) -> tuple[str, ...]:
    """Return every secret file under ``env/``, in order, without the table of generations.

    Parameters
    ----------
    files
        The door to ``env/``.

    Returns
    -------
    tuple of str
        Names as `SecretStore` knows them.
    """
    return tuple(name for name in _names(files) if name.endswith(".enc") and name != GENERATIONS)


def fingerprints(files: Files) -> dict[str, str]:
    """Return the fingerprints of all keys that were made, with the instant of each, UTC.

    Parameters
    ----------
    files
        The door to ``env/``.

    Returns
    -------
    dict of str to str
        Fingerprint to instant; the newest last.

    Raises
    ------
    SecretError
        If the file is malformed.
    """
    if not files.exists(HISTORY):
        return {}
    try:
        held = json.loads(files.read(HISTORY))
        return {str(key_id): str(at) for key_id, at in held}
    except (ValueError, TypeError):
        msg = f"env/{HISTORY} must list fingerprints of keys, found something else"
        raise SecretError(msg, fix="restore it from a copy, or set it aside") from None


def _names(files: VaultFiles) -> list[str]:
    at_top = [name for name in files.names("") if name.startswith(".env_bot")]
    found = at_top + [f"secrets/{name}" for name in files.names("secrets")]
    return sorted(name for name in found if name.removesuffix(NEXT).endswith(".enc"))


def _drawn(files: VaultFiles, old: Key, at: datetime, draw: Callable[[], Key]) -> Key:
    """Return a key that never was; its fingerprint is on record before it is used."""
    known = fingerprints(files)
    known.setdefault(old.key_id, iso(at))
    for _ in range(_DRAWS):
        new = draw()
        if new.key_id not in known:
            listed = [*known.items(), (new.key_id, iso(at))]
            files.replace(HISTORY, json.dumps(listed, indent=0).encode() + b"\n")
            return new
    msg = f"a new key must differ from every earlier one, {_DRAWS} in a row did not"
    raise SecretError(msg, fix="the machine's source of randomness is broken: replace it")


def _back_up(
    files: VaultFiles, backups: VaultFiles, before: Mapping[str, bytes], old: Key, stamp: str
) -> None:
    """Keep what will be overwritten: the sealed files in one place, their key in another."""
    for name, blob in before.items():
        backups.replace(f"secrets_{stamp}/{name.rpartition('/')[2].lstrip('.')}", blob)
    files.replace(RETIRED.format(stamp=stamp, key_id=old.key_id), old.text())
    for name in files.names("keys/retired")[:-KEPT]:
        files.remove(f"keys/retired/{name}")
