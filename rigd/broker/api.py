"""The one door to the broker: settings name it, and only its adapter is loaded (document 090).

One session has one broker. There is no failover of orders; another broker is another session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.core.errors import ConfigError, NotSupported

if TYPE_CHECKING:
    from rigd.broker.links import Link
    from rigd.config.schema import Settings
    from rigd.core.ports import Broker


def build(settings: Settings, *, account_id: str, link: Link | None = None) -> Broker:
    """Return the adapter of the broker that `BROKER_CODE` names.

    Parameters
    ----------
    settings
        The bot's settings.
    account_id
        The account that must be found there.
    link
        The way to the simulated exchange; needed for ``SIM`` alone.

    Returns
    -------
    Broker
        The adapter, not connected yet.

    Raises
    ------
    ConfigError
        If the simulated broker has no link.
    NotSupported
        If rigd has no adapter for the broker yet.
    """
    code = str(settings.broker_code)
    if code != "SIM":
        msg = f"BROKER_CODE must be SIM, the one broker that rigd can reach yet; was {code}"
        raise NotSupported(msg)
    if link is None:
        msg = "the simulated broker needs a link to its exchange"
        raise ConfigError(msg)
    from rigd.broker.adapters.sim import SimBroker  # noqa: PLC0415 - only the assigned adapter loads

    return SimBroker(link, account_id, code, native_trailing=settings.sim_native_trailing)
