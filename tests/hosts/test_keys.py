"""Every change of a secret exchanges the key, once, on record, and leaves no plaintext."""

from __future__ import annotations

import json

import pytest

from rigd.access.directory import users_of
from rigd.access.roles import Role
from rigd.core.errors import AlreadyRunning, ConfigError, SecretError
from rigd.core.values import Profile
from rigd.hosts import configure, keys
from rigd.hosts.bot import env_door, keyring, open_bot
from rigd.store.locks import SessionLock
from rigd.vault.given import FILE_VARIABLE, VARIABLE
from rigd.vault.keys import KEY_FILE
from rigd.vault.rotation import fingerprints
from rigd.vault.secrets import BROKER, ENV_BOT, IDENTITY, REQUIRED, SecretStore
from tests.access.homes import WORDS
from tests.fakes.clock import FakeClock
from tests.hosts.homes import VERSION_FILE, bot_of, demo, listing

CANARY = "canary-broker-key-0123456789"


@pytest.fixture
def home(tmp_path):
    return demo(tmp_path)


def key_of(home) -> str:
    return keyring(home).current().key_id


def uses(home) -> list[dict]:
    lines = (home.logs / "key_usage.log").read_text().splitlines()
    return [json.loads(line) for line in lines]


def audited(home) -> list[dict]:
    lines = (home.logs / "operator_audit.log").read_text().splitlines()
    return [json.loads(line) for line in lines]


def production(home) -> None:
    """Make the demo one of production, as before its first run."""
    change(home, "bot_identity", {"PROFILE": "PRODUCTION"})


def change(home, secret: str, fields: dict[str, str]) -> tuple[str, ...]:
    return configure.change_secret(home, secret, fields, "a test", FakeClock())


def test_a_rotation_is_on_record(home) -> None:
    """K13, K16, K19: who, what, when, both keys, the digests before and after; one audit row."""
    old, bot = key_of(home), bot_of(home)
    new = keys.rotate_keys(home, FakeClock(), "a test")
    assert new == key_of(home) != old
    (row,) = uses(home)
    assert (row["event"], row["key_before"], row["key_after"]) == ("keys_rotated", old, new)
    assert (row["why"], row["timestamp"]) == ("a test", "2024-03-04T14:00:00Z")
    assert set(row["sha256_before"]) == set(row["sha256_after"]) == set(REQUIRED)
    assert not set(row["sha256_before"].values()) & set(row["sha256_after"].values())
    assert [row["event"] for row in audited(home)] == ["keys_rotated"]
    assert bot_of(home) == bot
    assert list(fingerprints(env_door(home))) == [old, new]


def test_every_change_exchanges_the_key(home) -> None:
    """K12: settings, credentials, identity, a new user, a changed one; never twice the same."""
    seen = [key_of(home)]

    def then(act) -> None:
        act()
        seen.append(key_of(home))

    clock = FakeClock()
    then(lambda: configure.change_settings(bot_of(home), {"MAX_PRICE": "77"}, "", clock))
    then(lambda: production(home))
    then(lambda: change(home, "broker", {"BROKER_API_KEY": CANARY}))
    then(lambda: change(home, "alerts", {"EMAIL_TO": "ada@example.org"}))
    with users_of(home, clock) as users:
        users.register(users.offer_registration(), "ada", WORDS)
    then(lambda: keys.rotate_for_users(home, clock))
    assert keys.rotate_for_users(home, clock) is False
    with users_of(home, clock) as users:
        clock.advance(60)
        users.add("bob", Role.VIEWER, WORDS, by="ada")
    then(lambda: keys.rotate_for_users(home, clock))
    with users_of(home, clock) as users:
        users.set_role("bob", Role.AUDITOR, by="ada")
    then(lambda: keys.rotate_for_users(home, clock))
    assert len(set(seen)) == len(seen) == 8
    store = SecretStore(env_door(home), keyring(home))
    assert all(store.read(name) for name in REQUIRED)


def test_credentials_are_sealed_at_once_and_never_shown(home) -> None:
    """H2, K20, K22: the next read has them; no file, row or answer shows them."""
    production(home)
    assert change(home, "broker", {"BROKER_API_KEY": CANARY}) == ("BROKER_API_KEY",)
    store = SecretStore(env_door(home), keyring(home))
    assert json.loads(store.read(BROKER)) == {"BROKER_API_KEY": CANARY}
    for name, content in listing(home.root).items():
        assert CANARY.encode() not in content, name
    row = audited(home)[-1]
    assert (row["event"], row["secret"], row["fields"]) == (
        "secret_changed",
        "broker",
        ["BROKER_API_KEY"],
    )
    assert change(home, "broker", {"BROKER_API_KEY": CANARY}) == ()
    assert len(audited(home)) == 2


def test_a_test_profile_takes_no_credentials(home) -> None:
    """It would not launch any more."""
    with pytest.raises(ConfigError, match="TEST profile must hold no credentials"):
        change(home, "broker", {"BROKER_API_KEY": CANARY})
    assert open_bot(home, VERSION_FILE).profile is Profile.TEST


def test_the_identity_is_fixed_after_bootstrap(home) -> None:
    """H4, H5: with users there is no way back to provisioning through a save."""
    provisioned = (home.logs / "provisioning.log").read_bytes()
    change(home, "bot_identity", {"BOT_ID": "07"})
    with users_of(home, FakeClock()) as users:
        users.register(users.offer_registration(), "ada", WORDS)
    before = (home.env / IDENTITY).read_bytes()
    with pytest.raises(ConfigError, match="once the bot has books or users"):
        change(home, "bot_identity", {"BOT_ID": "08"})
    assert (home.env / IDENTITY).read_bytes() == before
    assert bot_of(home).identity.bot_id == "07"
    assert (home.logs / "provisioning.log").read_bytes() == provisioned


def test_a_wrong_identity_is_refused_before_it_is_sealed(home) -> None:
    """What was read before is read afterwards."""
    with pytest.raises(ConfigError, match="ENTITY_CODE"):
        change(home, "bot_identity", {"ENTITY_CODE": "lower"})
    assert bot_of(home).identity.entity_code == "RIGD"


def test_the_settings_go_out_and_in_byte_for_byte(home) -> None:
    """K17: decrypt, encrypt, decrypt; both on record, the reader too."""
    clock = FakeClock()
    old, first = key_of(home), configure.decrypt_settings(home, "a look", clock)
    text = first + "# ünïcode\n".encode()
    configure.encrypt_settings(bot_of(home), text, "a test", clock)
    assert configure.decrypt_settings(home, "", clock) == text
    assert key_of(home) != old
    events = [(row["event"], row["why"]) for row in uses(home)]
    assert events == [
        ("decrypted", "a look"),
        ("settings_encrypted", "a test"),
        ("decrypted", "rigd config decrypt"),
    ]


def test_a_text_that_is_no_settings_is_not_sealed(home) -> None:
    """Nothing changed, the key neither."""
    before = (home.env / ENV_BOT).read_bytes()
    with pytest.raises(ConfigError):
        configure.encrypt_settings(bot_of(home), b"MAX_PRICE=canary\n", "", FakeClock())
    assert (home.env / ENV_BOT).read_bytes() == before


def test_backup_sets_hold_no_key(home) -> None:
    """K14: each rotation one set by its instant; only the newest remain."""
    clock = FakeClock()
    for _ in range(keys.KEPT + 2):
        clock.advance(1)
        keys.rotate_keys(home, clock, "again")
    sets = sorted(home.backups.glob("secrets_*"))
    assert len(sets) == keys.KEPT
    retired = sorted((home.env / "keys" / "retired").iterdir())
    assert len(retired) == keys.KEPT
    assert [path.name.partition("_")[0] for path in retired] == [
        path.name.partition("_")[2] for path in sets
    ]
    texts = [path.read_bytes().strip() for path in retired]
    for path in home.backups.rglob("*"):
        if path.is_file():
            assert not [text for text in texts if text in path.read_bytes()]
            assert path.stat().st_mode & 0o777 == 0o600


def test_one_writer_at_a_time(home) -> None:
    """A second one waits, and is refused when the first does not end."""
    clock = FakeClock()
    with (
        SessionLock(home.key_lock, what="another", clock=clock),
        pytest.raises(AlreadyRunning, match="another"),
    ):
        keys.rotate_keys(home, clock, "")
    assert sum(clock.slept) == pytest.approx(keys.WAIT_S * (keys.TRIES - 1))


def test_a_key_from_the_environment_never_touches_the_disk(home, monkeypatch) -> None:
    """K18: with the variable the bot opens and changes without a key file; it is not exchanged."""
    key = keyring(home).current()
    (home.env / KEY_FILE).unlink()
    with pytest.raises(SecretError):
        bot_of(home)
    monkeypatch.setenv(VARIABLE, key.text().decode())
    assert bot_of(home).profile is Profile.TEST
    configure.change_settings(bot_of(home), {"MAX_PRICE": "77"}, "", FakeClock())
    assert bot_of(home).settings.max_price == 77
    with pytest.raises(SecretError, match="cannot be exchanged"):
        keys.rotate_keys(home, FakeClock(), "")
    for name, content in listing(home.root).items():
        assert key.text().strip() not in content, name


def test_a_key_file_on_a_disk_is_refused(home, tmp_path, monkeypatch) -> None:
    """Only one in memory is taken."""
    path = tmp_path / "key"
    path.write_bytes(keyring(home).current().text())
    path.chmod(0o600)
    mounts = f"disk {tmp_path} ext4 rw 0 0\n"
    monkeypatch.setenv(FILE_VARIABLE, str(path))
    monkeypatch.setattr("rigd.hosts.bot.mounts", lambda: mounts)
    with pytest.raises(SecretError, match="on tmpfs, found one on ext4"):
        bot_of(home)
    monkeypatch.setattr("rigd.hosts.bot.mounts", lambda: mounts.replace("ext4", "tmpfs"))
    assert bot_of(home).profile is Profile.TEST
