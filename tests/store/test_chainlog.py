"""Tests of the chained log."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigd.core.errors import DataError, LogicError, StorageError, TamperError
from rigd.store.chainlog import ChainLog, genesis_hash, link, read_chain, verify_chain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AT = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)
KEY = "DEMO_US_SIM_01|2024-03-04|1"
RESERVE = 8192


def made(path: Path, count: int, *, reserve: int = RESERVE) -> ChainLog:
    log = ChainLog.create(path, KEY, reserve)
    for n in range(1, count + 1):
        log.append(AT + timedelta(minutes=n), "Note", {"n": n, "text": f"line {n}"})
    return log


def sealed(path: Path, count: int) -> tuple[int, str]:
    log = made(path, count)
    head = log.head
    log.seal()
    log.close()
    return head


def test_lines_are_chained_as_the_format_says(tmp_path: Path) -> None:
    """Each line's hash is the SHA-256 of the hash before and the line's own text."""
    path = tmp_path / "journal.log"
    sealed(path, 3)
    previous = hashlib.sha256(KEY.encode()).hexdigest()
    for number, line in enumerate(path.read_text().splitlines(), 1):
        body, _, rest = line.rpartition(',"hash":"')
        digest = hashlib.sha256((previous + body).encode()).hexdigest()
        assert rest == digest + '"}'
        assert json.loads(line) == {
            "seq": number,
            "at": f"2024-03-04T14:3{number}:00Z",
            "kind": "Note",
            "data": {"n": number, "text": f"line {number}"},
            "hash": digest,
        }
        previous = digest


def test_the_same_records_make_the_same_bytes(tmp_path: Path) -> None:
    """Two logs with the same records are byte-identical."""
    sealed(tmp_path / "a.log", 5)
    sealed(tmp_path / "b.log", 5)
    assert (tmp_path / "a.log").read_bytes() == (tmp_path / "b.log").read_bytes()


def test_an_empty_log_has_number_zero_and_the_genesis_hash(tmp_path: Path) -> None:
    """Without records the head is the hash of the genesis text."""
    log = made(tmp_path / "a.log", 0)
    assert log.head == (0, hashlib.sha256(KEY.encode()).hexdigest()) == (0, genesis_hash(KEY))
    assert log.entries() == []


def test_a_log_in_use_is_preallocated_and_a_sealed_one_is_not(tmp_path: Path) -> None:
    """The reserve is real zeros while the log is in use and gone after the seal."""
    path = tmp_path / "a.log"
    log = made(path, 2)
    content = path.read_bytes()
    assert len(content) == RESERVE
    assert content.rstrip(b"\0").endswith(b'"}\n')
    assert log.room == RESERVE - len(content.rstrip(b"\0"))
    assert path.stat().st_blocks * 512 >= RESERVE
    log.seal()
    assert path.read_bytes() == content.rstrip(b"\0")


def test_the_reserve_is_renewed_before_it_runs_out(tmp_path: Path) -> None:
    """A log that outgrows its reserve stays readable and keeps room."""
    log = made(tmp_path / "a.log", 400, reserve=4096)
    assert log.room >= 2048
    assert [row.seq for row in log.entries()] == list(range(1, 401))


def test_reopening_goes_on_where_the_log_ended(tmp_path: Path) -> None:
    """Closing and opening changes nothing of the chain."""
    whole, parted = tmp_path / "whole.log", tmp_path / "parted.log"
    sealed(whole, 6)
    made(parted, 3).close()
    log = ChainLog.open(parted, KEY, RESERVE)
    assert log.torn_bytes == 0
    for n in range(4, 7):
        log.append(AT + timedelta(minutes=n), "Note", {"n": n, "text": f"line {n}"})
    log.seal()
    assert parted.read_bytes() == whole.read_bytes()


def test_a_sealed_log_can_be_opened_and_grown(tmp_path: Path) -> None:
    """A session taken up again after its seal gets a new reserve."""
    path = tmp_path / "a.log"
    sealed(path, 2)
    log = ChainLog.open(path, KEY, RESERVE)
    log.append(AT, "Note", {"n": 3}, durable=True)
    assert log.room >= RESERVE // 2
    assert [row.data["n"] for row in log.entries()] == [1, 2, 3]


def test_entries_come_back_as_they_were_written(tmp_path: Path) -> None:
    """Text outside ASCII, nested lists and null survive the file."""
    log = made(tmp_path / "a.log", 0)
    data = {"text": "σ ≤ \u2028 \n\0", "list": [1, [None, True]], "pi": 3.5}
    seq, digest = log.append(AT, "Odd kind\n", data)
    assert log.entries() == [(seq, AT, "Odd kind\n", data, digest)]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"x", {1, 2}, AT])
def test_values_that_json_cannot_hold_are_refused(tmp_path: Path, value: object) -> None:
    """NaN, infinities and foreign types raise and leave the log as it was."""
    log = made(tmp_path / "a.log", 1)
    before = log.head
    with pytest.raises(DataError, match=r"record 2 \(Note\)"):
        log.append(AT, "Note", {"value": value})
    assert log.head == before
    log.append(AT, "Note", {"value": 1})
    assert verify_chain(tmp_path / "a.log", KEY) == []


def test_a_naive_instant_is_refused(tmp_path: Path) -> None:
    """An instant without zone is a defect."""
    with pytest.raises(LogicError, match="UTC"):
        made(tmp_path / "a.log", 0).append(datetime(2024, 3, 4), "Note", {})  # noqa: DTZ001 - the case


def test_a_new_log_never_replaces_an_old_one(tmp_path: Path) -> None:
    """Creating over an existing file is refused."""
    sealed(tmp_path / "a.log", 1)
    with pytest.raises(LogicError, match="must not replace"):
        ChainLog.create(tmp_path / "a.log", KEY, RESERVE)


def test_a_missing_log_is_a_storage_error(tmp_path: Path) -> None:
    """Opening, reading and verifying what is not there name the file."""
    with pytest.raises(StorageError, match=r"gone\.log"):
        ChainLog.open(tmp_path / "gone.log", KEY)
    with pytest.raises(StorageError, match=r"gone\.log"):
        read_chain(tmp_path / "gone.log", KEY)
    assert verify_chain(tmp_path / "gone.log", KEY)[0].where == "gone.log"


def test_a_sealed_or_closed_log_takes_no_more(tmp_path: Path) -> None:
    """Appending after the end is a defect; closing twice is not."""
    log = made(tmp_path / "a.log", 1)
    log.seal()
    with pytest.raises(LogicError, match="sealed or closed"):
        log.append(AT, "Note", {})
    log.close()
    log.close()
    with pytest.raises(LogicError, match="sealed or closed"):
        log.sync()


def test_a_link_is_never_followed(tmp_path: Path) -> None:
    """A symbolic link in place of a log is refused."""
    sealed(tmp_path / "real.log", 1)
    (tmp_path / "link.log").symlink_to(tmp_path / "real.log")
    with pytest.raises(StorageError):
        ChainLog.open(tmp_path / "link.log", KEY)


# --- durability -----------------------------------------------------------------------------


class Disk:
    """Counts and breaks the system calls of the log."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.broken: dict[str, int] = {}
        self.short = False
        for name in ("pwrite", "fdatasync", "fsync", "ftruncate"):
            monkeypatch.setattr(os, name, self._wrapped(name, getattr(os, name)))

    def _wrapped(self, name: str, real: object) -> object:
        def call(*args: object) -> object:
            self.calls.append(name)
            if name in self.broken:
                raise OSError(self.broken[name], os.strerror(self.broken[name]))
            if name == "pwrite" and self.short:
                return real(args[0], args[1][:-5], args[2])  # type: ignore[operator,index]
            return real(*args)  # type: ignore[operator]

        return call


def test_a_durable_append_is_one_write_and_one_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but pwrite and fdatasync happens, and a second sync is free."""
    log = made(tmp_path / "a.log", 1)
    disk = Disk(monkeypatch)
    log.append(AT, "Note", {}, durable=True)
    log.sync()
    assert disk.calls == ["pwrite", "fdatasync"]
    log.append(AT, "Note", {})
    assert disk.calls == ["pwrite", "fdatasync", "pwrite"]


def test_a_failed_sync_is_never_retried_and_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After EIO from fdatasync the log refuses everything, also when the disk answers again."""
    log = made(tmp_path / "a.log", 1)
    disk = Disk(monkeypatch)
    disk.broken["fdatasync"] = errno.EIO
    with pytest.raises(StorageError) as caught:
        log.append(AT, "Note", {}, durable=True)
    assert caught.value.errno == errno.EIO
    disk.broken.clear()
    for action in (log.sync, log.seal, lambda: log.append(AT, "Note", {})):
        with pytest.raises(StorageError, match="takes no more"):
            action()
    log.close()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_failed_write_stops_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """A refused write raises a typed error with its number, and the file stays readable."""
    log = made(tmp_path / "a.log", 2)
    disk = Disk(monkeypatch)
    disk.broken["pwrite"] = code
    with pytest.raises(StorageError) as caught:
        log.append(AT, "Note", {})
    assert caught.value.errno == code
    with pytest.raises(StorageError, match="takes no more"):
        log.append(AT, "Note", {})
    assert len(read_chain(tmp_path / "a.log", KEY)) == 2


def test_a_short_write_stops_the_log_and_is_cut_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that was taken in part is a failure and leaves a torn tail."""
    log = made(tmp_path / "a.log", 2)
    disk = Disk(monkeypatch)
    disk.short = True
    with pytest.raises(StorageError, match="bytes were taken"):
        log.append(AT, "Note", {})
    disk.short = False
    again = ChainLog.open(tmp_path / "a.log", KEY, RESERVE)
    assert again.head[0] == 2
    assert again.torn_bytes > 0


def test_a_full_disk_leaves_the_reserve_to_write_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the log cannot grow it writes on until its reserve is used, then names the cause."""
    log = made(tmp_path / "a.log", 0)
    room = log.room
    real = os.pwrite

    def full(descriptor: int, content: bytes, offset: int) -> int:
        if offset + len(content) > room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, content, offset)

    monkeypatch.setattr(os, "pwrite", full)
    length = len(link(genesis_hash(KEY), 100, AT, "Note", {"n": 100})[0])
    while log.room >= length + 10:
        log.append(AT, "Note", {"n": log.head[0]}, durable=True)
    with pytest.raises(StorageError, match="no room left") as caught:
        log.append(AT, "Note", {"n": "x" * log.room})
    assert caught.value.errno == errno.ENOSPC
    assert log.room < 200
    monkeypatch.setattr(os, "pwrite", real)
    log.append(AT, "Note", {"n": "space again"}, durable=True)
    assert log.entries()[-1].data == {"n": "space again"}


def test_a_full_disk_at_creation_is_a_storage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log whose reserve cannot be written is not begun."""
    Disk(monkeypatch).broken["pwrite"] = errno.ENOSPC
    with pytest.raises(StorageError) as caught:
        ChainLog.create(tmp_path / "a.log", KEY, RESERVE)
    assert caught.value.errno == errno.ENOSPC


# --- what a crash leaves behind -------------------------------------------------------------


def test_every_cut_of_the_last_write_is_mended(tmp_path: Path) -> None:
    """However much of the last line arrived, the log opens with the lines before it."""
    path = tmp_path / "a.log"
    made(path, 3).close()
    content = path.read_bytes()
    end = len(content.rstrip(b"\0"))
    start = content.rindex(b"\n", 0, end - 1) + 1
    for cut in range(start, end):
        torn = content[:cut] + bytes(len(content) - cut)
        path.write_bytes(torn)
        assert [p.where for p in verify_chain(path, KEY)] == ["a.log:record 3"] * (cut > start)
        log = ChainLog.open(path, KEY, RESERVE)
        whole = cut == end - 1  # nothing but the newline is missing: the record is complete
        assert log.head[0] == (3 if whole else 2)
        assert log.torn_bytes == (0 if whole else cut - start)
        log.close()
        assert verify_chain(path, KEY) == []


def test_a_mended_log_goes_on(tmp_path: Path) -> None:
    """After a cut the next record takes the number of the lost one."""
    path = tmp_path / "a.log"
    made(path, 3).close()
    content = path.read_bytes()
    end = len(content.rstrip(b"\0"))
    path.write_bytes(content[: end - 40] + bytes(len(content) - end + 40))
    log = ChainLog.open(path, KEY, RESERVE)
    log.append(AT, "Note", {"n": "again"})
    log.seal()
    assert [row.seq for row in read_chain(path, KEY)] == [1, 2, 3]


def test_unsynced_sectors_that_never_arrived_are_cut(tmp_path: Path) -> None:
    """Zeros up to a sector's end inside unsynced records are a power loss, not tampering."""
    path = tmp_path / "a.log"
    made(path, 30).close()
    content = bytearray(path.read_bytes())
    content[1024:1536] = bytes(512)
    path.write_bytes(content)
    lost = content[:1024].count(b"\n")
    log = ChainLog.open(path, KEY, RESERVE)
    assert log.head[0] == lost
    assert log.torn_bytes > 512
    log.close()
    assert verify_chain(path, KEY) == []


def test_a_process_killed_while_it_appends_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """After SIGKILL every record that was acknowledged is there and the log opens."""
    path = tmp_path / "a.log"
    program = (
        "import sys; from datetime import datetime, UTC; from pathlib import Path\n"
        "from rigd.store.chainlog import ChainLog\n"
        f"log = ChainLog.create(Path({str(path)!r}), 'k', 65536)\n"
        "at = datetime(2024, 3, 4, tzinfo=UTC)\n"
        "while True:\n"
        "    seq, _ = log.append(at, 'Note', {'x': 'y' * 300}, durable=True)\n"
        "    print(seq, flush=True)\n"
    )
    with subprocess.Popen(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", program], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(50)][-1]
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().splitlines()
    last = int((rest or [acknowledged])[-1])
    log = ChainLog.open(path, "k", 65536)
    assert log.head[0] in {last, last + 1}
    log.close()


# --- tampering ------------------------------------------------------------------------------


def test_any_flipped_byte_is_found_where_it_is(tmp_path: Path) -> None:
    """Every byte of a sealed log is covered, and the record named is the one that holds it."""
    path = tmp_path / "journal.log"
    head = sealed(path, 4)
    whole = path.read_bytes()
    for place in range(len(whole)):
        for flip in (0x01, 0x20, 0xFF):
            changed = bytearray(whole)
            changed[place] ^= flip
            path.write_bytes(changed)
            record = whole[:place].count(b"\n") + 1
            problems = verify_chain(path, KEY, head)
            assert [p.where for p in problems] == [f"journal.log:record {record}"], place


def test_a_byte_set_to_zero_is_found(tmp_path: Path) -> None:
    """A zero byte inside a record is no hole of a crash unless it ends at a sector's end."""
    path = tmp_path / "journal.log"
    head = sealed(path, 4)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + b"\0" + whole[place + 1 :])
        record = whole[:place].count(b"\n") + 1
        assert verify_chain(path, KEY, head)[0].where == f"journal.log:record {record}"


def test_a_flipped_byte_in_the_reserve_is_found(tmp_path: Path) -> None:
    """The zeros of a log in use are part of it."""
    path = tmp_path / "a.log"
    made(path, 2).close()
    content = bytearray(path.read_bytes())
    content[RESERVE - 100] = 1
    path.write_bytes(content)
    assert verify_chain(path, KEY)[0].where == "a.log:record 3"
    with pytest.raises(TamperError):
        ChainLog.open(path, KEY)


@pytest.mark.parametrize("keep", [0, 1, 3])
def test_a_cut_tail_is_found_against_the_head(tmp_path: Path, keep: int) -> None:
    """Whole records removed from the end are named by the first that is missing."""
    path = tmp_path / "journal.log"
    head = sealed(path, 4)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:keep]))
    assert verify_chain(path, KEY) == []
    (problem,) = verify_chain(path, KEY, head)
    assert problem.where == f"journal.log:record {keep + 1}"
    assert "tail is cut" in problem.message


def test_added_records_are_found_against_the_head(tmp_path: Path) -> None:
    """Records appended after the seal are named by the first of them."""
    path = tmp_path / "journal.log"
    head = sealed(path, 2)
    log = ChainLog.open(path, KEY, RESERVE)
    log.append(AT, "Note", {})
    log.seal()
    (problem,) = verify_chain(path, KEY, head)
    assert problem.where == "journal.log:record 3"
    assert "added" in problem.message


def test_a_rewritten_chain_is_found_against_the_head(tmp_path: Path) -> None:
    """A log written anew with other content has another last hash."""
    head = sealed(tmp_path / "a.log", 2)
    other = ChainLog.create(tmp_path / "b.log", KEY, RESERVE)
    other.append(AT, "Note", {})
    other.append(AT, "Note", {})
    other.seal()
    assert verify_chain(tmp_path / "b.log", KEY) == []
    assert verify_chain(tmp_path / "b.log", KEY, head)[0].where == "b.log:record 2"


def test_two_swapped_rows_are_found(tmp_path: Path) -> None:
    """Swapping any two rows is named by the first place that is out of order."""
    path = tmp_path / "journal.log"
    head = sealed(path, 5)
    lines = path.read_bytes().splitlines(keepends=True)
    for first in range(5):
        for second in range(first + 1, 5):
            rows = list(lines)
            rows[first], rows[second] = rows[second], rows[first]
            path.write_bytes(b"".join(rows))
            (problem,) = verify_chain(path, KEY, head)
            assert problem.where == f"journal.log:record {first + 1}"
            assert f"found record {second + 1}" in problem.message


def test_opening_a_changed_log_names_file_and_record(tmp_path: Path) -> None:
    """A bad hash inside is refused with a typed error, and nothing is written."""
    path = tmp_path / "journal.log"
    made(path, 4).close()
    changed = path.read_bytes().replace(b'"line 2"', b'"line 7"')
    path.write_bytes(changed)
    with pytest.raises(TamperError, match=r"journal\.log:record 2") as caught:
        ChainLog.open(path, KEY)
    assert caught.value.problems[0].where == "journal.log:record 2"
    assert path.read_bytes() == changed
    with pytest.raises(TamperError, match=r"journal\.log:record 2"):
        read_chain(path, KEY)


def test_the_last_record_changed_is_tampering_not_a_torn_tail(tmp_path: Path) -> None:
    """Every flipped byte of the last line of a log in use is refused, its newline too."""
    path = tmp_path / "a.log"
    made(path, 2).close()
    content = path.read_bytes()
    end = len(content.rstrip(b"\0"))
    start = content.index(b"\n") + 1
    for place in range(start, end):
        changed = bytearray(content)
        changed[place] ^= 0x01
        path.write_bytes(changed)
        with pytest.raises(TamperError, match=r"a\.log:record 2"):
            ChainLog.open(path, KEY)


def test_another_genesis_fails_at_the_first_record(tmp_path: Path) -> None:
    """A log of one session cannot pass for that of another."""
    sealed(tmp_path / "a.log", 2)
    assert verify_chain(tmp_path / "a.log", "another")[0].where == "a.log:record 1"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.text(max_size=5),
            st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False,
                                                                              allow_infinity=False),
            max_size=4,
        ),
        max_size=8,
    )
)  # fmt: skip
def test_any_records_come_back_and_verify(tmp_path_factory: pytest.TempPathFactory,
                                          items: list[dict[str, object]]) -> None:  # fmt: skip
    """What was appended is what is read, for any plain data."""
    path = tmp_path_factory.mktemp("any") / "a.log"
    log = ChainLog.create(path, KEY, 1024)
    for item in items:
        log.append(AT, "Any", item)
    log.close()
    assert [row.data for row in read_chain(path, KEY)] == items
    assert verify_chain(path, KEY, log.head) == []


def test_a_log_whose_creation_was_cut_short_is_empty(tmp_path: Path) -> None:
    """A crash while the reserve is written leaves a log that can be opened and used."""
    path = tmp_path / "a.log"
    for size in (0, 1, 700):
        path.write_bytes(bytes(size))
        log = ChainLog.open(path, KEY, RESERVE)
        assert (log.head[0], log.torn_bytes) == (0, 0)
        log.append(AT, "Note", {}, durable=True)
        assert log.room >= RESERVE // 2
        log.close()
        assert len(read_chain(path, KEY)) == 1


SECTOR = 512


class Power:
    """Keeps, per sector, every version that was written since the last sync."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
        self.path = path
        self.synced = path.read_bytes()
        self.versions: dict[int, list[bytes]] = {}
        real_write, real_sync = os.pwrite, os.fdatasync

        def write(descriptor: int, content: bytes, offset: int) -> int:
            count = real_write(descriptor, content, offset)
            now = path.read_bytes()
            for sector in range(offset // SECTOR, (offset + count - 1) // SECTOR + 1):
                piece = now[sector * SECTOR : (sector + 1) * SECTOR]
                self.versions.setdefault(sector, []).append(piece)
            return count

        def sync(descriptor: int) -> None:
            real_sync(descriptor)
            self.synced = path.read_bytes()
            self.versions.clear()

        monkeypatch.setattr(os, "pwrite", write)
        monkeypatch.setattr(os, "fdatasync", sync)

    def image(self, choose: Callable[[int], int]) -> bytes:
        """Return what the disk may hold: any version of each sector since the last sync."""
        content = bytearray(self.synced)
        for sector, versions in sorted(self.versions.items()):
            pick = choose(len(versions) + 1)
            if pick:
                content[sector * SECTOR : (sector + 1) * SECTOR] = versions[pick - 1]
        return bytes(content)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_power_loss_loses_nothing_that_was_synced(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Of unsynced sectors any may be lost or old: the log opens with all it had promised."""
    folder = tmp_path_factory.mktemp("power")
    log = ChainLog.create(folder / "a.log", KEY, 16384)
    promised, written = 0, []
    with pytest.MonkeyPatch.context() as monkeypatch:
        power = Power(monkeypatch, folder / "a.log")
        for n in range(data.draw(st.integers(1, 12))):
            durable = data.draw(st.integers(0, 3)) == 0
            seq, _ = log.append(AT, "Note", {"n": n, "pad": "x" * 97 * (n % 7)}, durable=durable)
            written.append(n)
            promised = seq if durable else promised
        image = power.image(lambda count: data.draw(st.integers(0, count - 1)))
    (folder / "b.log").write_bytes(image)
    again = ChainLog.open(folder / "b.log", KEY, 16384)
    assert again.head[0] >= promised
    assert [row.data["n"] for row in again.entries()] == written[: again.head[0]]
    again.append(AT, "Note", {})
    again.seal()
    assert verify_chain(folder / "b.log", KEY, again.head) == []
    log.close()
    again.close()
