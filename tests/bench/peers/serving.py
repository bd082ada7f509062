"""The talk between the bench and a peer's process: a line of JSON for each line that it is sent.

A peer is started with the file of bars and the rules. It says its version when it has prepared its
data, then answers ``run`` with the processor seconds of one run, its trades and PnL, and ``trades``
with the list of trades. What is timed is the run alone: imports, data in the peer's own form and
the engine that each run needs anew are made before.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.peers import work

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[[], list[work.Fill]]
    Ready = Callable[[], Run]


def serve(prepare: Callable[[work.Bars, work.Rules], Ready], version: str) -> None:
    """Answer until the other side closes."""
    bars, rules = work.load(Path(sys.argv[1])), work.Rules(**json.loads(sys.argv[2]))
    ready = prepare(bars, rules)
    answer({"version": version, "python": sys.version.split()[0]})
    for line in sys.stdin:
        run = ready()
        began = time.process_time()
        fills = run()
        seconds = time.process_time() - began
        if line.strip() == "trades":
            answer({"fills": [list(fill) for fill in fills]})
        else:
            answer({"seconds": seconds, "trades": len(fills), "pnl": work.pnl(fills, rules)})


def answer(told: object) -> None:
    """Write one line."""
    print(json.dumps(told), file=sys.__stdout__, flush=True)
