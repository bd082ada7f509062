"""Run the benchmarks of this folder: ``python -m tests.bench [name ...] [--json FILE]``.

A benchmark is a module ``bench_<what>.py`` with a ``main()`` that prints its own figures, each goal
through `goals`. Each runs in a process of its own for a bounded time, so one that fails or hangs is
a line here and not the end of the others. A goal that was not met is told, and an error only with
``--strict``: the machine may be shared.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from tests.bench import goals

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(__file__).parent
FIRST = ("peers", "start", "boot", "sweep")
"""They measure most goals, so they run while there is time; then the others by name."""

MINUTES = 12.0
"""How long all of them may take; what has not begun by then is told as not judged."""

STAGE_S = 300.0
"""How long one of them may take [s]."""


def main(arguments: Sequence[str]) -> int:
    """Run the benchmarks whose names are given, or all of them."""
    found = {path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py")}
    names = [*FIRST, *sorted(found.difference(FIRST))]
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(names)}; all when none is given")
    parser.add_argument("--json", type=Path, help="file for all figures, versions and the machine")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a goal is not met")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for all of them")
    parser.add_argument("--alone", action="store_true", help="in this process, without a limit")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - found)
    if unknown:
        sys.stderr.write(f"no benchmark {', '.join(unknown)}; there are: {', '.join(names)}\n")
        return 2
    if options.alone:
        if options.json:
            goals.keep_in(options.json)
        notes, ended = alone(options.names or names), 0
    else:
        notes, cut = one_by_one(options.names or names, options.minutes * 60.0)
        ended = int(bool(cut))
        for key in () if options.names else goals.untold():
            goals.absent(key, goals.ELSEWHERE.get(key) or f"no figure; cut short: {_list(cut)}")
        sys.stdout.write("\n" + goals.table())
    if options.json:
        goals.write(options.json, ["python", "-m", "tests.bench", *arguments], notes)
    return max(ended, int(options.strict and goals.missed() > 0))


def alone(names: Sequence[str]) -> dict[str, object]:
    """Run benchmarks in this process; return what they note."""
    notes: dict[str, object] = {}
    for name in names:
        module = import_module(f"tests.bench.bench_{name}")
        module.main()
        notes |= getattr(module, "NOTES", {})
    return notes


def one_by_one(names: Sequence[str], seconds: float) -> tuple[dict[str, object], dict[str, str]]:
    """Run benchmarks in a process each; return what they note, and which was cut short and why."""
    notes: dict[str, object] = {}
    cut: dict[str, str] = {}
    begun = monotonic()
    for number, name in enumerate(names, start=1):
        at = monotonic()
        _say(f"== {name} ({number} of {len(names)}, {at - begun:.0f} s so far)")
        why = stage(name, min(begun + seconds - at, STAGE_S), notes)
        if why:
            cut[name] = why
        _say(f"== {name} took {monotonic() - at:.0f} s{f'; {why}' if why else ''}")
    _say(f"all of them took {monotonic() - begun:.0f} s; cut short: {_list(cut)}")
    return notes, cut


def stage(name: str, seconds: float, notes: dict[str, object]) -> str:
    """Run one benchmark in a process of its own; return why it did not come to its end, or ""."""
    if seconds <= 0:
        return "no time was left"
    with tempfile.TemporaryDirectory(prefix="rigd-bench-") as folder:
        told = Path(folder) / "told.json"
        command = [sys.executable, "-m", "tests.bench", name, "--alone", "--json", str(told)]
        with subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.DEVNULL, start_new_session=True
        ) as process:
            why = _ended(process, seconds)
        if told.exists():
            document: dict[str, Any] = json.loads(told.read_text(encoding="utf-8"))
            goals.take(document["goals"])
            notes |= {key: document[key] for key in document.keys() - goals.OWN_KEYS}
    return why


def _ended(process: subprocess.Popen[bytes], seconds: float) -> str:
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        _end_group(process)
        return f"stopped after {seconds:.0f} s"
    except KeyboardInterrupt:
        _end_group(process)
        raise
    return f"it ended with {code}" if code else ""


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a benchmark with all that it started: it leads a session of its own."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _list(cut: dict[str, str]) -> str:
    return ", ".join(f"{name} ({why})" for name, why in cut.items()) or "none"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
