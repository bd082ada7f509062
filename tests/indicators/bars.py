"""Bars for the tests of indicators: reference tables and random walks."""

from __future__ import annotations

import csv

import numpy as np
from hypothesis import strategies as st

from tests.shared import shared_path


def reference(name: str) -> list[dict[str, str]]:
    """Return the rows of a reference table; its column names lose surrounding blanks."""
    with shared_path("data", "indicator_reference", name).open(encoding="utf-8") as lines:
        return [{k.strip(): v for k, v in row.items()} for row in csv.DictReader(lines)]


def column(rows: list[dict[str, str]], name: str) -> np.ndarray:
    """Return one column; an empty field is NaN."""
    return np.array([float(row[name] or "nan") for row in rows])


def prices(rows: list[dict[str, str]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return high, low and close."""
    return column(rows, "High"), column(rows, "Low"), column(rows, "Close")


def walk(bars: int, seed: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return high, low and close of a random walk around 100."""
    generator = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(generator.normal(0, 0.002, bars)))
    open_ = np.concatenate(([100.0], close[:-1]))
    high = np.maximum(open_, close) * (1 + generator.uniform(0, 0.002, bars))
    low = np.minimum(open_, close) * (1 - generator.uniform(0, 0.002, bars))
    return high, low, close


CENTS = st.lists(
    st.tuples(st.integers(9_000, 11_000), st.integers(0, 50), st.integers(0, 50)),
    min_size=1,
    max_size=60,
)
"""Bars as close, distance of the high, distance of the low, in cents."""


def from_cents(bars: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return high, low and close of drawn bars."""
    close = np.array([c / 100 for c, _, _ in bars])
    high = np.array([(c + up) / 100 for c, up, _ in bars])
    low = np.array([(c - down) / 100 for c, _, down in bars])
    return high, low, close
