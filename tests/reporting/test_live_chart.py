"""The panel's figures as plain JSON, with one named source for each series."""

from __future__ import annotations

import json

from rigd.reporting.live_chart import Points, growing, pnl_item, source_name


def names(item: object) -> set[str]:
    """Every name of a model in an item."""
    if isinstance(item, dict):
        own = {item["name"]} if isinstance(item.get("name"), str) else set()
        return own.union(*(names(value) for value in item.values()))
    return set().union(*(names(value) for value in item)) if isinstance(item, list) else set()


def test_each_series_has_a_source_of_its_own() -> None:
    """Points are added to a series by the name of its source."""
    series = {"total": Points((0.0, 1.0), (0.0, 2.5)), "open": Points((0.0,), (0.0,))}
    item = pnl_item(series, height=200)
    assert {source_name("total"), source_name("open")} <= names(item)
    assert "2.5" in json.dumps(item)


def test_an_item_names_no_other_server() -> None:
    """It is data alone: nothing to load, nothing to run."""
    text = json.dumps(pnl_item({"total": Points((0.0,), (0.0,))}, height=100, dated=False))
    assert "://" not in text
    assert "CustomJS" not in text


def test_amounts_are_added_up() -> None:
    """1.5, then 1.5 - 2."""
    assert growing([(5.0, 1.5), (6.0, -2.0)], 4.0) == Points((4.0, 5.0, 6.0), (0.0, 1.5, -0.5))
    assert growing([], 4.0) == Points((4.0,), (0.0,))
