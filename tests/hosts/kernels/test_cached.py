"""A compiled kernel is kept, found again by another process, and dropped when code changes."""

from __future__ import annotations

import pytest

from rigd.hosts.kernels import cached
from rigd.hosts.kernels.stepper import compiled


def double(value):
    """Return twice a number; never compiled by another test."""
    return value + value


@pytest.fixture
def folder(tmp_path):
    """Return a folder that kernels are kept in during the test."""
    before = cached._FOLDER[0]
    cached.use(str(tmp_path / "kernels"))
    yield tmp_path / "kernels"
    cached.use(before)


def fresh():
    """Return the kernel as a new process would make it."""
    return cached.keep(compiled.__wrapped__(double), "double")


def test_a_kernel_is_loaded_instead_of_compiled(folder) -> None:
    """The second one comes from the folder."""
    assert fresh()(21) == 42
    assert sorted(path.suffix for path in folder.iterdir()) == [".nbc", ".nbi"]
    again = fresh()
    assert again(21) == 42
    assert sum(again.stats.cache_hits.values()) == 1


def test_other_code_is_compiled_anew(folder, monkeypatch) -> None:
    """A kernel of other code is never used."""
    assert fresh()(21) == 42
    monkeypatch.setattr(cached, "code_digest", lambda: "other")
    again = fresh()
    assert again(21) == 42
    assert sum(again.stats.cache_hits.values()) == 0
    assert folder.exists()


def test_without_a_folder_nothing_is_kept(tmp_path) -> None:
    """A blank folder, or one that cannot be made, compiles as ever."""
    before = cached._FOLDER[0]
    (tmp_path / "file").write_text("", encoding="utf-8")
    try:
        for name in ("", str(tmp_path / "file" / "kernels")):
            cached.use(name)
            assert fresh()(4) == 8
    finally:
        cached.use(before)
