"""The files of a sweep: a part is there or not, and a plan is known again."""

from __future__ import annotations

import numpy as np
import pytest

from rigd.core.errors import ConfigError
from rigd.hosts.sweep.state import HASHES, SweepFolder
from rigd.store.paths import Home


def test_a_part_comes_back_as_it_was(tmp_path) -> None:
    """To the last bit; parts lie in the folder of their sweep."""
    folder = SweepFolder(Home(tmp_path), "one")
    outputs = np.random.default_rng(1).normal(size=(2, 3, 1, 6))
    assert not folder.has_part(0)
    folder.write_part(0, outputs)
    assert folder.has_part(0)
    assert not folder.has_part(1)
    assert folder.read_part(0).tobytes() == outputs.tobytes()
    assert [path.name for path in folder.table.parent.iterdir()] == ["part_000000.npy"]


@pytest.mark.parametrize("name", HASHES)
def test_what_changed_is_named(tmp_path, name) -> None:
    """Each of the hashes alone keeps a sweep from being resumed."""
    folder = SweepFolder(Home(tmp_path), "one")
    hashes = dict.fromkeys(HASHES, "a")
    folder.write_plan({"hashes": hashes})
    folder.require_same(dict(hashes))
    with pytest.raises(ConfigError, match=name):
        folder.require_same({**hashes, name: "b"})


def test_an_unknown_sweep_is_refused(tmp_path) -> None:
    """There is nothing to resume."""
    with pytest.raises(ConfigError, match="was begun"):
        SweepFolder(Home(tmp_path), "none").read_plan()
