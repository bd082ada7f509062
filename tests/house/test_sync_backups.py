"""env/sync_backups.sh: copies archives to a target that is named, and never by itself (G12)."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.hosts.homes import listing
from tests.house.tree import ROOT, repository_files, text

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = "env/sync_backups.sh"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with two archives, a sealed copy of settings, and a link."""
    backups = tmp_path / "home" / "runs" / "backups"
    backups.mkdir(parents=True)
    (backups / "BOT_2013-10-07_1_20131007T201000Z.zip").write_bytes(b"one")
    (backups / "BOT_2013-10-08_1_20131008T201000Z.zip").write_bytes(b"two")
    (backups / "BOT_env_bot_1.enc").write_bytes(b"sealed settings")
    (backups / "link.zip").symlink_to(tmp_path / "elsewhere")
    return tmp_path / "home"


def sync(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The script as a person or a timer starts it."""
    return subprocess.run(
        ["bash", str(ROOT / SCRIPT), *arguments],
        env=dict(os.environ) | {"RIGD_HOME": str(home)} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_target_nothing_is_copied(home: Path) -> None:
    """Off: it says how to call it, exit code 2, and not a byte differs."""
    before = listing(home)
    for arguments in ((), ("",), ("a", "b")):
        done = sync(home, *arguments)
        assert done.returncode == 2
        assert "usage: env/sync_backups.sh TARGET" in done.stderr
    assert listing(home) == before


def test_nothing_of_the_product_calls_it() -> None:
    """Off by default: no unit, no module, no target of make knows it."""
    known = [name for name in repository_files() if not name.startswith(("tests/", "README"))]
    assert [name for name in known if "sync_backups" in readable(name)] == [SCRIPT]


def readable(name: str) -> str:
    """A file's text; blank for one that is none."""
    try:
        return text(name)
    except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
        return ""


def test_archives_are_copied_once_and_stay(home: Path, tmp_path: Path) -> None:
    """Archives alone, 0600; a second run copies nothing; what rotation dropped here stays there."""
    target = tmp_path / "mounted"
    done = sync(home, str(target))
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 archive(s) copied" in done.stdout
    assert listing(target) == {
        "BOT_2013-10-07_1_20131007T201000Z.zip": b"one",
        "BOT_2013-10-08_1_20131008T201000Z.zip": b"two",
    }
    assert {path.stat().st_mode & 0o777 for path in target.iterdir()} == {0o600}
    (home / "runs" / "backups" / "BOT_2013-10-07_1_20131007T201000Z.zip").unlink()
    assert "0 archive(s) copied" in sync(home, str(target)).stdout
    assert len(listing(target)) == 2


def test_an_archive_that_differs_there_is_told_and_left(home: Path, tmp_path: Path) -> None:
    """Exit code 1: neither is overwritten."""
    target = tmp_path / "mounted"
    target.mkdir()
    other = target / "BOT_2013-10-07_1_20131007T201000Z.zip"
    other.write_bytes(b"another")
    done = sync(home, str(target))
    assert done.returncode == 1
    assert "differs from its source" in done.stderr
    assert other.read_bytes() == b"another"


def test_a_remote_is_left_to_rclone(home: Path, tmp_path: Path) -> None:
    """Copied, never deleted or changed there; archives alone."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "rclone").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tools / "rclone").chmod(0o755)
    done = sync(home, "cloud:rigd/backups", PATH=f"{tools}:{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        *("copy", "--immutable", "--checksum", "--include", "/*.zip"),
        *(str(home / "runs" / "backups"), "cloud:rigd/backups"),
    ]


def test_a_home_without_backups_says_so(tmp_path: Path) -> None:
    """Exit code 2, and no folder is made."""
    done = sync(tmp_path / "none", str(tmp_path / "target"))
    assert done.returncode == 2
    assert "next: rigd session" in done.stderr
    assert not (tmp_path / "target").exists()
