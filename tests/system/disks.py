"""A small disk of its own for a home, where this process may mount one."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def small_disk(folder: Path, size_mib: int) -> Iterator[Callable[[int], None]]:
    """Mount a file system of so many MiB; yield what changes its size."""
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if mount is None or unmount is None or os.geteuid() != 0:
        pytest.skip("needs the right to mount a file system")

    def resize(size: int, *more: str) -> bool:
        options = ",".join(("size=" + f"{size}m", *more))
        done = subprocess.run(  # noqa: S603 - mount with our own folder
            [mount, "-t", "tmpfs", "-o", options, "rigd", str(folder)], check=False
        )
        return done.returncode == 0

    if not resize(size_mib):
        pytest.skip("needs the right to mount a file system")
    try:
        yield lambda size: None if resize(size, "remount") else pytest.fail("no remount")
    finally:
        subprocess.run([unmount, str(folder)], check=True)  # noqa: S603 - our own folder


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Fill the disk of a folder to its last byte; what filled it is removed at the end."""
    ballast = folder / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                with suppress(OSError):
                    while file.write(bytes(size)):
                        pass
        yield
    finally:
        ballast.unlink()
