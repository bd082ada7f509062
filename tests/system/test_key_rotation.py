"""A rotation whose process is killed at any boundary leaves one readable generation (C01, K15)."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from rigd.hosts import keys
from rigd.hosts.bot import env_door, keyring, open_bot
from rigd.vault.envelope import open_envelope
from rigd.vault.rotation import fingerprints
from rigd.vault.secrets import GENERATIONS, REQUIRED, SCREENER, SecretStore
from tests.fakes.clock import FakeClock
from tests.hosts.homes import VERSION_FILE, demo

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.system

EVENTS = frozenset({"open", "os.rename", "os.remove", "os.mkdir", "os.chmod"})
NEW = b'{"FINNHUB_API_KEY":"canary-canary"}'


def killed_at(home, boundary: int) -> bool:
    """Fork a process that changes a secret and is killed before its n-th call on a file."""
    child = os.fork()
    if child == 0:
        seen = [0]
        root = str(home.root)

        def count(event: str, details: tuple) -> None:
            if event not in EVENTS or not str(details[0]).startswith(root):
                return
            if event == "open" and not details[2] & (os.O_WRONLY | os.O_RDWR):
                return
            seen[0] += 1
            if seen[0] > boundary:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            keys.exchange(home, FakeClock(), "test", "killed", {SCREENER: NEW})
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def of_one_key(home) -> bool:
    """Tell that the key that lies there opens one envelope of each file, and no other key can."""
    key = keyring(home).current()
    for name in (*REQUIRED, GENERATIONS):
        found = 0
        for at in (name, f"{name}.next"):
            path = home.env / at
            if path.exists() and f'"{key.key_id}"'.encode() in path.read_bytes():
                open_envelope(path.read_bytes(), key=key, name=name)
                found += 1
        if not found:
            return False
    return True


def test_kill_9_at_every_boundary(tmp_path: Path) -> None:
    """Old key with old contents or new key with new ones; the bot opens; no fingerprint twice."""
    home = demo(tmp_path)
    store = SecretStore(env_door(home), keyring(home))
    contents = {name: store.read(name) for name in REQUIRED}
    drawn: set[str] = {keyring(home).current().key_id}
    outcomes, boundary = [], 0
    while True:
        old = keyring(home).current()
        keys.exchange(home, FakeClock(), "test", "back", {SCREENER: b"{}\n"})
        before = keyring(home).current()
        assert before != old
        if not killed_at(home, boundary):
            break
        boundary += 1
        key = keyring(home).current()
        assert of_one_key(home), boundary
        wanted = contents if key == before else contents | {SCREENER: NEW}
        assert {name: store.read(name) for name in REQUIRED} == wanted, boundary
        if key == before:
            open_bot(home, VERSION_FILE)
        listed = fingerprints(env_door(home))
        assert drawn < set(listed)
        drawn = set(listed)
        outcomes.append(key == before)
        outcomes_in_order = sorted(outcomes, reverse=True)
        assert outcomes == outcomes_in_order  # one switch: never back to the old one
    assert boundary >= 40
    assert set(outcomes) == {True, False}
    assert not list(home.env.rglob("*.next"))


def test_sessions_read_while_another_process_rotates(tmp_path: Path) -> None:
    """10,000 reads during 100 rotations of another process: no failure (C02)."""
    home = demo(tmp_path)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for _ in range(100):
                keys.exchange(home, FakeClock(), "test", "again", {})
            code = 0
        finally:
            os._exit(code)
    store = SecretStore(env_door(home), keyring(home))
    wanted = {name: store.read(name) for name in REQUIRED}
    reads, done = 0, 0
    while reads < 10_000 or not done:
        for name in REQUIRED:
            assert store.read(name) == wanted[name]
            reads += 1
        if not done:
            done, status = os.waitpid(child, os.WNOHANG)
    assert os.waitstatus_to_exitcode(status) == 0
    assert len(fingerprints(env_door(home))) == 101
