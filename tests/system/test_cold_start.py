"""How long rigd takes to start, as a ratio to numpy (PERFORMANCE P12)."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median
from typing import TYPE_CHECKING

import pytest

from rigd.config.sources import checkout

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.system

RUNS = 20
LIMIT = 2.5
COMMANDS = {
    "import numpy": ("-c", "import numpy"),
    "import rigd": ("-c", "import rigd"),
    "rigd --help": ("-m", "rigd", "--help"),
}


def seconds(arguments: tuple[str, ...]) -> float:
    """The wall time of one Python process."""
    began = time.monotonic()
    subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, *arguments], cwd=checkout(), check=True, stdout=subprocess.DEVNULL
    )
    return time.monotonic() - began


def test_a_cold_start_is_not_much_slower_than_numpys(figure: Callable[[str, str], None]) -> None:
    """`import rigd` and `rigd --help` take at most 2.5 times as long as `import numpy`."""
    for arguments in COMMANDS.values():
        seconds(arguments)
    taken = {name: list[float]() for name in COMMANDS}
    for _ in range(RUNS):
        for name, arguments in COMMANDS.items():
            taken[name].append(seconds(arguments))
    medians = {name: median(times) for name, times in taken.items()}
    ratios = {name: value / medians["import numpy"] for name, value in medians.items()}
    figure(
        "cold start",
        ", ".join(f"{name} {medians[name] * 1000:.0f} ms ({ratios[name]:.2f})" for name in medians),
    )
    assert max(ratios.values()) <= LIMIT
