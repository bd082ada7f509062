"""Tests of the way to the shared data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import shared

if TYPE_CHECKING:
    from pathlib import Path


def test_what_lies_there_is_returned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path below the folder."""
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(shared, "SHARED", tmp_path)
    assert shared.shared_path("data") == tmp_path / "data"


def test_missing_data_skips_here_and_fails_under_ci(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A skip is visible at a desk and never passes for success under CI."""
    monkeypatch.setattr(shared, "SHARED", tmp_path)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="data/x"):
        shared.shared_path("data", "x")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="data/x"):
        shared.shared_path("data", "x")
