"""Run the parts of a sweep in this process or in a pool of processes of this machine."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from typing import TYPE_CHECKING

from rigd.hosts.sweep.work import run_part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np

    from rigd.hosts.sweep.portfolio import PortfolioPart
    from rigd.hosts.sweep.work import Part

AHEAD = 2
"""Parts that wait for a process beside those that run, so that memory stays bounded."""


def run_here(parts: Iterable[Part | PortfolioPart], jobs: int) -> Iterator[tuple[int, np.ndarray]]:
    """Run parts; yield each when it is done.

    Parameters
    ----------
    parts
        Made one by one, when there is room.
    jobs
        Processes; 1 runs all of it in this one.

    Yields
    ------
    tuple of int and ndarray
        As `work.run_part`, in the order in which they end.
    """
    if jobs <= 1:
        for part in parts:
            yield run_part(part)
        return
    waiting = iter(parts)
    pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))
    try:
        running: set[Future[tuple[int, np.ndarray]]] = {
            pool.submit(run_part, part) for part in islice(waiting, jobs + AHEAD)
        }
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                running.update(pool.submit(run_part, part) for part in islice(waiting, 1))
                yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
