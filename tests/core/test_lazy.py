"""Names that are imported when they are first asked for."""

from __future__ import annotations

import pytest

import rigd
from rigd.core.lazy import LazyNames


def test_a_name_is_loaded_from_its_module() -> None:
    """The name gives what its module holds, and stands among the package's names."""
    lazy = LazyNames("somewhere", {"sqrt": "math"}, ("known",))
    assert lazy.load("sqrt")(9.0) == 3.0
    assert lazy.names() == ["known", "sqrt"]


def test_an_unknown_name_is_an_attribute_error() -> None:
    """What nobody holds raises as a module does, so that hasattr and imports work."""
    with pytest.raises(AttributeError, match="'somewhere' has no attribute 'cbrt'"):
        LazyNames("somewhere", {"sqrt": "math"}).load("cbrt")
    assert not hasattr(rigd, "backtst")


def test_the_package_offers_the_sweep() -> None:
    """``rigd.sweep`` is there, completes, and is the function of the sweep host."""
    assert rigd.sweep.__module__ == "rigd.hosts.sweep.notebook"
    assert "sweep" in dir(rigd)
