"""Run the benchmarks of this folder: ``python -m tests.bench [name ...] [--json FILE]``.

A benchmark is a module ``bench_<what>.py`` with a ``main()`` that prints its own figures, each goal
through `goals`. It may return an exit code: 0 or nothing when it could be run. A goal that was not
met is told, and an error only with ``--strict``: the machine may be shared.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import goals

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(__file__).parent


def main(arguments: Sequence[str]) -> int:
    """Run the benchmarks whose names are given, or all of them."""
    names = sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(names)}; all when none is given")
    parser.add_argument("--json", type=Path, help="file for all figures, versions and the machine")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a goal is not met")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - set(names))
    if unknown or not names:
        sys.stderr.write(f"no benchmark {', '.join(unknown)}; there are: {', '.join(names)}\n")
        return 2
    worst = 0
    notes: dict[str, object] = {}
    for name in options.names or names:
        sys.stdout.write(f"== {name}\n")
        sys.stdout.flush()
        module = import_module(f"tests.bench.bench_{name}")
        worst = max(worst, module.main() or 0)
        notes |= getattr(module, "NOTES", {})
    if options.json:
        goals.write(options.json, ["python", "-m", "tests.bench", *arguments], notes)
    sys.stdout.write(f"goals not met: {goals.missed()}\n")
    return max(worst, int(options.strict and goals.missed() > 0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
