"""Open the bot of a home: provision the demo on first run, then read its sealed settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rigd.config.demo import demo_env_text, demo_identity
from rigd.config.env_file import EnvFile, parse_env_file
from rigd.config.identity import IdentityFile, read_identity
from rigd.config.inverse_etfs import InverseEtfs, read_inverse_etfs
from rigd.config.lines import decode
from rigd.config.parse import override, parse_env
from rigd.config.release import require_version
from rigd.config.schema import Settings
from rigd.config.sources import environment
from rigd.core.values import BotIdentity, Profile, SelfCheck
from rigd.hosts import build_check
from rigd.ledger.entries import ACCOUNT_ID_MAX, AccountInfo
from rigd.store.files import SECRET_MODE, LocalFiles, read_plain
from rigd.store.paths import Home
from rigd.vault.given import given_key
from rigd.vault.keys import KeyRing, lstat_modes
from rigd.vault.provision import provision
from rigd.vault.secrets import ENV_BOT, IDENTITY, SecretStore
from rigd.vault.security import check_launch

PLAINTEXT = ".env_bot"
"""A TEST profile may keep its settings readable in ``env/.env_bot``; production never."""
CURRENCY = "USD"
DEBUG = {"DEBUG_LOG_LEVEL": "debug"}
"""What ``DEBUG=true`` in ``.env`` means: every log row is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """The bot of a home, with its settings decrypted and validated.

    Parameters
    ----------
    home
        Where it lives.
    identity, profile
        Who it is.
    identity_file
        What else its identity says, such as rates by jurisdiction.
    settings
        Its settings.
    settings_source
        The file that they came from, for people.
    inverse_etfs
        Which fund is bought where a short side is taken by InverseETF.
    """

    home: Home
    identity: BotIdentity
    profile: Profile
    identity_file: IdentityFile
    settings: Settings
    settings_source: str
    inverse_etfs: InverseEtfs

    @property
    def marks(self) -> dict[str, str | bool]:
        """What every JSON file of the bot says of its profile and of TEST_MODE."""
        return {"profile": self.profile.value, "test_mode": self.home.test_mode}

    @property
    def account(self) -> AccountInfo:
        """The broker account as the books keep it; a dry run's own begins with TEST_MODE."""
        name = account_id_of(self.profile, self.identity_file.ofx_account_id)
        if self.home.test_mode:
            name = f"TEST_MODE-{self.identity_file.ofx_account_id}"[:ACCOUNT_ID_MAX]
        return AccountInfo(
            broker=self.identity.broker_code,
            account_id=name,
            currency=CURRENCY,
            entity=self.identity.entity_code,
            jurisdiction=self.identity.jurisdiction_code,
        )


def account_id_of(profile: Profile, account_id: str) -> str:
    """Return an account's id for books and statements; that of a TEST profile begins with TEST."""
    if profile is Profile.TEST and not account_id.startswith(profile.value):
        return f"{profile.value}-{account_id}"[:ACCOUNT_ID_MAX]
    return account_id


def env_door(home: Home) -> LocalFiles:
    """Return the door to ``env/``: files are made with mode 0600 in folders with mode 0700."""
    return LocalFiles(home.env, mode=SECRET_MODE)


def mounts() -> str:
    """Return the table of this process's mounts."""
    return Path("/proc/self/mounts").read_text(encoding="utf-8")


def keyring(home: Home) -> KeyRing:
    """Return the key of a home, or the one handed to this process; loose file modes are refused."""
    given = given_key(
        environment(),
        read=lambda path: read_plain(Path(path)),
        mode_of=lambda path: Path(path).lstat().st_mode,
        mounts=mounts,
    )
    return KeyRing(env_door(home), lstat_modes(home.env), given=given)


def is_provisioned(home: Home) -> bool:
    """Tell whether the home has a bot: its identity and its settings exist."""
    files = env_door(home)
    return files.exists(IDENTITY) and files.exists(ENV_BOT)


def provision_demo(home: Home) -> tuple[str, ...]:
    """Make key, identity and settings of the demo, marked TEST; return the files it made.

    Parameters
    ----------
    home
        A home without a bot.

    Returns
    -------
    tuple of str
        Names relative to ``env/``; the seal of the build is among them where there was none.
    """
    files = env_door(home)
    sealed = () if build_check.is_sealed(home) else (build_check.MANIFEST,)
    if sealed:
        build_check.seal(home, by="provisioning", reason="the home got its first bot")
    done = provision(
        files,
        keyring(home),
        identity_json=demo_identity().text(),
        env_text=demo_env_text(),
    )
    return (*done.created, *sealed)


def first_settings(home: Home, version_file: Path) -> Settings:
    """Return the settings that the demo of an empty home will have; nothing is written.

    Parameters
    ----------
    home
        A home without a bot; a readable settings file may lie in it.
    version_file
        VERSION.md, which VERSION_TAG must equal.

    Returns
    -------
    Settings
        Those of the readable file, else the demo's.

    Raises
    ------
    ConfigError
        If a file that lies there is malformed.
    """
    files = env_door(home)
    _env_file(files)
    if files.exists(PLAINTEXT):
        source = f"env/{PLAINTEXT}"
        settings = parse_env(decode(files.read(PLAINTEXT), source=source), source=source)
        require_version(settings, version_file.read_text(encoding="utf-8"), source=source)
        return settings
    return parse_env(demo_env_text(), source="the demo settings")


def open_bot(home: Home, version_file: Path) -> Bot:
    """Return the bot of a provisioned home.

    Parameters
    ----------
    home
        Where it lives.
    version_file
        VERSION.md, which VERSION_TAG must equal.

    Returns
    -------
    Bot
        Ready to plan a session; nothing was written.

    Raises
    ------
    SecretError
        If a key or secret is missing, changed or in the wrong place.
    ConfigError
        If the settings or the identity are malformed.
    """
    files = env_door(home)
    keys = keyring(home)
    env = _env_file(files)
    profile = check_launch(files, keys, key_path=env.env_bot_key)
    identity_file = read_identity(SecretStore(files, keys).read(IDENTITY))
    source = settings_file(home, profile)
    settings = read_settings(home, source, version_file)
    return Bot(
        home=home,
        identity=identity_file.identity(settings.broker_code),
        profile=profile,
        identity_file=identity_file,
        settings=settings,
        settings_source=f"env/{source}",
        inverse_etfs=read_inverse_etfs(files),
    )


def settings_file(home: Home, profile: Profile) -> str:
    """Return the file in ``env/`` that a bot's settings come from."""
    plain = profile is Profile.TEST and env_door(home).exists(PLAINTEXT)
    return PLAINTEXT if plain else ENV_BOT


def read_text(home: Home, source: str) -> str:
    """Return the text of a settings file of ``env/``, decrypted where it is sealed."""
    files = env_door(home)
    sealed = source != PLAINTEXT
    content = SecretStore(files, keyring(home)).read(source) if sealed else files.read(source)
    return decode(content, source=f"env/{source}")


def read_settings(home: Home, source: str, version_file: Path) -> Settings:
    """Return the settings in a file of ``env/``, validated as a whole.

    Parameters
    ----------
    home
        Where it lies.
    source
        ``.env_bot.enc``, or ``.env_bot`` of a TEST profile.
    version_file
        VERSION.md, which VERSION_TAG must equal.

    Returns
    -------
    Settings
        Valid ones; with ``DEBUG=true`` in ``.env`` every log row is written.

    Raises
    ------
    SecretError
        If the file does not decrypt.
    ConfigError
        If the settings are malformed or of another version.
    """
    settings = parse_env(read_text(home, source), source=f"env/{source}")
    if env_file(home).debug:
        settings = override(settings, DEBUG, source="DEBUG of env/.env")
    require_version(settings, version_file.read_text(encoding="utf-8"), source=f"env/{source}")
    return settings


def encryption_key(home: Home) -> str:
    """Return ENCRYPTION_KEY of ``env/.env``: what older versions' tokens open with."""
    return env_file(home).encryption_key.get_secret_value()


def build_checks(bot: Bot) -> tuple[SelfCheck, ...]:
    """Return what the build check says about launching a bot."""
    return build_check.checks(bot.home, bot.identity, bot.settings)


def env_file(home: Home) -> EnvFile:
    """Return what ``env/.env`` says; its defaults without one.

    Parameters
    ----------
    home
        Whose.

    Returns
    -------
    EnvFile
        Validated.

    Raises
    ------
    ConfigError
        If a line of it is wrong; no value is shown.
    """
    return _env_file(env_door(home))


def _env_file(files: LocalFiles) -> EnvFile:
    text = decode(files.read(".env"), source="env/.env") if files.exists(".env") else ""
    return parse_env_file(text, source="env/.env")
