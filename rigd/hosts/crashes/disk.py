"""A disk that may lose power: what is on it for sure, and what may be on it by chance.

Of a file everything up to its last sync is there. Of what was written since, each sector of 512
bytes holds what it held at some instant since: the system writes sectors back in any order, and
never a sector as it was before an earlier write that it shows. A name is on the disk when its
folder was synced; of what was done in a folder since, a first part may be.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rigd.core.errors import LogicError
from rigd.hosts.crashes.boundaries import BROKER, CREATE, SYNCS, WRITES

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from rigd.hosts.crashes.boundaries import Boundary
    from rigd.store.images import Pieces

SECTOR: Final = 512

_SHARE_OF_PREFIXES: Final = 0.3
"""How often what was written since a sync is lost from one instant on, not sector by sector."""


@dataclass(slots=True)
class Content:
    """What a file holds: its bytes up to the last that is not zero, and its size."""

    used: bytearray = field(default_factory=bytearray)
    size: int = 0

    def write(self, offset: int, content: bytes) -> None:
        """Write bytes; zeros behind everything else take no room."""
        end = offset + len(content)
        self.size = max(self.size, end)
        if offset >= len(self.used) and not content.strip(b"\0"):
            return
        if len(self.used) < end:
            self.used.extend(bytes(end - len(self.used)))
        self.used[offset:end] = content

    def truncate(self, size: int) -> None:
        """Cut or extend the file."""
        del self.used[size:]
        self.size = size

    def copy(self) -> Content:
        """Return another one that holds the same."""
        return Content(bytearray(self.used), self.size)


@dataclass(slots=True, eq=False)
class Node:
    """A file: what is on the disk, and what was done to it since."""

    durable: Content = field(default_factory=Content)
    since: list[tuple[int, bytes | None]] = field(default_factory=list)

    def sync(self) -> None:
        """Bring everything to the disk."""
        self.durable = self.at(len(self.since))
        self.since = []

    def at(self, count: int) -> Content:
        """Return what the disk holds when the first `count` changes are on it."""
        found = self.durable.copy() if self.since else self.durable
        for offset, content in self.since[:count]:
            if content is None:
                found.truncate(offset)
            else:
                found.write(offset, content)
        return found

    def by_chance(self, rng: np.random.Generator) -> Content:
        """Return what the disk may hold after a power loss."""
        if not self.since:
            return self.durable
        count = len(self.since)
        cut = any(content is None for _, content in self.since)
        if cut or rng.random() < _SHARE_OF_PREFIXES:
            return self.at(int(rng.integers(count + 1)))
        return self._by_sectors(rng, count)

    def _by_sectors(self, rng: np.random.Generator, count: int) -> Content:
        found, instants = self.durable.copy(), {}
        grown = int(rng.integers(count + 1))
        size = found.size
        for place, (offset, content) in enumerate(self.since):
            assert content is not None  # noqa: S101 - by_chance takes no file that was cut
            if place < grown:
                size = max(size, offset + len(content))
            if offset >= len(found.used) and not content.strip(b"\0"):
                continue  # a reserve: zeros on zeros
            at = offset
            while at < offset + len(content):
                end = min((at // SECTOR + 1) * SECTOR, offset + len(content))
                sector = at // SECTOR
                if sector not in instants:
                    instants[sector] = int(rng.integers(count + 1))
                if place < instants[sector]:
                    found.write(at, content[at - offset : end - offset])
                at = end
        found.truncate(max(size, len(self.durable.used)))
        return found


Named = Node | bytes | None
"""What a name stands for: a file, a symbolic link with its target, or a folder."""


class Disk:
    """Everything below one home, as calls change it.

    Parameters
    ----------
    folders
        Folders that are there from the beginning, for sure.
    """

    def __init__(self, folders: Iterable[str] = ()) -> None:
        self._now: dict[str, Named] = dict.fromkeys(folders)
        self._durable: dict[str, Named] = dict(self._now)
        self._since: dict[str, list[tuple[str, Named, bool]]] = {}

    def see(self, call: Boundary) -> None:
        """Take in one call that happened.

        Parameters
        ----------
        call
            The call.

        Raises
        ------
        LogicError
            If it makes no sense on this disk, or is of a kind that is not known here.
        """
        if call.file == BROKER:
            return
        if call.kind in WRITES:
            self._node(call.file).since.append((call.offset, call.content))
        elif call.kind == "ftruncate":
            self._node(call.file).since.append((call.size, None))
        elif call.kind in SYNCS:
            self._sync(call.file)
        elif call.kind == CREATE:
            self._create(call.file)
        elif call.kind == "mkdir":
            self._name(call.file, None)
        elif call.kind == "symlink":
            self._name(call.file, call.content)
        elif call.kind == "unlink":
            self._name(call.file, self._now.get(call.file), gone=True)
        elif call.kind == "rename":
            self._rename(call.file, call.to)
        else:
            msg = f"a call must be of a known kind, was {call.kind} {call.file}"
            raise LogicError(msg)

    def for_sure(self, file: str) -> bytes | None:
        """Return what a file holds on the disk for sure, without its zeros; None without it."""
        node = self._durable.get(file)
        return bytes(node.durable.used) if isinstance(node, Node) else None

    def whole(self) -> tuple[list[str], list[tuple[str, int, Pieces]]]:
        """Return folders and files as they are while the power is on."""
        return _laid_out(self._now, lambda node: node.at(len(node.since)))

    def by_chance(
        self, rng: np.random.Generator
    ) -> tuple[list[str], list[tuple[str, int, Pieces]]]:
        """Return folders and files as they may be found after a power loss."""
        names = dict(self._durable)
        for changes in self._since.values():
            for name, value, gone in changes[: int(rng.integers(len(changes) + 1))]:
                _apply(names, name, value, gone=gone)
        return _laid_out(names, lambda node: node.by_chance(rng))

    def _node(self, file: str) -> Node:
        node = self._now.get(file)
        if not isinstance(node, Node):
            node = self._now[file] = self._durable[file] = Node()  # it was there before the trace
        return node

    def _sync(self, file: str) -> None:
        held = self._now.get(file)
        if isinstance(held, Node):
            held.sync()
            return
        for name, value, gone in self._since.pop(file, []):
            _apply(self._durable, name, value, gone=gone)

    def _create(self, file: str) -> None:
        node = self._now.get(file)
        if isinstance(node, Node):
            node.since.append((0, None))  # it was there, and is emptied
        else:
            self._name(file, Node())

    def _rename(self, file: str, to: str) -> None:
        folder, other = _folder(file), _folder(to)
        if folder != other:
            msg = f"a rename must stay in its folder, was {file} to {to}"
            raise LogicError(msg)
        value = self._now[file]
        _apply(self._now, file, value, gone=True)
        _apply(self._now, to, value, gone=False)
        self._since.setdefault(folder, []).append((f"{file}\0{to}", value, False))

    def _name(self, file: str, value: Named, *, gone: bool = False) -> None:
        _apply(self._now, file, value, gone=gone)
        self._since.setdefault(_folder(file), []).append((file, value, gone))


def _apply(names: dict[str, Named], name: str, value: Named, *, gone: bool) -> None:
    """Carry out one change of a folder; a rename is one change: both names at once."""
    old, between, new = name.partition("\0")
    if gone or between:
        names.pop(old, None)
    if not gone:
        names[new or old] = value


def _folder(file: str) -> str:
    return file.rpartition("/")[0]


def _laid_out(
    names: dict[str, Named],
    content_of: Any,  # noqa: ANN401 - Callable[[Node], Content]
) -> tuple[list[str], list[tuple[str, int, Pieces]]]:
    """Return folders and files whose folders are there."""
    folders = {name for name, value in names.items() if value is None}
    there = {folder for folder in folders if _above(folder) <= folders}
    files = []
    for name, value in names.items():
        if isinstance(value, Node) and _above(name) <= there:
            content = content_of(value)
            files.append((name, content.size, [(0, bytes(content.used))]))
    return sorted(there), files


def _above(name: str) -> set[str]:
    parts = name.split("/")[:-1]
    return {"/".join(parts[: count + 1]) for count in range(len(parts))}
