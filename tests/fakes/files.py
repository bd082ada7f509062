"""Files in memory."""

from __future__ import annotations


class MemoryFiles:
    """Implements ``core.ports.Files`` without a disk; `content` is what lies there."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    def read(self, name: str) -> bytes:
        return self.content[name]

    def replace(self, name: str, content: bytes) -> None:
        self.content[name] = content

    def exists(self, name: str) -> bool:
        return name in self.content

    def names(self, folder: str) -> list[str]:
        start = f"{folder}/" if folder else ""
        below = [name.removeprefix(start) for name in self.content if name.startswith(start)]
        return sorted(name for name in below if "/" not in name)

    def remove(self, name: str) -> bool:
        return self.content.pop(name, None) is not None
