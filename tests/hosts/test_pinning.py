"""A session runs the code that it began with."""

from __future__ import annotations

import importlib
import sys

import pytest

from rigd.core.errors import LogicError
from rigd.hosts.pinning import PinnedCode


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of three modules that can be imported."""
    folder = tmp_path / "pinned_sample"
    (folder / "inner").mkdir(parents=True)
    for name in ("__init__", "early", "late", "inner/__init__"):
        (folder / f"{name}.py").write_text(f"VALUE = {name!r}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.startswith("pinned_sample")]:
        del sys.modules[name]


def test_unchanged_code_is_imported(package) -> None:
    """A module that nobody touched loads late as well as early, packages too."""
    with PinnedCode(package):
        assert importlib.import_module("pinned_sample.late").VALUE == "late"
        assert importlib.import_module("pinned_sample.inner").VALUE == "inner/__init__"


def test_changed_code_is_refused_and_the_old_stays(package) -> None:
    """H6: neither a reload nor a first import takes an edited file in; afterwards both do."""
    with PinnedCode(package):
        early = importlib.import_module("pinned_sample.early")
        for name in ("early", "late", "new"):
            (package / f"{name}.py").write_text("VALUE = 'edited'\n")
        importlib.invalidate_caches()
        with pytest.raises(LogicError, match=r"pinned_sample\.early must be as it was"):
            importlib.reload(early)
        assert early.VALUE == "early"
        for name in ("late", "new"):
            with pytest.raises(LogicError, match="was changed"):
                importlib.import_module(f"pinned_sample.{name}")
    assert importlib.import_module("pinned_sample.late").VALUE == "edited"


def test_other_packages_are_none_of_its_business(package) -> None:
    """Libraries load as ever, and nothing stays behind."""
    before = list(sys.meta_path)
    with PinnedCode(package) as pinned:
        assert pinned.find_spec("json.decoder") is None
        assert pinned.find_spec("pinned_sample") is None
    assert sys.meta_path == before
