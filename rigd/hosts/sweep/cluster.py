"""Run the parts of a sweep on a Dask cluster; dask is imported here alone, when it is asked for."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from rigd.core.errors import ConfigError, NetworkError
from rigd.hosts.sweep.work import run_part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np

    from rigd.hosts.sweep.portfolio import PortfolioPart
    from rigd.hosts.sweep.work import Part

AHEAD = 2
"""Parts a worker has at hand beside the one it runs."""

CONNECT_S = 15
"""How long the scheduler may take to answer [seconds]."""


def run_on(address: str, parts: Iterable[Part | PortfolioPart]) -> Iterator[tuple[int, np.ndarray]]:
    """Run parts on a cluster; a part whose worker dies is run again by another.

    Parameters
    ----------
    address
        Of the scheduler, such as ``tcp://127.0.0.1:8786``.
    parts
        Made one by one, when there is room.

    Yields
    ------
    tuple of int and ndarray
        As `work.run_part`, in the order in which they end.

    Raises
    ------
    ConfigError
        If dask is not installed.
    NetworkError
        If the scheduler does not answer.
    """
    try:
        from distributed import Client, as_completed  # noqa: PLC0415 - an optional extra, and heavy
    except ImportError:
        msg = "--cluster needs dask and distributed, found none"
        raise ConfigError(msg, fix="install the extra: pip install -e '.[cluster]'") from None
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)  # type: ignore[no-untyped-call] # dask has no types
    except (OSError, ValueError) as error:
        msg = f"the scheduler at {address} must answer within {CONNECT_S} s: {error}"
        raise NetworkError(msg, fix="start one: dask scheduler; dask worker ADDRESS") from error
    with client:
        waiting = iter(parts)
        room = max(1, len(client.scheduler_info()["workers"])) * (1 + AHEAD)
        first = [client.submit(run_part, part, pure=False) for part in islice(waiting, room)]
        running = as_completed(first, loop=client.loop)  # type: ignore[no-untyped-call] # dask has no types
        for future in running:
            for part in islice(waiting, 1):
                more = client.submit(run_part, part, pure=False)
                running.add(more)  # type: ignore[no-untyped-call] # dask has no types
            yield future.result()
            future.release()
