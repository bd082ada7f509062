"""One switch for all: a rotation that is cut anywhere leaves one readable generation."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import count

import pytest

from rigd.core.errors import SecretError
from rigd.vault.envelope import open_envelope
from rigd.vault.keys import KEY_FILE, Key, KeyRing, new_key
from rigd.vault.rotation import HISTORY, fingerprints, rotate, sealed_names, settle
from rigd.vault.secrets import BROKER, ENV_BOT, GENERATIONS, NEXT, SCREENER, SecretStore
from tests.fakes.files import MemoryFiles

AT = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
OLD = {ENV_BOT: b"A=1\n", BROKER: b'{"K":"old"}', SCREENER: b"{}\n"}


class CutError(Exception):
    """The process dies here."""


class CutFiles(MemoryFiles):
    """Files of a process that dies at a chosen call, before or after it took effect."""

    def __init__(self, content: dict[str, bytes], calls: count, at: int, *, after: bool) -> None:
        self.content = content
        self._calls, self._at, self._after = calls, at, after

    def _count(self, act) -> object:
        mine = next(self._calls) == self._at
        if mine and not self._after:
            raise CutError
        done = act()
        if mine:
            raise CutError
        return done

    def replace(self, name: str, content: bytes) -> None:
        self._count(lambda: super(CutFiles, self).replace(name, content))

    def remove(self, name: str) -> bool:
        return bool(self._count(lambda: super(CutFiles, self).remove(name)))


def vault() -> MemoryFiles:
    files = MemoryFiles()
    KeyRing(files).create()
    for name, content in OLD.items():
        SecretStore(files, KeyRing(files)).write(name, content)
    return files


def turn(files, backups=None, changes=None, draw=new_key):
    backups = MemoryFiles() if backups is None else backups
    ring = KeyRing(files)
    return rotate(files, backups, ring, at=AT, draw=draw, changes=changes)


def contents(files) -> dict[str, bytes]:
    store = SecretStore(files, KeyRing(files))
    return {name: store.read(name) for name in OLD}


def opened_by(files, key: Key) -> set[str]:
    found = set()
    for name in [*OLD, GENERATIONS]:
        for at in (name, name + NEXT):
            try:
                open_envelope(files.content[at], key=key, name=name)
            except (KeyError, SecretError):
                continue
            found.add(name)
    return found


def test_everything_is_sealed_with_the_new_key_and_nothing_with_the_old() -> None:
    """All files, the table of generations too; the old key opens none of them."""
    files = vault()
    old = KeyRing(files).current()
    before = dict(files.content)
    done = turn(files)
    new = KeyRing(files).current()
    assert (done.old, done.new) == (old.key_id, new.key_id)
    assert old != new
    assert contents(files) == OLD
    assert opened_by(files, new) == {*OLD, GENERATIONS}
    assert opened_by(files, old) == set()
    assert not [name for name in files.content if name.endswith(NEXT)]
    assert all(before[name] != files.content[name] for name in OLD)


def test_a_change_comes_in_with_the_same_switch() -> None:
    """The changed file has the next generation, a new one its first, others keep theirs."""
    files = vault()
    fresh = "secrets/alerts.json.enc"
    done = turn(files, changes={BROKER: b"new", fresh: b"made"})
    store = SecretStore(files, KeyRing(files))
    assert done.changed == (fresh, BROKER)
    assert (store.read(BROKER), store.read(fresh), store.read(ENV_BOT)) == (
        b"new",
        b"made",
        b"A=1\n",
    )
    assert [store.generation(name) for name in (BROKER, fresh, ENV_BOT)] == [2, 1, 1]
    assert store.generations() == {ENV_BOT: 1, BROKER: 2, SCREENER: 1, fresh: 1}


@pytest.mark.parametrize("after", [False, True])
def test_a_cut_at_any_call_leaves_one_generation(after) -> None:
    """Old contents with the old key, or new ones with the new key; the next one goes through."""
    seen, cuts = set(), 0
    for at in range(200):
        files = vault()
        old = KeyRing(files).current()
        calls = count()
        cut = CutFiles(files.content, calls, at, after=after)
        backups = CutFiles({}, calls, at, after=after)
        try:
            turn(cut, backups, {BROKER: b"new"})
        except CutError:
            cuts += 1
        else:
            break
        key = KeyRing(files).current()
        wanted = OLD if key == old else OLD | {BROKER: b"new"}
        assert contents(files) == wanted
        assert opened_by(files, key) == {*OLD, GENERATIONS}
        seen.add(key == old)
        settle(files, KeyRing(files))
        assert contents(files) == wanted
        assert not [name for name in files.content if name.endswith(NEXT)]
        turn(files, changes={BROKER: b"newer"})
        assert contents(files) == OLD | {BROKER: b"newer"}
        made = [*json.loads(files.content[HISTORY])]
        assert len({key_id for key_id, _ in made}) == len(made)
    assert cuts == 18  # 3 kept, 1 key retired, 1 history, 4 sealed, 1 switch, 4 moved, 4 removed
    assert seen == {True, False}


def test_readers_beside_rotations_never_fail() -> None:
    """At each call of a rotation every secret reads as before or after, under one key (C02)."""
    files = vault()

    class Watched(MemoryFiles):
        reads = 0

        def replace(self, name: str, content: bytes) -> None:
            super().replace(name, content)
            self.look()

        def remove(self, name: str) -> bool:
            removed = super().remove(name)
            self.look()
            return removed

        def look(self) -> None:
            assert contents(files) == OLD
            Watched.reads += len(OLD)

    watched = Watched()
    watched.content = files.content
    for _ in range(10):
        turn(watched)
    assert Watched.reads > 400


def test_a_reader_that_was_overtaken_looks_again() -> None:
    """The key is exchanged between its look at the key and its look at the file."""
    files = vault()

    class Overtaken(MemoryFiles):
        left = 3

        def read(self, name: str) -> bytes:
            found = super().read(name)
            if name == KEY_FILE and self.left:
                Overtaken.left -= 1
                turn(files)
            return found

    slow = Overtaken()
    slow.content = files.content
    assert SecretStore(slow, KeyRing(slow)).read(BROKER) == OLD[BROKER]
    assert Overtaken.left == 0


def test_no_key_is_used_twice() -> None:
    """A draw that repeats an earlier key is thrown away; a source that only repeats is refused."""
    files = vault()
    first = KeyRing(files).current()
    second = new_key()
    drawn = iter([first, second])
    assert turn(files, draw=lambda: next(drawn)).new == second.key_id
    for old in (first, second):
        with pytest.raises(SecretError, match="must differ from every earlier one"):
            turn(files, draw=lambda old=old: old)
    assert KeyRing(files).current() == second
    assert contents(files) == OLD
    assert list(fingerprints(files)) == [first.key_id, second.key_id]


def test_the_files_before_are_kept_away_from_their_key() -> None:
    """One backup set by the instant, without a key; the key with the same stamp lies elsewhere."""
    files, backups = vault(), MemoryFiles()
    old, before = KeyRing(files).current(), dict(files.content)
    turn(files, backups)
    stamp = "20260105T143000000000Z"
    assert backups.content == {
        f"secrets_{stamp}/env_bot.enc": before[ENV_BOT],
        f"secrets_{stamp}/broker.json.enc": before[BROKER],
        f"secrets_{stamp}/screener_api.json.enc": before[SCREENER],
    }
    assert not [blob for blob in backups.content.values() if old.text().strip() in blob]
    assert files.content[f"keys/retired/{stamp}_{old.key_id}.key"] == old.text()


def test_a_secret_that_does_not_open_stops_it() -> None:
    """Nothing is exchanged over a broken file."""
    files = vault()
    files.content[BROKER] = files.content[BROKER][:-1] + b"\x00"
    before = dict(files.content)
    with pytest.raises(SecretError, match=r"broker\.json\.enc does not decrypt"):
        turn(files)
    assert files.content == before


def test_a_foreign_file_beside_a_secret_is_thrown_away() -> None:
    """What lies there as NAME.next without the key that lies there is nobody's."""
    files = vault()
    files.content[BROKER + NEXT] = foreign(b"planted")
    assert contents(files) == OLD
    turn(files)
    assert contents(files) == OLD
    assert BROKER + NEXT not in files.content


def foreign(content: bytes) -> bytes:
    """An envelope of another home."""
    files = MemoryFiles()
    KeyRing(files).create()
    SecretStore(files, KeyRing(files)).write(BROKER, content)
    return files.content[BROKER]


def test_a_malformed_history_is_refused_before_anything_is_written() -> None:
    """Without the history nobody can say that a key is new."""
    files = vault()
    files.content[HISTORY] = b"{"
    old = KeyRing(files).current()
    with pytest.raises(SecretError, match="must list fingerprints"):
        turn(files)
    assert KeyRing(files).current() == old
    assert contents(files) == OLD


def test_a_key_that_was_handed_in_stays() -> None:
    """Whoever hands it out exchanges it."""
    files, key = MemoryFiles(), new_key()
    ring = KeyRing(files, given=key)
    SecretStore(files, ring).write(BROKER, b"x")
    with pytest.raises(SecretError, match="cannot be exchanged"):
        rotate(files, MemoryFiles(), ring, at=AT, draw=new_key)
    assert SecretStore(files, ring).read(BROKER) == b"x"
    assert KEY_FILE not in files.content


def test_every_sealed_file_is_found() -> None:
    """Also one that no list knows."""
    files = vault()
    SecretStore(files, KeyRing(files)).write("secrets/other.json.enc", b"1")
    assert sealed_names(files) == (ENV_BOT, BROKER, "secrets/other.json.enc", SCREENER)
