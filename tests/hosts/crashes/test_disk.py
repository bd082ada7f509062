"""A disk that may lose power."""

from __future__ import annotations

import numpy as np
import pytest

from rigd.core.errors import LogicError
from rigd.hosts.crashes.boundaries import BROKER, Boundary
from rigd.hosts.crashes.disk import SECTOR, Content, Disk, Node


def call(kind: str, file: str, content: bytes = b"", offset: int = 0, **more: object) -> Boundary:
    return Boundary(kind=kind, file=file, content=content, offset=offset, **more)  # type: ignore[arg-type]


def disk_of(*calls: Boundary) -> Disk:
    disk = Disk(("runs",))
    for each in calls:
        disk.see(each)
    return disk


def images_of(disk: Disk, count: int = 300) -> list[dict[str, bytes]]:
    """What so many images hold, by file; folders count as files without content."""
    found = []
    for number in range(count):
        folders, files = disk.by_chance(np.random.default_rng(number))
        held = {name: b"".join(part for _, part in pieces) for name, _, pieces in files}
        found.append(dict.fromkeys(folders, b"") | held)
    return found


CREATED = (call("openat", "runs/a"), call("fsync", "runs"))


def test_content_holds_zeros_behind_its_end_in_no_room() -> None:
    """A reserve counts in the size alone; written over it is held."""
    content = Content()
    content.write(0, b"abc")
    content.write(3, bytes(5000))
    assert (bytes(content.used), content.size) == (b"abc", 5003)
    content.write(4, b"e")
    assert bytes(content.used) == b"abc\0e"
    content.truncate(2)
    assert (bytes(content.used), content.size) == (b"ab", 2)


def test_what_was_synced_is_in_every_image() -> None:
    """A file's content after its own sync, its name after its folder's."""
    disk = disk_of(*CREATED, call("pwrite64", "runs/a", b"one"), call("fdatasync", "runs/a"))
    assert all(image == {"runs": b"", "runs/a": b"one"} for image in images_of(disk))
    assert disk.for_sure("runs/a") == b"one"
    assert disk.for_sure("runs/b") is None


def test_a_name_without_its_folders_sync_may_be_lost() -> None:
    """A synced file whose folder was not synced is there or not; what is there is whole."""
    disk = disk_of(
        call("openat", "runs/a"), call("pwrite64", "runs/a", b"one"), call("fsync", "runs/a")
    )
    found = {image.get("runs/a") for image in images_of(disk)}
    assert found == {None, b"one"}


def test_unsynced_writes_are_lost_torn_or_there() -> None:
    """Each sector is as it was or as it became; both halves are never mixed within a sector."""
    old, new = b"o" * SECTOR * 2, b"n" * SECTOR * 2
    disk = disk_of(
        *CREATED,
        call("pwrite64", "runs/a", old),
        call("fsync", "runs/a"),
        call("pwrite64", "runs/a", new),
    )
    halves = {
        (image["runs/a"][:SECTOR][:1], image["runs/a"][SECTOR:][:1]) for image in images_of(disk)
    }
    assert halves == {(b"o", b"o"), (b"n", b"n"), (b"o", b"n"), (b"n", b"o")}
    assert all(set(image["runs/a"][:SECTOR]) < {*b"on"} for image in images_of(disk))


def test_a_sector_never_shows_a_later_write_without_an_earlier_one() -> None:
    """Two unsynced writes into one sector come back in their order."""
    node = Node()
    node.since = [(0, b"1"), (1, b"2")]
    found = {bytes(node.by_chance(np.random.default_rng(n)).used) for n in range(200)}
    assert found == {b"", b"1", b"12"}


def test_a_later_sector_may_arrive_before_an_earlier_one() -> None:
    """The first of two appended records may be a hole while the second is there."""
    node = Node(Content(bytearray(), 4096))
    node.since = [(0, b"a" * SECTOR), (SECTOR, b"b" * SECTOR)]
    found = {bytes(node.by_chance(np.random.default_rng(n)).used) for n in range(200)}
    assert bytes(SECTOR) + b"b" * SECTOR in found
    assert b"a" * SECTOR in found


def test_a_rename_is_old_or_new() -> None:
    """The name stands for the old file or the new one; the temporary name for nothing else."""
    disk = disk_of(
        *CREATED,
        call("pwrite64", "runs/a", b"old"),
        call("fsync", "runs/a"),
        call("openat", "runs/.a.tmp"),
        call("pwrite64", "runs/.a.tmp", b"new"),
        call("fsync", "runs/.a.tmp"),
        call("rename", "runs/.a.tmp", to="runs/a"),
    )
    found = {(image["runs/a"], image.get("runs/.a.tmp")) for image in images_of(disk)}
    assert found == {(b"old", None), (b"old", b"new"), (b"new", None)}


def test_an_unsynced_replacement_may_be_empty() -> None:
    """Without the sync before the rename the new name may stand for nothing: the fault is seen."""
    disk = disk_of(
        *CREATED,
        call("openat", "runs/.a.tmp"),
        call("pwrite64", "runs/.a.tmp", b"new"),
        call("rename", "runs/.a.tmp", to="runs/a"),
        call("fsync", "runs"),
    )
    assert {image["runs/a"] for image in images_of(disk)} == {b"", b"new"}


def test_files_in_a_lost_folder_are_lost() -> None:
    """A folder whose own name was not durable takes everything in it along."""
    disk = disk_of(
        call("mkdir", "runs/b"),
        call("openat", "runs/b/c"),
        call("fsync", "runs/b/c"),
        call("fsync", "runs/b"),
    )
    assert {tuple(sorted(image)) for image in images_of(disk)} == {
        ("runs",),
        ("runs", "runs/b", "runs/b/c"),
    }


def test_a_removed_file_is_there_or_not() -> None:
    """Until the folder is synced; a link is no file of the image; messages change no disk."""
    disk = disk_of(
        *CREATED,
        call("symlink", "runs/latest", b"a"),
        call("sendto", BROKER, to="submit"),
        call("unlink", "runs/a"),
    )
    assert {"runs/a" in image for image in images_of(disk)} == {True, False}
    disk.see(call("fsync", "runs"))
    assert {tuple(image) for image in images_of(disk)} == {("runs",)}


def test_a_cut_file_is_cut_at_one_instant() -> None:
    """Cutting and writing come back in their order; emptied on opening counts as cut."""
    disk = disk_of(
        *CREATED,
        call("pwrite64", "runs/a", b"abcdef"),
        call("fsync", "runs/a"),
        call("ftruncate", "runs/a", size=3),
        call("pwrite64", "runs/a", b"X", 3),
    )
    assert {image["runs/a"] for image in images_of(disk)} == {b"abcdef", b"abc", b"abcX"}
    disk.see(call("openat", "runs/a"))
    assert b"" in {image["runs/a"] for image in images_of(disk)}
    assert disk.whole()[1] == [("runs/a", 0, [(0, b"")])]


def test_what_is_not_understood_is_an_error() -> None:
    """No call is left out of the model in silence."""
    with pytest.raises(LogicError, match="linkat"):
        disk_of(call("linkat", "runs/a"))
    with pytest.raises(LogicError, match="stay in its folder"):
        disk_of(*CREATED, call("rename", "runs/a", to="a"))
