"""What a start costs in time and in packages: ``python -m tests.bench boot`` (PERFORMANCE P12).

Each side is a new process, in turns: the interpreter alone, ``import numpy``, ``import rigd``, and
``import rigd`` with what a session's process loads before it opens its first file.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from time import perf_counter

from tests.bench import goals
from tests.bench.peer import ROOT

ROUNDS = 9
HEAVY = {"vectorbt", "numba", "scipy.stats", "bokeh", "pandas"}
"""What the boot may not load (P12)."""

SIDES = {
    "bare": "pass",
    "numpy": "import numpy",
    "rigd": "import rigd",
    "boot": "import rigd, rigd.cli.app, rigd.cli.session, rigd.hosts.session",
}


def main() -> int:
    """Measure and print."""
    seconds = dict.fromkeys(SIDES, 0.0)
    samples: dict[str, list[float]] = {name: [] for name in SIDES}
    for _ in range(ROUNDS):
        for name, code in SIDES.items():
            began = perf_counter()
            started(code)
            samples[name].append(perf_counter() - began)
    for name, sample in samples.items():
        seconds[name] = statistics.median(sample)
    told = {f"{name}_ms": value * 1e3 for name, value in seconds.items()}
    goals.tell("P12", seconds["boot"] / seconds["numpy"], "whole processes", **told)
    loaded = json.loads(
        started(f"{SIDES['boot']}\nimport sys, json\nprint(json.dumps([*sys.modules]))")
    )
    heavy = sorted(HEAVY.intersection(loaded))
    goals.tell("P12.modules", len(heavy), ", ".join(heavy) or "none", modules=len(loaded))
    return 0


def started(code: str) -> str:
    """Run code in a new interpreter and return what it printed."""
    return subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout


if __name__ == "__main__":
    sys.exit(main())
