"""Homes that are tried out and thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import StorageError
from rigd.store import images
from rigd.store.images import copy_home, drop_home, lay_out, workplace, write_torn

if TYPE_CHECKING:
    from pathlib import Path


def test_a_workplace_is_private_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lies in memory where that can be written, else where temporary files lie."""
    monkeypatch.setattr(images, "IN_MEMORY", tmp_path)
    with workplace() as folder:
        assert folder.parent == tmp_path
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()
    monkeypatch.setattr(images, "IN_MEMORY", tmp_path / "none")
    with workplace() as folder:
        assert folder.parent != tmp_path
    assert not folder.exists()


def test_a_home_is_copied_and_dropped(tmp_path: Path) -> None:
    """With modes and links; a home that is there is not written over."""
    (tmp_path / "a" / "runs").mkdir(parents=True)
    (tmp_path / "a" / "key").touch(0o600)
    (tmp_path / "a" / "latest").symlink_to("runs")
    copy_home(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b" / "key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "b" / "latest").is_symlink()
    with pytest.raises(StorageError, match="copy a"):
        copy_home(tmp_path / "a", tmp_path / "b")
    drop_home(tmp_path / "b")
    assert not (tmp_path / "b").exists()
    with pytest.raises(StorageError, match="remove b"):
        drop_home(tmp_path / "b")


def test_a_torn_write_overwrites_in_place(tmp_path: Path) -> None:
    """Nothing is cut, nothing is created."""
    (tmp_path / "a").write_bytes(b"123456")
    write_torn(tmp_path / "a", b"ab", 2)
    assert (tmp_path / "a").read_bytes() == b"12ab56"
    with pytest.raises(StorageError, match="write b"):
        write_torn(tmp_path / "b", b"ab", 0)


def test_an_image_is_laid_out_without_room_for_zeros(tmp_path: Path) -> None:
    """Folders, sizes and pieces are as asked; holes take no blocks."""
    lay_out(
        tmp_path / "image",
        ["runs", "runs/logs"],
        [("runs/a", 1 << 24, [(0, b"abc"), (10, b"x")]), ("env/b", 0, [])],
    )
    held = (tmp_path / "image" / "runs" / "a").read_bytes()
    assert (len(held), held[:11]) == (1 << 24, b"abc" + bytes(7) + b"x")
    assert (tmp_path / "image" / "runs" / "a").stat().st_blocks * 512 < 1 << 20
    assert (tmp_path / "image" / "env" / "b").read_bytes() == b""
    assert (tmp_path / "image" / "runs" / "logs").is_dir()
