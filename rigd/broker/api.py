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
    """
    return reach(
        str(settings.broker_code),
        account_id=account_id,
        link=link,
        native_trailing=settings.sim_native_trailing,
    )


def reach(
    code: str, *, account_id: str, link: Link | None = None, native_trailing: bool = False
) -> Broker:
    """Return the adapter of a broker by its code; settings are not needed for it.

    Parameters
    ----------
    code
        The broker's code, such as ``SIM``.
    account_id, link
        As for `build`.
    native_trailing
        Whether the simulated broker takes trailing stops.

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
    if code != "SIM":
        msg = f"BROKER_CODE must be SIM, the one broker that rigd can reach yet; was {code}"
        raise NotSupported(msg)
    if link is None:
        msg = "the simulated broker needs a link to its exchange"
        raise ConfigError(msg)
    from rigd.broker.adapters.sim import SimBroker  # noqa: PLC0415 - only the assigned adapter loads

    return SimBroker(link, account_id, code, native_trailing=native_trailing)
