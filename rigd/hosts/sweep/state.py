"""What a sweep leaves under ``runs/backtest_results/strategy_tuning/sweeps/``, part by part.

A part is written whole or not at all, so a sweep that was cut off is resumed by running the parts
that are missing; the result is folded from the files in their order, the same to the last bit.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from rigd.core.errors import ConfigError
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rigd.store.paths import Home

WRITER = "rigd.hosts.sweep.state"

HASHES = ("config", "code", "data", "grid")
"""What must be the same when a sweep is resumed."""


class SweepFolder:
    """The files of one sweep.

    Parameters
    ----------
    home
        Whose ``runs/``.
    name
        The sweep's name.
    """

    def __init__(self, home: Home, name: str) -> None:
        self.name = name
        self._home = home
        self._registry = Registry(home, stamp=name)

    @property
    def table(self) -> Path:
        """Where the table of all combinations lies, beside the other files."""
        return self._registry.path("sweep_result.csv")

    def write_plan(self, plan: dict[str, Any]) -> None:
        """Write what is swept, and the hashes of configuration, code, data and grid."""
        self._write_json("sweep.json", plan)

    def read_plan(self) -> dict[str, Any]:
        """Return what `write_plan` wrote.

        Returns
        -------
        dict
            The plan.

        Raises
        ------
        ConfigError
            If there is no such sweep.
        """
        content = self._registry.read("sweep.json")
        if not content:
            msg = f"--resume must name a sweep that was begun, was {self.name!r}"
            raise ConfigError(msg, fix="ls runs/backtest_results/strategy_tuning/sweeps")
        plan: dict[str, Any] = json.loads(content)
        return plan

    def require_same(self, hashes: dict[str, str]) -> None:
        """Refuse to resume with another configuration, code, data or grid.

        Parameters
        ----------
        hashes
            Of what would run now.

        Raises
        ------
        ConfigError
            Names what differs.
        """
        known = self.read_plan()["hashes"]
        changed = [name for name in HASHES if known.get(name) != hashes[name]]
        if changed:
            msg = f"a sweep is resumed with what it began with; changed: {', '.join(changed)}"
            raise ConfigError(msg, fix="begin a new sweep")

    def has_part(self, number: int) -> bool:
        """Tell whether a part is done."""
        return self._part(number).path("sweep_part.npy").exists()

    def write_part(self, number: int, outputs: np.ndarray) -> None:
        """Keep the outputs of a part."""
        buffer = io.BytesIO()
        np.save(buffer, outputs, allow_pickle=False)
        self._part(number).write("sweep_part.npy", buffer.getvalue(), writer=WRITER)

    def read_part(self, number: int) -> np.ndarray:
        """Return the outputs of a part that is done."""
        content = self._part(number).read("sweep_part.npy")
        loaded: np.ndarray = np.load(io.BytesIO(content), allow_pickle=False)
        return loaded

    def write_result(
        self, columns: Sequence[str], rows: Iterable[Sequence[object]], summary: dict[str, Any]
    ) -> None:
        """Write every combination as a row, and the summary."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
        self._registry.write("sweep_result.csv", text.getvalue().encode(), writer=WRITER)
        self._write_json("sweep_result.json", summary)

    def _part(self, number: int) -> Registry:
        return Registry(self._home, stamp=f"{self.name}/part_{number:06d}")

    def _write_json(self, name: str, fields: dict[str, Any]) -> None:
        content = json.dumps(fields, indent=1, sort_keys=True, default=str) + "\n"
        self._registry.write(name, content.encode(), writer=WRITER)
