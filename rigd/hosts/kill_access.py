"""What `rigd kill` needs to reach the broker, in a file of its own.

The engine leaves it in ``env/`` at each start, read-only. Settings that cannot be read, secrets
that do not decrypt, a key that is gone: none of them keeps the kill from the account (FAULTS X06).
The simulated broker asks for no credentials, so the file holds none.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rigd.broker.simulated.model import SimModel, SlippageKind
from rigd.core.errors import ConfigError, RigdError, StorageError
from rigd.core.values import BotIdentity, Profile
from rigd.store.files import read_plain, replace

if TYPE_CHECKING:
    from pathlib import Path

    from rigd.store.paths import Home

NAME = "kill_access.json"
MODE = 0o400
MOST_BYTES = 1 << 16
CURRENCY = "USD"

CONTACTS = MappingProxyType({
    "SIM": "the simulated broker: its truth lies in runs/simulated_broker/",
    "ALPACA": "https://app.alpaca.markets (liquidate there, or call the number on that page)",
    "IBKR": "https://www.interactivebrokers.com (Client Portal, or the trade desk's number there)",
    "TRADIER": "https://dash.tradier.com (close there, or call the number on that page)",
})
"""Where a person closes by hand what rigd cannot reach, by broker code (FAULTS X07)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KillAccess:
    """How to reach one bot's account.

    Parameters
    ----------
    identity, profile
        Whose account.
    seed, model
        The simulated broker's: how it behaves.
    """

    identity: BotIdentity
    profile: Profile
    seed: int = 1
    model: SimModel = SimModel()  # noqa: RUF009 - frozen

    @property
    def account(self) -> str:
        """The broker's account."""
        return str(self.identity)

    @property
    def contact(self) -> str:
        """Where a person reaches the broker without us."""
        return CONTACTS.get(self.identity.broker_code, "your broker's own site or phone")

    def text(self, *, test_mode: bool = False) -> bytes:
        """Return the file's content, that of a dry run marked."""
        fields = {
            "bot": str(self.identity),
            "profile": self.profile.value,
            "test_mode": test_mode,
            "seed": self.seed,
            "model": {name: str(value) for name, value in asdict(self.model).items()},
        }
        return json.dumps(fields, indent=1, sort_keys=True).encode() + b"\n"


def leave_access(home: Home, access: KillAccess) -> None:
    """Write the file, unless it says the same already."""
    path = _path(home)
    content = access.text(test_mode=home.test_mode)
    with suppress(StorageError):
        if read_plain(path, MOST_BYTES) == content:
            return
    replace(path, content, MODE)


def find_access(home: Home, bot: str = "") -> KillAccess:
    """Return how to reach the account, whatever else is broken.

    Parameters
    ----------
    home
        Whose account.
    bot
        The bot identity as typed; blank for the home's own.

    Returns
    -------
    KillAccess
        What the file says; where it is gone or broken, what the home's folders tell.

    Raises
    ------
    ConfigError
        If the home has no bot, another one than the named, or several and none is named.
    """
    known = _read(_path(home))
    if known is not None and bot in {"", str(known.identity)}:
        return known
    names = _bots(home)
    if bot and (bot in names or known is None):
        return KillAccess(identity=_identity(bot), profile=Profile.TEST)
    if not bot and len(names) == 1:
        return KillAccess(identity=_identity(names[0]), profile=Profile.TEST)
    if known is None and not names:
        msg = f"{home.root} must hold a bot, found none"
        raise ConfigError(msg, fix="run `rigd session` once: it provisions the demo, marked TEST")
    found = ", ".join([str(known.identity)] if known else names)
    msg = f"{home.root} must hold the bot that is to be killed, found {found}"
    raise ConfigError(msg, fix="rigd kill --bot ENTITY_JURISDICTION_BROKER_ID")


def _path(home: Home) -> Path:
    """Return where the file lies: that of a dry run among its own outputs, never the bot's."""
    return (home.runs if home.test_mode else home.env) / NAME


def _read(path: Path) -> KillAccess | None:
    try:
        held: dict[str, Any] = json.loads(read_plain(path, MOST_BYTES))
        return KillAccess(
            identity=_identity(str(held["bot"])),
            profile=Profile(held["profile"]),
            seed=int(held["seed"]),
            model=_model(held["model"]),
        )
    except (ArithmeticError, LookupError, TypeError, ValueError, RecursionError, RigdError):
        return None


def _model(held: dict[str, str]) -> SimModel:
    return SimModel(
        latency_ms=int(held["latency_ms"]),
        slippage=SlippageKind(held["slippage"]),
        slippage_mean=float(held["slippage_mean"]),
        slippage_stddev=float(held["slippage_stddev"]),
        commission_fraction=Decimal(held["commission_fraction"]),
        partial_fill_rate=float(held["partial_fill_rate"]),
        reject_rate=float(held["reject_rate"]),
        lost_reply_rate=float(held["lost_reply_rate"]),
        refused_cancel_rate=float(held["refused_cancel_rate"]),
        starting_cash=Decimal(held["starting_cash"]),
        native_trailing=held["native_trailing"] == str(True),
    )


def _bots(home: Home) -> list[str]:
    """Return the bots that have a tree or a simulated account in the home."""
    return sorted({*home.bots_with_sessions(), *home.sim_accounts()})


def _identity(text: str) -> BotIdentity:
    parts = text.split("_")
    if len(parts) != len(BotIdentity.__slots__):
        msg = f"a bot must be named ENTITY_JURISDICTION_BROKER_ID, was {text!r}"
        raise ConfigError(msg)
    entity, jurisdiction, broker, number = parts
    return BotIdentity(
        entity_code=entity, jurisdiction_code=jurisdiction, broker_code=broker, bot_id=number
    )
