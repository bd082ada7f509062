"""A part runs by itself: what it gives is its slice of the whole."""

from __future__ import annotations

import pickle

import numpy as np

from rigd.hosts.sweep.work import run_part


def test_a_part_of_the_entries_is_a_slice_of_the_result(made) -> None:
    """Sent through pickle as to a worker, half of the entries give half of the outputs."""
    sweep = made()
    spans = sweep.spans()
    whole = next(iter(sweep._parts(spans, [0])))
    symbol, low, high = spans[0]
    half = next(iter(sweep._parts([(symbol, low + 2, high)], [0])))
    number, outputs = run_part(pickle.loads(pickle.dumps(half)))  # noqa: S301 - our own bytes
    assert number == 0
    np.testing.assert_array_equal(outputs, run_part(whole)[1][2:])
