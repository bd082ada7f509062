"""Append-only logs of JSON objects, chained by hashes, in preallocated files.

One line per record::

    {"seq":1,"at":"2024-03-04T14:30:00Z","kind":"NoteMade","data":{...},"hash":"<64 hex>"}

``hash`` is the SHA-256 of the hash before (hexadecimal, ASCII) and the line's bytes up to, but
without, ``,"hash"``. The first record follows the SHA-256 of the log's genesis text. A file in
use ends in zeros that were written and synced beforehand, so that a durable append is one write
and one ``fdatasync`` without new metadata, and works on a full disk; `ChainLog.seal` removes them.

What a crash may leave behind and what nobody but a person can: a *torn tail* is an incomplete last
line, or unsynced sectors that never arrived (zeros up to a sector's end). Opening cuts it.
Anything else that does not fit the chain is a TamperError that names file and record.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import contextmanager
from functools import partial
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from rigd.core.clock import from_iso, iso
from rigd.core.errors import DataError, LogicError, Problem, StorageError, TamperError
from rigd.store.files import (
    FILE_MODE,
    make_folder,
    read_plain,
    storage_errors,
    sync_folder,
    write_all,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

RESERVE_BYTES: Final = 16 * 1024 * 1024
"""Preallocated room of a log (FAULTS §3, rule 10)."""

_SECTOR: Final = 512
_ZEROS: Final = bytes(1024 * 1024)
_HASH_FIELD: Final = b',"hash":"'
_END: Final = b'"}\n'
_SUFFIX_LENGTH: Final = len(_HASH_FIELD) + 64 + len(_END)
_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":"), check_circular=False).encode

Data = dict[str, Any]
"""What a record holds: values that JSON can hold."""

Head = tuple[int, str]
"""Number and hash of the last record; ``(0, hash of the genesis)`` for an empty log."""


class Row(NamedTuple):
    """One record: number from 1, instant (UTC), kind, data, hash (hexadecimal)."""

    seq: int
    at: datetime
    kind: str
    data: Data
    hash: str


def genesis_hash(genesis: str) -> str:
    """Return the hash that the first record of a log follows."""
    return hashlib.sha256(genesis.encode()).hexdigest()


def link(previous: str, seq: int, at: datetime, kind: str, data: Data) -> tuple[bytes, str]:
    """Return a record's line and its hash.

    Parameters
    ----------
    previous
        The hash before it.
    seq
        Its number, from 1.
    at
        Its instant, UTC.
    kind, data
        What it says; the data's keys keep their order.

    Returns
    -------
    tuple of bytes and str
        The line with its newline, and the hash (hexadecimal).

    Raises
    ------
    DataError
        If a number is NaN or infinite, or a value is none that JSON can hold.
    """
    return link_text(previous, seq, iso(at), kind, json_text(seq, kind, partial(_encode, data)))


def json_text(seq: int, kind: str, encode: Callable[[], str]) -> str:
    """Return what a record says as JSON, or a DataError that names the record."""
    try:
        return encode()
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"record {seq} ({kind}) must hold plain finite values: {error}"
        raise DataError(msg) from error


def link_text(previous: str, seq: int, at: str, kind: str, held: str) -> tuple[bytes, str]:
    """Return a record's line and its hash, from texts that are JSON already.

    Parameters
    ----------
    previous
        The hash before it.
    seq
        Its number, from 1.
    at
        Its instant, as `core.clock.iso` writes it.
    kind
        What it is.
    held
        What it says: a JSON object in ASCII.

    Returns
    -------
    tuple of bytes and str
        The line with its newline, and the hash (hexadecimal).
    """
    head = f'{{"seq":{seq},"at":"{at}","kind":{encode_basestring_ascii(kind)},"data":{held}'
    body = head.encode("ascii")
    digest = hashlib.sha256(previous.encode("ascii") + body).hexdigest()
    return b"".join((body, _HASH_FIELD, digest.encode("ascii"), _END)), digest


class ChainLog:
    """A log that one process appends to; made by `create` or `open`.

    Parameters
    ----------
    path
        The file.
    descriptor
        The open file.
    genesis
        What the log is; part of every hash.
    chain
        What the file holds.
    reserve_bytes
        The room that is kept free [bytes].
    """

    __slots__ = (
        "_at",
        "_at_text",
        "_capacity",
        "_dirty",
        "_end",
        "_failure",
        "_fd",
        "_genesis",
        "_grow_at",
        "_hash",
        "_path",
        "_reserve",
        "_seq",
        "_usable",
        "torn_bytes",
    )

    def __init__(
        self, path: Path, descriptor: int, genesis: str, chain: _Scan, reserve_bytes: int
    ) -> None:
        self._path = path
        self._fd = descriptor
        self._genesis = genesis
        self._seq, self._hash = chain.head
        self._end = chain.end
        self._capacity = os.fstat(descriptor).st_size
        self._reserve = reserve_bytes
        self._grow_at = self._capacity - reserve_bytes // 2
        self._at: datetime | None = None
        self._at_text = ""
        self._dirty = False
        self._usable = True
        self._failure = ""
        self.torn_bytes = chain.torn
        """How much of an unfinished last write was cut when the log was opened [bytes]."""

    @classmethod
    def create(cls, path: Path, genesis: str, reserve_bytes: int = RESERVE_BYTES) -> ChainLog:
        """Create a log with its reserve; it exists durably on return.

        Parameters
        ----------
        path
            The file; its folder is created when missing.
        genesis
            What the log is, such as the session key; part of every hash.
        reserve_bytes
            Room that is written and synced beforehand [bytes].

        Returns
        -------
        ChainLog
            The empty log.

        Raises
        ------
        LogicError
            If the file exists.
        StorageError
            If the disk is full or refuses.
        """
        make_folder(path.parent)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        with storage_errors(f"create {path.name}"):
            try:
                descriptor = os.open(path, flags, FILE_MODE)
            except FileExistsError:
                msg = f"a new log must not replace one that exists: {path.name}"
                raise LogicError(msg) from None
            with _closed_on_error(descriptor):
                _write_zeros(descriptor, 0, reserve_bytes)
                os.fsync(descriptor)
                sync_folder(path.parent)
        return cls(path, descriptor, genesis, _Scan([], (0, genesis_hash(genesis))), reserve_bytes)

    @classmethod
    def open(cls, path: Path, genesis: str, reserve_bytes: int = RESERVE_BYTES) -> ChainLog:
        """Open a log to append to it; every record is verified and a torn tail cut.

        Parameters
        ----------
        path
            The file.
        genesis
            What it was created with.
        reserve_bytes
            Room to keep free [bytes]; taken when a record is appended.

        Returns
        -------
        ChainLog
            The log; `torn_bytes` says how much was cut.

        Raises
        ------
        TamperError
            If a record does not fit the chain; names file and record.
        StorageError
            If the file is missing or the disk refuses.
        """
        with storage_errors(f"open {path.name}"):
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            with _closed_on_error(descriptor):
                chain = _sound(_scan(read_plain(path), path.name, genesis))
                _mend(descriptor, chain)
                return cls(path, descriptor, genesis, chain, reserve_bytes)

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def head(self) -> Head:
        """Number and hash of the last record."""
        return self._seq, self._hash

    @property
    def room(self) -> int:
        """What can be appended without a free byte on the disk [bytes]."""
        return self._capacity - self._end

    def append(
        self, at: datetime, kind: str, data: Data, *, durable: bool = False
    ) -> tuple[int, str]:
        """Write one record.

        Parameters
        ----------
        at
            Its instant, UTC.
        kind, data
            What it says.
        durable
            Whether it and all before it must survive a power loss on return.

        Returns
        -------
        tuple of int and str
            Its number and hash.

        Raises
        ------
        DataError
            If a value is none that JSON can hold, NaN included; nothing was written.
        StorageError
            If the disk is full or fails. After a failed write or sync the log takes no more:
            what the disk holds is unknown until the log is opened again.
        LogicError
            If the log is sealed or closed.
        """
        held = json_text(self._seq + 1, kind, partial(_encode, data))
        return self.append_text(at, kind, held, durable=durable)

    def append_text(
        self, at: datetime, kind: str, held: str, *, durable: bool = False
    ) -> tuple[int, str]:
        """Write one record whose data is JSON text already.

        Parameters
        ----------
        at, kind, durable
            As for `append`.
        held
            What it says: a JSON object in ASCII.

        Returns
        -------
        tuple of int and str
            Its number and hash.

        Raises
        ------
        StorageError
            If the disk is full or fails, as for `append`.
        LogicError
            If the log is sealed or closed.
        """
        if not self._usable:
            self._refuse()
        if at is not self._at:
            self._at, self._at_text = at, iso(at)
        seq = self._seq + 1
        line, digest = link_text(self._hash, seq, self._at_text, kind, held)
        end = self._end + len(line)
        if end > self._grow_at:
            self._grow(end)
        try:
            written = os.pwrite(self._fd, line, self._end)
        except OSError as error:
            self._fail("write to", error.strerror, error.errno)
        if written != len(line):
            self._fail("write to", f"only {written} of {len(line)} bytes were taken", None)
        self._end, self._seq, self._hash, self._dirty = end, seq, digest, True
        if durable:
            self.sync()
        return seq, digest

    def sync(self) -> None:
        """Make every record survive a power loss; free when nothing is new.

        Raises
        ------
        StorageError
            If the disk fails; the log then takes no more.
        LogicError
            If the log is sealed or closed.
        """
        if not self._usable:
            self._refuse()
        if self._dirty:
            try:
                os.fdatasync(self._fd)
            except OSError as error:
                self._fail("sync", error.strerror, error.errno)
            self._dirty = False

    def entries(self) -> list[Row]:
        """Read every record back, oldest first, verified as by `read_chain`."""
        return read_chain(self._path, self._genesis)

    def seal(self) -> None:
        """Remove the zeros at the end and sync: the file is finished and takes no more.

        Raises
        ------
        StorageError
            If the disk fails.
        LogicError
            If the log is sealed or closed already.
        """
        if not self._usable:
            self._refuse()
        try:
            os.ftruncate(self._fd, self._end)
            os.fsync(self._fd)
        except OSError as error:
            self._fail("seal", error.strerror, error.errno)
        self._capacity = self._end
        self._dirty = self._usable = False

    def close(self) -> None:
        """Sync and close; the zeros of an unsealed log stay. Closing twice does nothing."""
        if self._fd < 0:
            return
        try:
            if self._usable:
                self.sync()
        finally:
            os.close(self._fd)
            self._fd = -1
            self._usable = False

    def _grow(self, needed: int) -> None:
        """Renew the reserve; a full disk matters only when the record itself does not fit."""
        target = needed + self._reserve
        try:
            _write_zeros(self._fd, self._capacity, target)
            os.fdatasync(self._fd)
        except OSError as error:
            self._grow_at = min(needed + self._reserve // 16, self._capacity)
            if needed > self._capacity:
                msg = f"no room left in {self._path.name}: {error.strerror}"
                raise StorageError(msg, errno=error.errno or 0, fix="free disk space") from error
            return
        self._capacity = target
        self._grow_at = target - self._reserve // 2

    def _fail(self, action: str, reason: str | None, errno: int | None) -> NoReturn:
        self._usable = False
        self._failure = f"could not {action} {self._path.name}: {reason}"
        fix = "stop, check the disk, and start again: what it holds is then verified"
        raise StorageError(self._failure, errno=errno or 0, fix=fix)

    def _refuse(self) -> NoReturn:
        if self._failure:
            msg = f"{self._path.name} takes no more since it {self._failure}"
            raise StorageError(msg)
        msg = f"a sealed or closed log takes no more: {self._path.name}"
        raise LogicError(msg)


def read_chain(path: Path, genesis: str) -> list[Row]:
    """Return the records of a log, verified, without writing; a torn tail is passed over.

    Parameters
    ----------
    path
        The file.
    genesis
        What it was created with.

    Returns
    -------
    list of Row
        Every record, oldest first.

    Raises
    ------
    TamperError
        If a record does not fit the chain; names file and record.
    StorageError
        If the file cannot be read.
    """
    content = read_plain(path)
    return _sound(_scan(content, path.name, genesis)).rows


def verify_chain(path: Path, genesis: str, expected_head: Head | None = None) -> list[Problem]:
    """Return what is wrong with a log, without writing; nothing when it is whole.

    Parameters
    ----------
    path
        The file.
    genesis
        What it was created with.
    expected_head
        Number and hash of the last record, from a manifest; without it a tail cut between two
        records cannot be seen.

    Returns
    -------
    list of Problem
        Each names ``file:record N``.
    """
    try:
        content = read_plain(path)
    except StorageError as error:
        return [Problem(path.name, error.message)]
    chain = _scan(content, path.name, genesis)
    if chain.fault is not None:
        return [chain.fault]
    seq = chain.head[0]
    if chain.newline_missing:
        return [_fault(path.name, seq, "the end of the line is missing")]
    if chain.torn:
        text = f"the file ends in an unfinished record of {chain.torn} bytes"
        return [_fault(path.name, seq + 1, text)]
    if expected_head is None or chain.head == expected_head:
        return []
    return [_wrong_head(path.name, chain, expected_head)]


def _wrong_head(name: str, chain: _Scan, expected: Head) -> Problem:
    seq = chain.head[0]
    if seq < expected[0]:
        text = f"expected {expected[0]} records, found {seq}: the tail is cut"
        return _fault(name, seq + 1, text)
    if seq > expected[0]:
        text = f"expected {expected[0]} records, found {seq}: records were added"
        return _fault(name, expected[0] + 1, text)
    return _fault(name, seq, "the hash differs from the sealed one")


def used_length(content: bytes) -> int:
    """Return how much of a log's content comes before the zeros at its end [bytes]."""
    end = len(content)
    while end >= len(_ZEROS) and content.startswith(_ZEROS, end - len(_ZEROS)):
        end -= len(_ZEROS)
    start = max(0, end - len(_ZEROS))
    return start + len(content[start:end].rstrip(b"\0"))


class _Scan(NamedTuple):
    """What a file holds: its sound records, and what follows them."""

    rows: list[Row]
    head: Head
    end: int = 0
    torn: int = 0
    newline_missing: bool = False
    fault: Problem | None = None


def _scan(content: bytes, name: str, genesis: str) -> _Scan:
    used = used_length(content)
    rows: list[Row] = []
    previous, position = genesis_hash(genesis), 0
    while position < used:
        seq = len(rows) + 1
        stop = content.find(b"\n", position, used) + 1
        found = _parse(content[position:stop], seq, previous) if stop else "no end of line"
        if isinstance(found, str):
            return _judge_tail(content[:used], position, found, name, rows, previous)
        rows.append(found)
        previous, position = found.hash, stop
    return _Scan(rows, (len(rows), previous), position)


def _judge_tail(
    content: bytes, position: int, reason: str, name: str, rows: list[Row], previous: str
) -> _Scan:
    """Decide what follows the last sound record: an unfinished write, or tampering."""
    seq = len(rows) + 1
    head = (seq - 1, previous)
    tail = content[position:]
    if b"\n" not in tail:
        whole = _parse(tail + b"\n", seq, previous)
        if isinstance(whole, Row):
            rows.append(whole)
            return _Scan(rows, (seq, whole.hash), len(content) + 1, newline_missing=True)
        if isinstance(_parse(tail[:-1] + b"\n", seq, previous), Row):
            reason = "the end of the line was changed"
            return _Scan(rows, head, position, fault=_fault(name, seq, reason))
    if _is_torn(content, position, seq):
        return _Scan(rows, head, position, torn=len(tail))
    return _Scan(rows, head, position, fault=_fault(name, seq, reason))


def _is_torn(content: bytes, position: int, seq: int) -> bool:
    """Tell whether the bytes from `position` can be what a crash left of unsynced appends."""
    hole = content.find(b"\0", position)
    before = content[position : hole if hole >= 0 else len(content)]
    start = f'{{"seq":{seq},"at":"'.encode("ascii")
    if b"\n" in before or before[: len(start)] != start[: len(before)]:
        return False
    if hole < 0:
        return True
    after_hole = len(content) - len(content[hole:].lstrip(b"\0"))
    return after_hole % _SECTOR == 0


def _parse(line: bytes, seq: int, previous: str) -> Row | str:
    """Return a line's record, or why it is none."""
    cut = len(line) - _SUFFIX_LENGTH
    body, suffix = line[: max(cut, 0)], line[max(cut, 0) :]
    stated = suffix[len(_HASH_FIELD) : -len(_END)]
    if cut <= 0 or not (suffix.startswith(_HASH_FIELD) and suffix.endswith(_END)):
        return f"expected record {seq}, found a line that is no record"
    digest = hashlib.sha256(previous.encode("ascii") + body).hexdigest()
    if digest.encode("ascii") != stated:
        return _misfit(body, seq)
    try:
        held = json.loads(body + b"}")
        row = Row(held["seq"], from_iso(held["at"]), held["kind"], held["data"], digest)
    except (KeyError, TypeError, ValueError) as error:
        return f"expected record {seq}, found a malformed one: {error}"
    if row.seq != seq:
        return f"expected record {seq}, found record {row.seq}"
    return row


def _misfit(body: bytes, seq: int) -> str:
    number = body.partition(b",")[0].removeprefix(b'{"seq":')
    if number.isdigit() and int(number[:18]) != seq:
        return f"expected record {seq}, found record {int(number[:18])}: rows were moved or removed"
    return f"the hash of record {seq} does not fit: it or the one before it was changed"


def _fault(name: str, seq: int, reason: str) -> Problem:
    return Problem(f"{name}:record {seq}", reason)


def _sound(chain: _Scan) -> _Scan:
    if chain.fault is not None:
        fix = "restore the file from a backup, or keep it as evidence and start a new session"
        raise TamperError(str(chain.fault), problems=(chain.fault,), fix=fix)
    return chain


def _mend(descriptor: int, chain: _Scan) -> None:
    if chain.newline_missing:
        write_all(descriptor, b"\n", chain.end - 1)
    if chain.torn:
        _write_zeros(descriptor, chain.end, chain.end + chain.torn)
    if chain.newline_missing or chain.torn:
        os.fsync(descriptor)


def _write_zeros(descriptor: int, start: int, end: int) -> None:
    while start < end:
        size = min(len(_ZEROS), end - start)
        write_all(descriptor, _ZEROS[:size], start)
        start += size


@contextmanager
def _closed_on_error(descriptor: int) -> Iterator[None]:
    try:
        yield
    except BaseException:
        os.close(descriptor)
        raise
