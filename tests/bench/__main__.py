"""Run every benchmark of this folder: ``python -m tests.bench [name ...]``.

A benchmark is a module ``bench_<what>.py`` with a ``main()`` that prints its own figures. It may
return an exit code: 0 or nothing when it met its limits.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

FOLDER = Path(__file__).parent


def main(wanted: list[str]) -> int:
    """Run the benchmarks whose names are given, or all of them."""
    names = sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))
    unknown = sorted(set(wanted) - set(names))
    if unknown or not names:
        sys.stderr.write(f"no benchmark {', '.join(unknown)}; there are: {', '.join(names)}\n")
        return 2
    worst = 0
    for name in wanted or names:
        sys.stdout.write(f"== {name}\n")
        sys.stdout.flush()
        worst = max(worst, import_module(f"tests.bench.bench_{name}").main() or 0)
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
