"""How long rigd takes to start, as a ratio to numpy (PERFORMANCE P12)."""

from __future__ import annotations

import subprocess
import sys
import time
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
    """`import rigd` and `rigd --help` take at most 2.5 times as long as `import numpy`.

    The fastest of twenty runs counts: whatever else the machine does only adds.
    """
    for arguments in COMMANDS.values():
        seconds(arguments)
    taken = {name: list[float]() for name in COMMANDS}
    for _ in range(RUNS):
        for name, arguments in COMMANDS.items():
            taken[name].append(seconds(arguments))
    least = {name: min(times) for name, times in taken.items()}
    ratios = {name: value / least["import numpy"] for name, value in least.items()}
    figure(
        "cold start",
        ", ".join(f"{name} {least[name] * 1000:.0f} ms ({ratios[name]:.2f})" for name in least),
    )
    assert max(ratios.values()) <= LIMIT
