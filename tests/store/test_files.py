"""Tests of whole files and folders."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from rigd.core.errors import AccessError, LogicError, StorageError
from rigd.store import files
from rigd.store.files import (
    SECRET_MODE,
    LocalFiles,
    extend,
    make_folder,
    overwrite,
    read_plain,
    remove,
    remove_tree,
    replace,
    repoint,
)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class Recorder:
    """Notes the order of the calls that make a replacement durable, and breaks one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.broken = ""
        for owner, name in ((os, "pwrite"), (os, "fsync"), (Path, "replace")):
            monkeypatch.setattr(owner, name, self._wrapped(name, getattr(owner, name)))

    def _wrapped(self, name: str, real: object) -> object:
        def call(*args: object) -> object:
            what = name
            if name == "fsync" and stat.S_ISDIR(os.fstat(args[0]).st_mode):  # type: ignore[arg-type]
                what = "fsync folder"
            self.calls.append(what)
            if what == self.broken:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*args)  # type: ignore[operator]

        return call


def test_a_replacement_is_written_synced_renamed_and_its_folder_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only this order survives a power loss at every point."""
    recorder = Recorder(monkeypatch)
    replace(tmp_path / "a.json", b"new")
    assert recorder.calls == ["pwrite", "fsync", "replace", "fsync folder"]
    assert (tmp_path / "a.json").read_bytes() == b"new"


PLANTED = {
    "a named pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "more than 8 bytes": lambda path: path.write_bytes(b"123456789"),
}


@pytest.mark.parametrize("what", PLANTED)
def test_only_a_plain_file_of_sensible_size_is_read(tmp_path: Path, what: str) -> None:
    """What would block for ever or fill the memory is named, with the way out."""
    path = tmp_path / "settings"
    PLANTED[what](path)
    with pytest.raises(StorageError) as caught:
        read_plain(path, 8)
    assert "settings must" in caught.value.message
    assert (what in caught.value.message) is (what != "more than 8 bytes")
    assert str(path) in caught.value.fix


def test_a_link_to_a_plain_file_is_read(tmp_path: Path) -> None:
    """A home may be put together of links by its owner."""
    (tmp_path / "there").write_bytes(b"12345678")
    (tmp_path / "here").symlink_to("there")
    assert read_plain(tmp_path / "here", 8) == b"12345678"


@pytest.mark.parametrize("step", ["pwrite", "fsync", "replace"])
def test_a_failed_replacement_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Whichever step fails, the old file stands, no other is left, and the error is typed."""
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    Recorder(monkeypatch).broken = step
    with pytest.raises(StorageError, match=r"write a\.json") as caught:
        replace(path, b"new")
    assert caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_modes_are_as_asked_whatever_the_mask(tmp_path: Path) -> None:
    """A secret is 0600 in a 0700 folder, another file 0644; replacing tightens an old one."""
    old = os.umask(0)
    try:
        replace(tmp_path / "keys" / "env.key", b"k", SECRET_MODE)
        replace(tmp_path / "open.txt", b"x")
        (tmp_path / "lax.key").write_bytes(b"k")
        (tmp_path / "lax.key").chmod(0o666)
        replace(tmp_path / "lax.key", b"k", SECRET_MODE)
    finally:
        os.umask(old)
    assert mode_of(tmp_path / "keys") == 0o700
    assert mode_of(tmp_path / "keys" / "env.key") == 0o600
    assert mode_of(tmp_path / "open.txt") == 0o644
    assert mode_of(tmp_path / "lax.key") == 0o600


def test_a_large_file_that_is_taken_in_parts_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system that takes few bytes at a time still gets every byte in its place."""
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, bytes(data)[:7], at))
    content = bytes(range(256)) * 3
    replace(tmp_path / "a.bin", content)
    assert (tmp_path / "a.bin").read_bytes() == content


def test_a_folder_is_durable_in_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every missing parent is created and synced; one that exists is left alone."""
    synced: list[str] = []
    real = files.sync_folder
    monkeypatch.setattr(files, "sync_folder", lambda path: (synced.append(path.name), real(path)))
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    assert synced == [tmp_path.name, "a"]
    make_folder(tmp_path / "a" / "b")
    assert len(synced) == 2


def test_a_file_in_the_way_of_a_folder_is_a_storage_error(tmp_path: Path) -> None:
    """The message names the folder that could not be made."""
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(StorageError, match="create folder"):
        make_folder(tmp_path / "a" / "b")


def test_removing_tells_whether_something_was_there(tmp_path: Path) -> None:
    """Removing twice is no error."""
    (tmp_path / "a").write_bytes(b"")
    assert remove(tmp_path / "a") is True
    assert remove(tmp_path / "a") is False
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError):
        remove(tmp_path / "folder")


def test_a_link_is_repointed_in_place(tmp_path: Path) -> None:
    """`latest` follows the newest session and is relative, so the home can be moved."""
    for name in ("one", "two"):
        (tmp_path / "sessions" / name).mkdir(parents=True)
        repoint(tmp_path / "latest", tmp_path / "sessions" / name)
    assert (tmp_path / "latest").readlink() == Path("sessions/two")
    assert (tmp_path / "latest").resolve() == (tmp_path / "sessions" / "two").resolve()


def test_a_door_reads_replaces_and_tells(tmp_path: Path) -> None:
    """The port's three methods act below the door's folder."""
    door = LocalFiles(tmp_path / "env", mode=SECRET_MODE)
    assert not door.exists("secrets/api.json.enc")
    door.replace("secrets/api.json.enc", b"sealed")
    assert door.exists("secrets/api.json.enc")
    assert door.read("secrets/api.json.enc") == b"sealed"
    assert mode_of(tmp_path / "env" / "secrets" / "api.json.enc") == 0o600
    assert door.folder == tmp_path / "env"


def test_reading_what_is_missing_is_a_storage_error(tmp_path: Path) -> None:
    """The error names the file and carries the system's number."""
    with pytest.raises(StorageError, match=r"read \.env_bot\.enc") as caught:
        LocalFiles(tmp_path).read(".env_bot.enc")
    assert caught.value.errno == errno.ENOENT


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../a", "a/../../b", "a//b", "./a", "a\0b"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    """A door never opens anything but what lies below it."""
    for action in (LocalFiles(tmp_path).read, LocalFiles(tmp_path).exists):
        with pytest.raises(AccessError, match="inside its folder"):
            action(name)


def test_a_prepared_link_does_not_redirect_a_write(tmp_path: Path) -> None:
    """A symbolic link planted where the temporary file goes is refused, not followed."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"safe")
    (tmp_path / ".a.json.tmp").symlink_to(victim)
    with pytest.raises(StorageError):
        replace(tmp_path / "a.json", b"new")
    assert victim.read_bytes() == b"safe"


def test_a_folder_is_removed_with_everything_in_it(tmp_path) -> None:
    """Gone as a whole; removing it again is nothing."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_text("x")
    assert remove_tree(tmp_path / "a") is True
    assert not (tmp_path / "a").exists()
    assert remove_tree(tmp_path / "a") is False


def test_a_link_in_a_folders_place_is_not_followed(tmp_path) -> None:
    """The link goes, what it points to stays."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    assert remove_tree(tmp_path / "link") is True
    assert (tmp_path / "kept" / "file").exists()


def test_a_file_is_extended_with_zeros_and_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it holds stays; a file that is large enough is not touched."""
    path = tmp_path / "a.db-wal"
    path.write_bytes(b"held")
    recorder = Recorder(monkeypatch)
    extend(path, 10)
    assert recorder.calls == ["pwrite", "fsync"]
    assert path.read_bytes() == b"held" + bytes(6)
    extend(path, 7)
    assert recorder.calls == ["pwrite", "fsync"]


def test_a_file_is_written_over_where_it_lies(tmp_path: Path) -> None:
    """The same file holds the new content alone; a link and a missing file are refused."""
    path = tmp_path / "file"
    path.write_bytes(b"the old content")
    before = path.stat().st_ino
    overwrite(path, b"the new")
    assert (path.read_bytes(), path.stat().st_ino) == (b"the new", before)
    (tmp_path / "link").symlink_to(path)
    for wrong in ("link", "missing"):
        with pytest.raises(StorageError):
            overwrite(tmp_path / wrong, b"more")
    assert path.read_bytes() == b"the new"


def test_a_published_file_is_whole_and_costs_no_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old or new content, never a mixture; a failure leaves the old one and no remains."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    files.publish(tmp_path / "lease.json", b"one")
    files.publish(tmp_path / "lease.json", b"two")
    assert (tmp_path / "lease.json").read_bytes() == b"two"
    monkeypatch.setattr(files, "write_all", refuse)
    with pytest.raises(StorageError, match=r"write lease\.json"):
        files.publish(tmp_path / "lease.json", b"three")
    assert [path.name for path in tmp_path.iterdir()] == ["lease.json"]
    assert (tmp_path / "lease.json").read_bytes() == b"two"


def test_a_new_file_never_replaces_one(tmp_path) -> None:
    """What is there stays byte by byte, and no temporary file is left."""
    path = tmp_path / "deep" / "a.json"
    files.create(path, b"one", files.SECRET_MODE)
    with pytest.raises(LogicError, match=r"must not replace .*a\.json"):
        files.create(path, b"two")
    assert path.read_bytes() == b"one"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["a.json"]
