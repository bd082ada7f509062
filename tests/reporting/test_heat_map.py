"""A heat map carries each value at its place."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np

from rigd.reporting.heat_map import LABELLED, heat_map, heat_svg


def test_values_stand_where_they_belong() -> None:
    """Rows go up, columns go across; blank is off."""
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    plot = heat_map(("STOP", ("0.1", "")), ("BUFFER", ("5", "6")), values, title="pnl")
    data = plot.renderers[0].data_source.data
    assert data["x"] == ["0.1", "off", "0.1", "off"]
    assert data["y"] == ["5", "5", "6", "6"]
    assert data["value"] == [1.0, 2.0, 3.0, 4.0]
    assert plot.title.text == "pnl"


def cells(text: str) -> list[dict[str, str]]:
    """The attributes of the map's cells."""
    return [each.attrib for each in ET.fromstring(text) if each.tag.endswith("rect")]  # noqa: S314 - our own


def test_the_largest_is_the_strongest() -> None:
    """Gains and losses have their colours; NaN has none; the second row lies above the first."""
    values = np.array([[4.0, -1.0], [np.nan, 2.0]])
    low_left, low_right, up_left, up_right = cells(
        heat_svg(("STOP", ("0.1", "")), ("BUFFER", ("5", "6")), values, title="pnl < 5")
    )
    assert low_left["fill"] == up_right["fill"] != low_right["fill"]
    assert float(low_left["fill-opacity"]) > float(up_right["fill-opacity"])
    assert float(up_right["fill-opacity"]) > float(low_right["fill-opacity"])
    assert "fill-opacity" not in up_left
    assert float(up_left["y"]) < float(low_left["y"])
    assert float(low_right["x"]) > float(low_left["x"])


def test_many_columns_show_their_values_under_the_pointer_alone() -> None:
    """Texts would lie on each other."""
    for count, shown in ((LABELLED, True), (LABELLED + 1, False)):
        names = tuple(str(n) for n in range(count))
        text = heat_svg(("A", names), ("B", ("1",)), np.full((1, count), 7.5), title="pnl")
        assert (">7.50</text>" in text) is shown
        assert text.count("<title>7.50</title>") == count
