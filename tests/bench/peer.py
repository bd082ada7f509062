"""A peer's process: started in its own environment, asked for one run at a time."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.bench.peers.work import Bars, Fill, Rules

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

ROOT = Path(__file__).resolve().parents[2]
BENCH_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
"""The peers' own environment, which ``make bench`` sets up from env/bench.lock."""


ANSWER_S = 240.0
"""How long a peer may take to be ready, or for one run [s]; after it the peer is ended."""


class PeerAbsentError(Exception):
    """The peer is not installed or does not run; the message says why."""


class Place(NamedTuple):
    """Where a peer runs: its module below tests.bench.peers, and the Python of its environment."""

    module: str
    python: Path


PLACES = {
    "from_signals": Place("w1_from_signals", Path(sys.executable)),
    "from_signals_grid": Place("w2_from_signals", Path(sys.executable)),
    "from_order_func": Place("w1_order_func", Path(sys.executable)),
    "backtesting": Place("w1_backtesting", BENCH_PYTHON),
    "nautilus": Place("w1_nautilus", BENCH_PYTHON),
    "nautilus_symbols": Place("w3_nautilus", BENCH_PYTHON),
    "backtrader": Place("w1_backtrader", BENCH_PYTHON),
    "piecash": Place("w4_piecash", BENCH_PYTHON),
}
"""vectorbt is our own extra `research`; the others never enter our environment."""


class Peer:
    """One process; close it at the end."""

    def __init__(self, name: str, *arguments: str) -> None:
        place = PLACES[name]
        if not place.python.exists():
            raise PeerAbsentError("its environment is not there: make bench sets it up")
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed with the peer
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [
                *(str(place.python), "-W", "ignore", "-m", f"tests.bench.peers.{place.module}"),
                *arguments,
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.version = str(self._told()["version"])

    @classmethod
    def on_bars(cls, name: str, bars: Bars, rules: Rules, folder: Path) -> Peer:
        """Start a peer of W1 or W3 on bars, which it reads from a file in the folder."""
        path = bars.save(folder / f"{name}.npz")
        return cls(name, str(path), json.dumps(rules._asdict()))

    def run(self) -> float:
        """Let it run once and return its seconds."""
        return float(self._ask("run")["seconds"])

    def fills(self) -> list[Fill]:
        """Return the trades of one run."""
        return [Fill(*row) for row in self._ask("trades")["fills"]]

    def _ask(self, command: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._told()

    def _told(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        hung = threading.Timer(ANSWER_S, self._process.kill)
        hung.start()
        try:
            line = self._process.stdout.readline()
        finally:
            hung.cancel()
        if line:
            return dict(json.loads(line))
        self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        ended = f"it ended with {self._process.returncode}"
        if self._process.returncode < 0:
            ended = f"it was ended, at the latest after {ANSWER_S:.0f} s without an answer"
        raise PeerAbsentError(lines[-1] if lines else ended)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


def unlike(ours: Sequence[Fill], theirs: Sequence[Fill]) -> list[tuple[Fill | None, Fill | None]]:
    """Return the days whose trades differ: in side or minutes, or by over 2e-6 in a price.

    Our prices are rounded to 1e-6, a peer's are not.
    """
    mine, other = ({fill.day: fill for fill in fills} for fills in (ours, theirs))
    assert len(mine) == len(ours)
    found = [
        (mine.get(day), other.get(day))
        for day in sorted(mine.keys() | other.keys())
        if not _same(mine.get(day), other.get(day))
    ]
    return found + [(None, None)] * (len(theirs) - len(other))


def _same(one: Fill | None, other: Fill | None) -> bool:
    if one is None or other is None:
        return False
    apart = (one.entry_price - other.entry_price, one.exit_price - other.exit_price)
    return one[:4] == other[:4] and all(abs(gap) <= 2e-6 for gap in apart)
