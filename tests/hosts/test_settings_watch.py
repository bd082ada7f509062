"""Changed settings reach a running session as a whole, or not at all."""

from __future__ import annotations

import pytest

from rigd.config.hot import Offer, Refusal
from rigd.config.parse import parse_env
from rigd.hosts.bot import PLAINTEXT, env_door, keyring, read_text
from rigd.hosts.settings_watch import SettingsWatch
from rigd.vault.secrets import ENV_BOT, SecretStore
from tests.fakes.clock import FakeClock
from tests.hosts.homes import VERSION_FILE, bot_of, demo, listing


@pytest.fixture
def home(tmp_path):
    """A home with the demo."""
    return demo(tmp_path)


def watch(home, own: dict[str, str] | None = None, clock: FakeClock | None = None):
    return SettingsWatch(bot_of(home), own or {}, VERSION_FILE, clock or FakeClock(), 0.0)


def save(home, *lines: str) -> None:
    """Seal the demo's settings with some lines more."""
    text = "\n".join([read_text(home, ENV_BOT).rstrip("\n"), *lines, ""])
    SecretStore(env_door(home), keyring(home)).write(ENV_BOT, text.encode())


def test_a_replaced_file_is_offered_once(home) -> None:
    """The first look offers what lies there; after that only a file that was replaced."""
    looked = watch(home)
    first = looked.poll()
    assert isinstance(first, Offer)
    assert first.settings == bot_of(home).settings
    assert looked.poll() is None
    save(home, "MAX_OPEN_POSITIONS=3")
    offered = looked.poll()
    assert isinstance(offered, Offer)
    assert (offered.settings.max_open_positions, offered.source) == (3, "env/.env_bot.enc")
    assert looked.poll() is None


def test_the_file_is_looked_at_only_so_often(home) -> None:
    """Between two looks lies the interval of the control clock."""
    clock = FakeClock()
    looked = SettingsWatch(bot_of(home), {}, VERSION_FILE, clock, 0.2)
    assert looked.poll() is not None
    save(home, "MAX_OPEN_POSITIONS=3")
    assert looked.poll() is None
    clock.advance(0.2)
    assert looked.poll() is not None


def test_the_sessions_own_changes_stay_on_top(home) -> None:
    """What --set asked for holds for the whole session, and is validated with the file."""
    looked = watch(home, {"MAX_TRADES": "1", "WEIGHTS": "1"})
    save(home, "MAX_OPEN_POSITIONS=3")
    offered = looked.poll()
    assert (offered.settings.max_trades, offered.settings.max_open_positions) == (1, 3)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (("MAX_TRADES=2",), "WEIGHTS: must hold one weight for each of MAX_TRADES=2"),
        (("NO_SUCH_KEY=1",), "is not a known key"),
        (("MAX_OPEN_POSITIONS",), "found no '='"),
    ],
)
def test_what_is_not_valid_as_a_whole_is_refused(home, lines, told) -> None:
    """The reason has every problem; nothing of the file is offered."""
    looked = watch(home)
    looked.poll()
    save(home, *lines)
    refused = looked.poll()
    assert isinstance(refused, Refusal)
    assert told in refused.reason
    assert looked.poll() is None


def test_a_file_that_is_gone_or_does_not_decrypt_is_refused(home) -> None:
    """The session goes on with what it has (SPEC §9a, cannot decrypt while running)."""
    looked = watch(home)
    looked.poll()
    path = home.env / ENV_BOT
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "does not decrypt" in looked.poll().reason
    path.unlink()
    assert "must exist" in looked.poll().reason
    path.write_bytes(content)
    assert isinstance(looked.poll(), Offer)


def test_an_older_copy_is_refused(home) -> None:
    """A file of an older generation was put back: it is not read (FAULTS C02)."""
    looked = watch(home)
    old = (home.env / ENV_BOT).read_bytes()
    save(home, "MAX_OPEN_POSITIONS=3")
    looked.poll()
    (home.env / ENV_BOT).write_bytes(old)
    assert "generation" in looked.poll().reason


def test_a_readable_file_of_a_test_profile_is_watched_too(home) -> None:
    """A session that began from env/.env_bot reads that file again."""
    (home.env / PLAINTEXT).write_text(read_text(home, ENV_BOT))
    looked = watch(home)
    assert looked.poll().source == "env/.env_bot"
    (home.env / PLAINTEXT).write_text(read_text(home, ENV_BOT) + "MAX_OPEN_POSITIONS=2\n")
    assert looked.poll().settings.max_open_positions == 2


def test_looking_writes_nothing(home) -> None:
    """The watch reads; not one byte of the home changes."""
    save(home, "MAX_OPEN_POSITIONS=3")
    before = listing(home.root)
    watch(home).poll()
    assert listing(home.root) == before
    assert parse_env(read_text(home, ENV_BOT), source="x").max_open_positions == 3
