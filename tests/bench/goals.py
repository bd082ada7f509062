"""The goals of PERFORMANCE, and the one way in which a bench tells whether they were met.

A goal is judged on a figure that was measured in this run, both sides of a ratio in turns; nothing
here or in a bench is a figure typed in by hand but the limits of this table.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

AT_MOST = "<="
AT_LEAST = ">="


class Goal(NamedTuple):
    """One limit: what is compared, on which side of the limit it must lie, and in which unit."""

    what: str
    side: str
    limit: float
    unit: str = "x"

    def met(self, value: float) -> bool:
        """Tell whether a measured value lies on the right side; NaN never does."""
        return value <= self.limit if self.side == AT_MOST else value >= self.limit


GOALS = {
    "P1.c": Goal("one backtest / the C loop", AT_MOST, 1.3),
    "P1.from_signals": Goal("vectorbt from_signals / one backtest", AT_LEAST, 20),
    "P1.backtesting": Goal("backtesting.py / one backtest", AT_LEAST, 1000),
    "P1.nautilus": Goal("nautilus_trader / one backtest", AT_LEAST, 2500),
    "P1.backtrader": Goal("backtrader / one backtest", AT_LEAST, 15000),
    "P1.trades": Goal("trades unlike backtrader's or from_order_func's", AT_MOST, 0, "trades"),
    "P2.equal": Goal("grid results unlike the naive stepper's", AT_MOST, 0, "results"),
    "P2.c": Goal("naive C / grid of 10,000", AT_LEAST, 100),
    "P2.from_signals": Goal("vectorbt from_signals / grid of 10,000", AT_LEAST, 5000),
    "P3.reentry": Goal("naive C / re-entry grid", AT_LEAST, 12),
    "P3.unshared": Goal("naive C / rules that can't be shared", AT_LEAST, 0.7),
    "P4.combination": Goal("memory of a combination", AT_MOST, 0.05, "MB"),
    "P4.process": Goal("memory of the sweeping process", AT_MOST, 300, "MB"),
    "P5.core": Goal("500 symbols x 10,000 sets x 1 year on a core", AT_MOST, 10, "s"),
    "P5.processes": Goal("one process / two, the same parts", AT_LEAST, 1.6),
    "P5.cluster": Goal("one process / two workers of a Dask cluster", AT_LEAST, 1.6),
    "P6.quiet": Goal("quiet bar of the session engine", AT_MOST, 1, "us"),
    "P6.quiet_p99": Goal("quiet bar of the session engine, p99", AT_MOST, 3, "us"),
    "P6.nautilus": Goal("nautilus_trader / quiet bar", AT_LEAST, 20),
    "P6.replay": Goal("nautilus_trader / replay of a 500-symbol day", AT_LEAST, 500),
    "P6.trades": Goal("trades of the replay unlike the session's", AT_MOST, 0, "trades"),
    "P7.p50": Goal("bar to submitted order / one fdatasync, p50", AT_MOST, 1.3),
    "P7.p99": Goal("bar to submitted order, p99 / one fdatasync", AT_MOST, 3),
    "P8.post": Goal("durable trade post / one fdatasync", AT_MOST, 1.6),
    "P8.piecash": Goal("piecash / durable trade post", AT_LEAST, 100),
    "P8.batch": Goal("posts in batches", AT_LEAST, 90_000, "/s"),
    "P9": Goal("beancount's load / open and verify 20,000", AT_LEAST, 30),
    "P10.ready": Goal("bare cold ipykernel / scheduled run ready", AT_LEAST, 5),
    "P10.run": Goal("plain papermill / the whole scheduled run", AT_LEAST, 4),
    "P11.page": Goal("panel page from the warm pool", AT_MOST, 20, "ms"),
    "P11.cold": Goal("cold panel page / from the warm pool", AT_LEAST, 50),
    "P11.click": Goal("click to flag", AT_MOST, 100, "ms"),
    "P12": Goal("import rigd and boot / import numpy", AT_MOST, 2.5),
    "P12.modules": Goal("heavy packages loaded by the boot", AT_MOST, 0, "modules"),
    "P13": Goal("simulated sessions on 2 cores", AT_LEAST, 20, "/s"),
}
"""Every goal of PERFORMANCE by its number; each ratio is the larger the better for ours, or a cost
over its floor."""

ELSEWHERE = {
    **dict.fromkeys(
        ("P11.page", "P11.cold"), "asserted with a real panel by make test-system: test_panel.py"
    ),
    "P11.click": "asserted with a real browser by make test-system: test_panel_speed.py",
}
"""Goals that no bench judges, and what does."""

OWN_KEYS = frozenset({"command", "machine", "versions", "load", "goals"})
"""What `write` writes beside the notes of the benches."""

_TOLD: list[dict[str, Any]] = []
_FILE: list[Path] = []


def tell(key: str, value: float, note: str = "", **figures: float) -> bool:
    """Print whether a goal was met and keep the figures for `write`.

    Parameters
    ----------
    key
        Of `GOALS`.
    value
        Measured in this run, in the goal's unit.
    note
        Under which conditions, where they are not PERFORMANCE's own.
    figures
        What the value was made from, each named with its unit.

    Returns
    -------
    bool
        Whether it was met.
    """
    goal = GOALS[key]
    met = goal.met(value)
    _line(
        key,
        f"{goal.what}: {_amount(value)} {goal.unit}",
        "met" if met else "not met",
        note,
        figures,
    )
    _keep(key, value=value, met=met, note=note, figures=figures)
    return met


def absent(key: str, why: str) -> None:
    """Print that a goal could not be judged, and why."""
    _line(key, GOALS[key].what, "not judged", why, {})
    _keep(key, value=None, met=None, note=why, figures={})


def _line(key: str, what: str, verdict: str, note: str, figures: Mapping[str, float]) -> None:
    goal = GOALS[key]
    limit = f"goal {goal.side} {goal.limit:,g}"
    from_ = ", ".join(f"{name} {figure:,.4g}" for name, figure in figures.items())
    rest = "; ".join(part for part in (from_, note) if part)
    print(f"{key:16s}{what:62s} {limit:16s} {verdict:10s} {rest}".rstrip(), flush=True)  # noqa: T201 - a bench prints


def _keep(key: str, **told: object) -> None:
    goal = GOALS[key]
    _TOLD.append({
        "goal": key,
        "what": goal.what,
        "limit": f"{goal.side} {goal.limit:g} {goal.unit}",
        **told,
    })
    for path in _FILE:
        made = path.with_suffix(".new")
        made.write_text(json.dumps({"goals": _TOLD}), encoding="utf-8")
        made.replace(path)


def keep_in(path: Path) -> None:
    """Write what is told to a file each time, so that it is there if the process does not end."""
    _FILE[:] = [path]


def take(told: Sequence[dict[str, Any]]) -> None:
    """Add what another process told."""
    _TOLD.extend(told)


def scratch() -> Path:
    """Return a folder on the disk of the checkout that git ignores, for files that are measured."""
    folder = Path(__file__).resolve().parents[2] / ".pytest_cache"
    folder.mkdir(exist_ok=True)
    return folder


def untold() -> list[str]:
    """Return the goals of the page of which nothing was told, in its order."""
    known = {told["goal"] for told in _TOLD}
    return [key for key in GOALS if key not in known]


def table() -> str:
    """Return a line for each goal that was told, in the page's order, and how many were met."""
    order = list(GOALS)
    verdicts = {True: "met", False: "not met", None: "not judged"}
    lines = []
    for told in sorted(_TOLD, key=lambda each: order.index(each["goal"])):
        value = "-" if told["value"] is None else _amount(told["value"])
        lines.append(
            f"{told['goal']:16s}{verdicts[told['met']]:11s}{value:>10s}  {told['limit']:16s}"
            f"{told['what']}{': ' + part if (part := told['note'].partition(';')[0]) else ''}"
        )
    counts = [f"{sum(told['met'] is met for told in _TOLD)} {verdicts[met]}" for met in verdicts]
    return "\n".join([*lines, ", ".join(counts)]) + "\n"


def _amount(value: float) -> str:
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def missed() -> int:
    """Return how many of the goals told so far were not met."""
    return sum(told["met"] is False for told in _TOLD)


def write(path: Path, command: Sequence[str], notes: Mapping[str, object]) -> None:
    """Write all that was told so far, with the command, the versions and the machine.

    Parameters
    ----------
    path
        The file.
    command
        What was run.
    notes
        What the benches add, such as the peers' versions.
    """
    document = {
        "command": list(command),
        "machine": {"cpu": cpu_model(), "cores": os.cpu_count(), "system": platform.platform()},
        "versions": {"python": platform.python_version(), **_versions()},
        "load": os.getloadavg(),
        "goals": _TOLD,
        **notes,
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"figures written to {path}\n")


def _versions() -> dict[str, str]:
    found = {}
    for name in ("rigd", "numpy", "numba", "vectorbt", "beancount"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def cpu_model() -> str:
    """Return what the processor calls itself."""
    listed = Path("/proc/cpuinfo")
    if listed.exists():
        for line in listed.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
