from __future__ import annotations

from datetime import date

import pytest

from rigd import __version__
from rigd.config.demo import demo_identity
from rigd.config.inverse_etfs import FILE, SHIPPED, change_inverse_etfs
from rigd.core.errors import ConfigError, SecretError
from rigd.core.values import Profile
from rigd.hosts.bot import (
    account_id_of,
    env_door,
    first_settings,
    is_provisioned,
    keyring,
    open_bot,
    provision_demo,
)
from rigd.store.paths import Home
from rigd.vault.secrets import CREDENTIALS, ENV_BOT, IDENTITY, SecretStore
from tests.hosts.homes import VERSION_FILE, bot_of, demo, listing

PLAIN = f"VERSION_TAG={__version__}\nMAX_ORDER_NOTIONAL=5000\nMAX_ORDER_QUANTITY=500\n"


def secrets_of(home: Home) -> SecretStore:
    return SecretStore(env_door(home), keyring(home))


def test_the_demo_of_an_empty_home(tmp_path) -> None:
    """Key, settings, identity and the other secret files; marked TEST; a second time, nothing."""
    home = Home(tmp_path)
    assert not is_provisioned(home)
    made = provision_demo(home)
    assert {ENV_BOT, IDENTITY} <= set(made)
    assert is_provisioned(home)
    assert (home.env / "keys" / "env.key").stat().st_mode & 0o777 == 0o600
    bot = bot_of(home)
    assert (str(bot.identity), bot.profile) == ("RIGD_USA_SIM_01", Profile.TEST)
    assert bot.settings_source == "env/.env_bot.enc"
    assert bot.settings.version_tag == __version__
    before = listing(home.env)
    assert provision_demo(home) == ()
    assert listing(home.env) == before


def test_settings_lie_encrypted(tmp_path) -> None:
    """No setting of the demo can be read without the key."""
    home = demo(tmp_path)
    for path in home.env.rglob("*"):
        if path.is_file():
            assert b"MAX_ORDER_NOTIONAL" not in path.read_bytes()


@pytest.mark.parametrize("name", CREDENTIALS)
def test_the_demo_refuses_beside_production_secrets(tmp_path, name) -> None:
    """A file with credentials in env/ stops provisioning and launch, and names itself."""
    home = demo(tmp_path)
    secrets_of(home).write(name, b'{"api_key": "k-123"}')
    with pytest.raises(SecretError, match="production secrets") as caught:
        bot_of(home)
    assert name in str(caught.value)
    assert "k-123" not in str(caught.value)
    (home.env / ENV_BOT).unlink()
    before = listing(home.env)
    with pytest.raises(SecretError, match="production secrets"):
        provision_demo(home)
    assert listing(home.env) == before


def test_the_demo_refuses_beside_a_production_identity(tmp_path) -> None:
    """An identity of production is never joined by the demo's settings."""
    home = demo(tmp_path)
    text = demo_identity().text().replace("TEST", "PRODUCTION")
    secrets_of(home).write(IDENTITY, text.encode())
    (home.env / ENV_BOT).unlink()
    with pytest.raises(SecretError, match="one of production"):
        provision_demo(home)


def test_readable_settings_beside_production_are_refused(tmp_path) -> None:
    """A PRODUCTION profile with env/.env_bot in the clear is not launched."""
    home = demo(tmp_path)
    text = demo_identity().text().replace("TEST", "PRODUCTION")
    secrets_of(home).write(IDENTITY, text.encode())
    (home.env / ".env_bot").write_text(PLAIN)
    with pytest.raises(SecretError, match="must not lie unencrypted"):
        bot_of(home)


def test_a_test_profile_may_keep_readable_settings(tmp_path) -> None:
    """They take the place of the encrypted ones, and the source says so."""
    home = demo(tmp_path)
    (home.env / ".env_bot").write_text(PLAIN + "MAX_PRICE=77\n")
    bot = bot_of(home)
    assert (int(bot.settings.max_price), bot.settings_source) == (77, "env/.env_bot")


def test_a_wrong_key_path_is_refused(tmp_path) -> None:
    """ENV_BOT_KEY names the one valid path or nothing starts."""
    home = demo(tmp_path)
    (home.env / ".env").write_text("ENV_BOT_KEY=/etc/other.key\n")
    with pytest.raises(ConfigError, match=r"env/\.env:1: ENV_BOT_KEY.*env/keys/env"):
        bot_of(home)


@pytest.mark.parametrize("name", ["keys/env.key", ENV_BOT, IDENTITY])
def test_a_missing_or_loose_file_is_refused(tmp_path, name) -> None:
    """Without key, settings or identity there is no bot; nor with a key that others may read."""
    home = demo(tmp_path)
    if name == "keys/env.key":
        (home.env / name).chmod(0o644)
        with pytest.raises(SecretError, match="mode"):
            bot_of(home)
    (home.env / name).unlink()
    with pytest.raises(SecretError):
        bot_of(home)


def test_settings_of_another_version_are_refused(tmp_path) -> None:
    """VERSION_TAG equals VERSION.md."""
    home = demo(tmp_path / "home")
    other = tmp_path / "VERSION.md"
    other.write_text(VERSION_FILE.read_text().replace(__version__, "9.9.9"))
    with pytest.raises(ConfigError, match=r"9\.9\.9"):
        open_bot(home, other)


def test_first_settings_are_those_that_the_demo_will_have(tmp_path) -> None:
    """The demo's, or those of a readable file that lies there; nothing is written."""
    home = Home(tmp_path)
    assert int(first_settings(home, VERSION_FILE).max_price) == 1000
    assert listing(tmp_path) == {}
    home.env.mkdir()
    (home.env / ".env_bot").write_text(PLAIN + "MAX_PRICE=77\n")
    assert int(first_settings(home, VERSION_FILE).max_price) == 77
    (home.env / ".env_bot").write_text(PLAIN.replace(__version__, "9.9.9"))
    with pytest.raises(ConfigError, match=r"9\.9\.9"):
        first_settings(home, VERSION_FILE)
    assert list(listing(tmp_path)) == ["env", "env/.env_bot"]


@pytest.mark.parametrize(
    ("profile", "given", "kept"),
    [
        (Profile.TEST, "RIGD-USA-SIM-01", "TEST-RIGD-USA-SIM-01"),
        (Profile.TEST, "TEST-1", "TEST-1"),
        (Profile.TEST, "A" * 22, "TEST-" + "A" * 17),
        (Profile.PRODUCTION, "RIGD-USA-SIM-01", "RIGD-USA-SIM-01"),
    ],
)
def test_the_account_of_a_test_profile_is_marked(profile, given, kept) -> None:
    """Books and statements of the demo cannot be taken for real ones; 22 characters at most."""
    assert account_id_of(profile, given) == kept


def test_the_account_is_that_of_the_identity(tmp_path) -> None:
    """Broker, currency, entity and jurisdiction as the books keep them."""
    account = bot_of(demo(tmp_path)).account
    assert (account.broker, account.currency) == ("SIM", "USD")
    assert (account.entity, account.jurisdiction) == ("RIGD", "USA")
    assert account.account_id.startswith("TEST")


def test_debug_writes_every_log_row(tmp_path) -> None:
    """N18: DEBUG=true in env/.env makes the logs verbose, whatever DEBUG_LOG_LEVEL says."""
    home = demo(tmp_path)
    assert bot_of(home).settings.debug_log_level == "info"
    (home.env / ".env").write_text("DEBUG=true\n")
    (home.env / ".env").chmod(0o600)
    assert bot_of(home).settings.debug_log_level == "debug"


def test_the_homes_table_of_inverse_etfs_is_read_and_checked(tmp_path) -> None:
    """Without one the shipped table holds; a wrong one stops the bot with the reason."""
    home = demo(tmp_path)
    assert bot_of(home).inverse_etfs == SHIPPED
    table = change_inverse_etfs(env_door(home), {"IBM": "INV"}, date(2026, 11, 30))
    assert bot_of(home).inverse_etfs == table
    (home.env / FILE).write_text('{"version": 2, "dated": "2026-11-30", "pairs": {"SPY": "SPY"}}')
    with pytest.raises(ConfigError, match="SPY is mapped to itself"):
        bot_of(home)
