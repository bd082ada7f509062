"""What a sweep found: every combination with its outputs, the best of them, a heat map."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rigd.core.errors import ConfigError
from rigd.hosts.kernels.tally import OUTPUTS
from rigd.hosts.optimize.space import default_space
from rigd.hosts.sweep.grid import Axis
from rigd.reporting.heat_map import heat_svg
from rigd.reporting.page import block, table_html
from rigd.reporting.tables import Table, pairs_table
from rigd.reporting.text import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

RANKS = (*OUTPUTS, "win_rate", "mean_pnl")
"""What combinations can be ranked by."""

MIN_TRADES = 10
"""Combinations with fewer trades are not ranked among the best."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """A finished sweep.

    Parameters
    ----------
    name, strategy, axes, symbols
        What was swept.
    days
        How many sessions.
    outputs
        float64[n_combinations, 6], `kernels.tally.OUTPUTS`. Where each symbol trades on its own
        they are summed over the symbols, and the drawdown is the largest of a symbol.
    hashes
        Of configuration, code, data and grid, and the seed.
    table
        Where the table of all combinations lies.
    portfolio
        Whether the symbols share one account.
    label
        What the data is.
    """

    name: str
    strategy: str
    axes: tuple[Axis, ...]
    symbols: tuple[str, ...]
    days: int
    outputs: np.ndarray
    hashes: dict[str, str]
    table: Path
    portfolio: bool = False
    label: str = ""

    @property
    def folder(self) -> Path:
        """Where the files of the sweep lie."""
        return self.table.parent

    @property
    def account(self) -> str:
        """How the symbols trade, in words."""
        return "one account for all" if self.portfolio else "each symbol on its own"

    @property
    def home(self) -> str:
        """The home in whose register the sets are counted: its ``runs/`` holds the folder."""
        return str(self.folder.parents[4])

    def __len__(self) -> int:
        """How many combinations there are."""
        return len(self.outputs)

    def values(self) -> Iterator[tuple[str, ...]]:
        """Yield the values of each combination, in the order of `outputs`."""
        yield from itertools.product(*(axis.levels for axis in self.axes))

    def column(self, name: str) -> np.ndarray:
        """Return one output of every combination.

        Parameters
        ----------
        name
            One of RANKS.

        Returns
        -------
        ndarray
            float64[n_combinations]; NaN where there is no trade to divide by.

        Raises
        ------
        ConfigError
            If there is no such output.
        """
        if name not in RANKS:
            msg = f"an output must be one of {', '.join(RANKS)}, was {name!r}"
            raise ConfigError(msg)
        if name in OUTPUTS:
            found: np.ndarray = self.outputs[:, OUTPUTS.index(name)]
            return found
        trades = self.outputs[:, 0]
        parts = self.outputs[:, OUTPUTS.index("wins" if name == "win_rate" else "pnl")]
        rates: np.ndarray = np.divide(
            parts, trades, out=np.full(len(trades), np.nan), where=trades > 0
        )
        return rates

    def frame(self) -> pd.DataFrame:
        """Return every combination as a row of a DataFrame: its values, then its outputs."""
        import pandas as pd  # noqa: PLC0415 - heavy, and a session never needs it

        keys = [axis.key for axis in self.axes]
        shown = pd.DataFrame(list(self.values()), columns=keys)
        return shown.assign(**{name: self.column(name) for name in RANKS})

    def ranking(self, by: str = "pnl", *, least_trades: int = MIN_TRADES) -> np.ndarray:
        """Return the numbers of the combinations, best first.

        Parameters
        ----------
        by
            One of RANKS; a drawdown and a square rank upwards.
        least_trades
            Combinations with fewer trades are left out.

        Returns
        -------
        ndarray
            int64; equal ones in the order of the grid.
        """
        values = self.column(by) * (1.0 if by in {"drawdown", "square"} else -1.0)
        order = np.argsort(values, kind="stable")
        chosen: np.ndarray = order[
            (self.outputs[order, 0] >= least_trades) & ~np.isnan(values[order])
        ]
        return chosen

    def best(
        self, count: int = 10, by: str = "pnl", *, least_trades: int = MIN_TRADES
    ) -> pd.DataFrame:
        """Return the best combinations as rows of a DataFrame; see `ranking`."""
        chosen = self.ranking(by, least_trades=least_trades)[:count]
        return self.frame().iloc[chosen]

    def heat_map(self, x: str, y: str, by: str = "pnl") -> Any:  # noqa: ANN401 - a Bokeh figure
        """Return a heat map over two keys, the mean over all others.

        Parameters
        ----------
        x, y
            Two keys of the grid.
        by
            One of RANKS.

        Returns
        -------
        bokeh figure
            To be shown in a notebook.

        Raises
        ------
        ConfigError
            If a key is not in the grid.
        """
        from rigd.reporting.heat_map import heat_map  # noqa: PLC0415 - draws with a heavy library

        across, up, means = self._over(x, y, by)
        return heat_map(across, up, means, title=self._title(by))

    def heat_svg(self, x: str = "", y: str = "", by: str = "pnl") -> str:
        """Return the heat map as inline SVG, for the record; see `heat_map`.

        Parameters
        ----------
        x, y
            Two keys of the grid; blank for its first two that have more than one value.
        by
            One of RANKS.

        Returns
        -------
        str
            A fragment of HTML; a sentence where the grid has fewer than two such keys.
        """
        varied = [axis.key for axis in self.axes if len(axis.levels) > 1]
        left = [key for key in varied if key not in {x, y}]
        chosen = [x or (left.pop(0) if left else ""), y or (left.pop(0) if left else "")]
        if not all(chosen):
            return block("<p>a heat map needs two keys with several values</p>")
        across, up, means = self._over(chosen[0], chosen[1], by)
        return block(heat_svg(across, up, means, title=self._title(by)))

    def heading(self) -> str:
        """Return what was swept, as HTML; the same for the same sweep."""
        axes = [
            (axis.key, ", ".join(level or "off" for level in axis.levels)) for axis in self.axes
        ]
        facts = (
            ("Parameter sets", f"{len(self):,}"),
            ("Symbols", f"{', '.join(self.symbols)}: {self.account}"),
            ("Sessions", str(self.days)),
            *axes,
        )
        told = (
            f'<p class="muted">Data: {escape(self.label)}. The best of {len(self):,} sets looks '
            "good by luck alone: every one of them counts as a trial of the strategy.</p>"
        )
        title = f"<h1>Sweep of {escape(self.strategy)}</h1>{told}"
        return block(title + table_html(pairs_table("Sweep", facts), title=False))

    def best_html(self, by: str = "pnl", count: int = 10) -> str:
        """Return the best sets as a table; see `ranking`."""
        values = list(self.values())
        keys = [axis.key for axis in self.axes]
        rows = tuple(
            (
                *(value or "off" for value in values[number]),
                *(f"{value:,.2f}" for value in self.outputs[number]),
            )
            for number in self.ranking(by)[:count].tolist()
        )
        if not rows:
            return block(f"<p>no set has {MIN_TRADES} trades, so none is ranked</p>")
        right = frozenset(range(len(keys), len(keys) + len(OUTPUTS)))
        return block(table_html(Table(f"Best by {by}", (*keys, *OUTPUTS), rows, right)))

    def levels_of_best(self, by: str = "pnl", count: int = 10) -> str:
        """Return the values of the best sets as `rigd optimize` takes them.

        Parameters
        ----------
        by
            One of RANKS.
        count
            How many sets.

        Returns
        -------
        str
            ``KEY=a,b; KEY=c`` over the keys that an optimisation may search; blank for none.
        """
        best = self.frame().iloc[self.ranking(by)[:count]]
        searched = [axis.key for axis in default_space(self.strategy)]
        found = {
            key: sorted({v for v in best[key] if v}, key=float) for key in searched if key in best
        }
        return "; ".join(f"{key}={','.join(values)}" for key, values in found.items() if values)

    def _title(self, by: str) -> str:
        return f"{by}, {self.strategy}"

    def _over(
        self, x: str, y: str, by: str
    ) -> tuple[tuple[str, Sequence[str]], tuple[str, Sequence[str]], np.ndarray]:
        keys = [axis.key for axis in self.axes]
        for key in (x, y):
            if key not in keys:
                msg = f"a heat map is drawn over keys of the grid, {', '.join(keys)}; was {key!r}"
                raise ConfigError(msg)
        if x == y:
            msg = f"a heat map needs two keys, was twice {x!r}"
            raise ConfigError(msg)
        shape = tuple(len(axis.levels) for axis in self.axes)
        cube = self.column(by).reshape(shape)
        others = tuple(n for n, key in enumerate(keys) if key not in {x, y})
        known = ~np.isnan(cube)
        counts = known.sum(axis=others)
        sums = np.where(known, cube, 0.0).sum(axis=others)
        means = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
        if keys.index(y) > keys.index(x):
            means = means.T
        across, up = self.axes[keys.index(x)], self.axes[keys.index(y)]
        return (x, across.levels), (y, up.levels), means

    def summary(self) -> dict[str, Any]:
        """Return what `rigd sweep --json` prints."""
        values = list(self.values())
        keys = [axis.key for axis in self.axes]
        return {
            "sweep": self.name,
            "strategy": self.strategy,
            "symbols": list(self.symbols),
            "days": self.days,
            "account": self.account,
            "data_label": self.label,
            "combinations": len(self),
            "grid": {axis.key: list(axis.levels) for axis in self.axes},
            "hashes": self.hashes,
            "best": [
                {
                    **dict(zip(keys, values[number], strict=True)),
                    **dict(zip(OUTPUTS, self.outputs[number].tolist(), strict=True)),
                }
                for number in self.ranking()[:10]
            ],
        }

    def _repr_html_(self) -> str:
        """Return the best combinations as a table, for a notebook."""
        keys = [axis.key for axis in self.axes]
        values = list(self.values())
        head = "".join(f"<th>{escape(name)}</th>" for name in (*keys, *OUTPUTS))
        rows = [
            "".join(f"<td>{escape(value or 'off')}</td>" for value in values[number])
            + "".join(f"<td>{escape(f'{value:,.2f}')}</td>" for value in self.outputs[number])
            for number in self.ranking()[:10]
        ]
        title = escape(
            f"{self.strategy}: {len(self)} combinations, {len(self.symbols)} symbols, "
            f"{self.days} days, {self.account}"
        )
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        none = "" if rows else f"<p>no combination has {MIN_TRADES} trades</p>"
        return f"<h4>{title}</h4><table><tr>{head}</tr>{body}</table>{none}"
