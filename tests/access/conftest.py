"""Fixtures of the tests of access."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.access.homes import House

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A home without users."""
    made = House(tmp_path)
    yield made
    made.close()
