"""The simulated broker's account, opened by whoever may: over its own process, or from its file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rigd.broker.links import Link, LocalLink, SocketLink
from rigd.broker.simulated.exchange import SimExchange
from rigd.core.draws import Draws
from rigd.hosts.broker_door import genesis, port_of
from rigd.store.chainlog import ChainLog
from rigd.store.files import make_folder

if TYPE_CHECKING:
    from rigd.hosts.kill_access import KillAccess
    from rigd.store.paths import Home

CURRENCY = "USD"


@dataclass(frozen=True, slots=True)
class SimMarket:
    """A way to the simulated exchange, and what must be closed after use.

    Parameters
    ----------
    link
        The exchange, as the adapter and the market's player see it.
    log
        The truth file when it was opened here; None when the broker is a process of its own.
    """

    link: Link
    log: ChainLog | None

    def close(self) -> None:
        """Give it back."""
        self.link.close()
        if self.log is not None:
            self.log.close()


def open_market(home: Home, access: KillAccess) -> SimMarket:
    """Open an account of the simulated broker.

    Where a process of its own serves the account it is asked; else the truth file is opened here,
    which only the owner of the bot's session lock may do.

    Parameters
    ----------
    home, access
        Whose account, and how its exchange behaves.

    Returns
    -------
    SimMarket
        Close it after use.
    """
    path = home.sim_broker(access.account)
    port = port_of(path)
    if port is not None:
        return SimMarket(link=SocketLink(port), log=None)
    make_folder(path.parent)
    make = ChainLog.open if path.exists() else ChainLog.create
    log = make(path, genesis(access.account))
    exchange = SimExchange(log, access.model, Draws(access.seed), access.account, CURRENCY)
    return SimMarket(link=LocalLink(exchange), log=log)
