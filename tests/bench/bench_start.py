"""What a scheduled run costs before its first cell, and as a whole (P10).

Run ``python -m tests.bench.bench_start``. Both sides of each ratio are taken in turns in the same
run: a bare ipykernel until it answers against a run from the warm parent until its first cell runs
with all imports done, which is later than an answer; and papermill's own command against the whole
run from the warm parent, on the same notebook of one small cell.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from queue import Empty
from time import monotonic, perf_counter
from typing import TYPE_CHECKING

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file

from rigd.config.sources import checkout, environment
from rigd.hosts import build_check, supervisor
from rigd.hosts.runner import Job
from rigd.store.paths import Home
from tests.bench import goals

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUNDS = 5
IMPORTS = ("pandas", "bokeh.plotting", "rigd.hosts.session")
CELL = f"""a = 1
import sys, time
print(time.monotonic(), *(name in sys.modules for name in {IMPORTS!r}))"""
NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": "cell",
            "metadata": {"tags": ["parameters"]},
            "outputs": [],
            "source": CELL,
        }
    ],
    "metadata": {"kernelspec": {"display_name": "bot", "language": "python", "name": "rigd-bot"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def cold_kernel(folder: Path) -> float:
    """Return how long a bare ipykernel takes from its start until it answers [s]."""
    path, _ = write_connection_file(
        str(folder / "kernel.json"), ip=str(folder / "kernel-ipc"), transport="ipc"
    )
    began = perf_counter()
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "ipykernel_launcher", "-f", path],
        env=variables(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        client = BlockingKernelClient()
        client.load_connection_file(path)
        client.start_channels()
        try:
            while True:
                client.kernel_info()
                try:
                    client.get_shell_msg(timeout=0.05)
                except Empty:
                    continue
                return perf_counter() - began
        finally:
            client.stop_channels()
            process.kill()


def plain_papermill(folder: Path) -> float:
    """Return how long papermill's own command takes for the notebook [s]."""
    command = [sys.executable, "-m", "papermill", str(folder / "in.ipynb")]
    command += [str(folder / "plain.ipynb"), "-p", "a", "2", "--no-progress-bar"]
    began = perf_counter()
    subprocess.run(  # noqa: S603 - our own interpreter
        command, env=variables(folder), check=True, capture_output=True
    )
    return perf_counter() - began


def warm_run(folder: Path) -> tuple[float, float]:
    """Return how long a run from the warm parent takes, until its first cell and as a whole [s]."""
    job = Job(
        notebook=str(folder / "in.ipynb"),
        output=str(folder / "out.ipynb"),
        folder=str(folder),
        parameters={"a": 2},
    )
    start, began = monotonic(), perf_counter()
    code, output = supervisor.run_notebook(
        job, variables(folder), tick_s=0.2, on_tick=lambda: None, on_interrupt=lambda: None
    )
    whole = perf_counter() - began
    if code:
        raise RuntimeError(output)
    cells = json.loads((folder / "out.ipynb").read_text(encoding="utf-8"))["cells"]
    at, *imported = "".join(cells[0]["outputs"][0]["text"]).split()
    if set(imported) != {"True"}:
        raise RuntimeError(f"the run must have its imports done: {IMPORTS}, {imported}")
    return float(at) - start, whole


def variables(folder: Path) -> dict[str, str]:
    """Return the environment of a run, the same on both sides."""
    return supervisor.run_environment(
        environment(), home=folder, kernels=checkout() / "env" / "jupyter", runtime=folder
    )


def main(arguments: Sequence[str] = ()) -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args(arguments).rounds
    taken: dict[str, list[float]] = {"kernel": [], "papermill": [], "ready": [], "whole": []}
    with tempfile.TemporaryDirectory(prefix="rigd-") as name:
        folder = Path(name)
        (folder / "in.ipynb").write_text(json.dumps(NOTEBOOK), encoding="utf-8")
        build_check.seal(Home(folder), by="bench", reason="bench")
        with supervisor.warm_parent(folder, os.environ) as parent:
            if parent.missing:
                goals.absent("P10.ready", parent.missing)
                goals.absent("P10.run", parent.missing)
                return
            warm_run(folder)
            for _ in range(rounds):
                taken["kernel"].append(cold_kernel(folder))
                taken["papermill"].append(plain_papermill(folder))
                ready, whole = warm_run(folder)
                taken["ready"].append(ready)
                taken["whole"].append(whole)
    ms = {name: statistics.median(times) * 1000 for name, times in taken.items()}
    goals.tell(
        "P10.ready",
        ms["kernel"] / ms["ready"],
        note="until the first cell runs",
        cold_ms=ms["kernel"],
        warm_ms=ms["ready"],
    )
    goals.tell(
        "P10.run",
        ms["papermill"] / ms["whole"],
        papermill_ms=ms["papermill"],
        warm_ms=ms["whole"],
    )


if __name__ == "__main__":
    main(sys.argv[1:])
