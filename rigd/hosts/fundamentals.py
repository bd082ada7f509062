"""Who is asked for companies' metrics where none lie beside the bars: Finnhub, with a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.core.draws import Draws
from rigd.hosts.bot import env_door, keyring
from rigd.market.providers.finnhub import QUOTAS, URL, FinnhubFundamentals
from rigd.net.breaker import Breaker, Patience
from rigd.net.policies import Terms
from rigd.vault.api_keys import finnhub_key
from rigd.vault.secrets import SecretStore

if TYPE_CHECKING:
    from datetime import date

    from rigd.config.schema import Settings
    from rigd.core.ports import ControlClock, FundamentalsSource
    from rigd.hosts.bot import Bot

PATIENCE_S = 0.5
"""The longest single wait for Finnhub in a session [s]: the engine waits along."""

FAILING = Patience(failures=3, rest_s=60.0)
"""So many failures in a row, and Finnhub is left alone for so long."""


def online_fundamentals(
    bot: Bot, settings: Settings, day: date, clock: ControlClock, url: str = URL
) -> FundamentalsSource | None:
    """Return Finnhub for a session of today.

    Parameters
    ----------
    bot
        Whose vault may hold the key.
    settings
        The session's; the guard may be off.
    day
        The exchange day of the session, which is the UTC date of its trading.
    clock
        The control clock, which says what is today.
    url
        Where Finnhub lies.

    Returns
    -------
    FundamentalsSource or None
        None without a key, for a session of another day, and where nobody would ask.

    Raises
    ------
    SecretError
        If the file of the key does not decrypt or is malformed.
    ConfigError
        If there is a key but no client.
    """
    if day != clock.now().date() or not settings.enable_fundamental_guard:
        return None
    key = finnhub_key(SecretStore(env_door(bot.home), keyring(bot.home)))
    if key is None:
        return None
    terms = Terms(
        clock,
        Draws(settings.simulation_seed),
        quotas=QUOTAS,
        breaker=Breaker("finnhub", clock, FAILING),
        patience_s=PATIENCE_S,
    )
    return FinnhubFundamentals(key, terms, day, url)
