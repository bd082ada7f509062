"""A heat map carries each value at its place."""

from __future__ import annotations

import numpy as np

from rigd.reporting.heat_map import heat_map


def test_values_stand_where_they_belong() -> None:
    """Rows go up, columns go across; blank is off."""
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    plot = heat_map(("STOP", ("0.1", "")), ("BUFFER", ("5", "6")), values, title="pnl")
    data = plot.renderers[0].data_source.data
    assert data["x"] == ["0.1", "off", "0.1", "off"]
    assert data["y"] == ["5", "5", "6", "6"]
    assert data["value"] == [1.0, 2.0, 3.0, 4.0]
    assert plot.title.text == "pnl"
