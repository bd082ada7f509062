"""Nonces that count."""

from __future__ import annotations


class FakeIds:
    """Implements ``core.ports.IdSource``: 32 hexadecimal digits of 1, 2, 3 …"""

    def __init__(self) -> None:
        self._count = 0

    def nonce(self) -> str:
        self._count += 1
        return f"{self._count:032x}"
