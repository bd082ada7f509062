"""Tests of finding a published universe and its archive."""

from __future__ import annotations

import pytest

from rigd.core.errors import ConfigError, DataError
from rigd.screener import versions
from tests.screener.worlds import Workshop, market


@pytest.fixture
def workshop(tmp_path) -> Workshop:
    made = Workshop(tmp_path)
    made.build(market())
    made.clock.advance(60)
    made.refilter(MIN_PRICE="5")
    return made


def test_without_a_universe_the_fix_is_to_build_one(tmp_path) -> None:
    """Asking for it raises, asking whether there is one does not."""
    home = Workshop(tmp_path).home
    assert versions.published_or_none(home) is None
    assert versions.archived(home) == []
    with pytest.raises(DataError, match="found none") as caught:
        versions.published(home)
    assert caught.value.fix == "rigd universe build"
    with pytest.raises(ConfigError, match="there are none"):
        versions.find(home, "latest")


def test_each_version_is_found_by_its_names(workshop) -> None:
    """latest, previous, a stamp, a version and the beginning of either."""
    new, old = (path.read_bytes() for path in versions.archived(workshop.home))
    assert new != old
    found = versions.published(workshop.home)
    first = versions.find(workshop.home, "previous")
    assert versions.find(workshop.home, "latest") == found
    assert first.stamp < found.stamp
    for each in (first, found):
        for name in (each.stamp, each.stamp[:-6], each.version, each.version[:12]):
            if name != each.stamp[:-6] or not found.stamp.startswith(name):
                assert versions.find(workshop.home, name) == each
    assert [versions.stamp_of(path) for path in versions.archived(workshop.home)] == [
        found.stamp,
        first.stamp,
    ]


@pytest.mark.parametrize("name", ["", "2024", "1999", "abc"])
def test_a_name_that_fits_none_or_several_is_refused(workshop, name) -> None:
    """The stamps that are there are listed."""
    with pytest.raises(ConfigError, match="must name one archived universe"):
        versions.find(workshop.home, name)
