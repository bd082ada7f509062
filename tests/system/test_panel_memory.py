"""The panel over many pages: what a page that was closed leaves in its server (FAULTS K15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest

from tests.system.panel import CLOCK, Browser, panel, settle
from tests.system.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(1800)]

WARM = 5
"""Pages after which everything that a server loads once is loaded."""
PAGES = 40
MOST_DESCRIPTORS = 5
MOST_MIB = 8.0
"""More than after the first pages, for so many; K15 asks for 10."""
FORGET_S = 62.0
"""How long Jupyter's own timer keeps what belonged to a socket, at most [s]."""
MEBIBYTE = 2**20


def test_forty_pages_that_were_closed_leave_no_kernel_descriptor_or_thread(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """One user opens the real page and closes it, as a browser does that is left."""
    with panel(tmp_path, real=True) as served:
        browser, server = Browser(served, "operator"), psutil.Process(served.process.pid)
        seen = []
        for number in range(1, WARM + PAGES + 1):
            kernel = browser.open("/")
            socket = browser.socket(kernel)
            settle(socket)
            assert browser.send("POST", f"/voila/api/shutdown/{kernel}").status_code == 204
            socket.close()
            served.opened.remove(socket)
            if number in {WARM, WARM + PAGES}:
                wait_until("no kernel to be left", lambda: not served.kernels())
                CLOCK.sleep(FORGET_S)
                seen.append((
                    server.num_fds(),
                    server.num_threads(),
                    server.memory_info().rss / MEBIBYTE,
                ))
        assert server.children() == []
    (fds, threads, rss), (fds_after, threads_after, rss_after) = seen
    figure(
        f"the panel's server over {PAGES} pages",
        f"{rss:.1f} to {rss_after:.1f} MiB, {fds} to {fds_after} descriptors, "
        f"{threads} to {threads_after} threads",
    )
    assert fds_after - fds <= MOST_DESCRIPTORS
    assert threads_after <= threads
    assert rss_after - rss <= MOST_MIB
