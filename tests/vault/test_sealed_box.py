"""Boxes: one reader, no other message, no changed byte."""

from __future__ import annotations

import pytest

from rigd.core.errors import SecretError
from rigd.vault.sealed_box import BoxKey, seal_for

SECRET = b"PK-canary-0123456789"


def test_only_the_owner_of_the_key_opens_a_box() -> None:
    """The same words give another box each time, and another key opens none."""
    ours, other = BoxKey(), BoxKey()
    boxes = [seal_for(ours.public, SECRET, bound=b"1") for _ in range(2)]
    assert boxes[0] != boxes[1]
    assert [ours.open(box, bound=b"1") for box in boxes] == [SECRET, SECRET]
    assert SECRET not in boxes[0]
    with pytest.raises(SecretError, match="this supervisor"):
        other.open(boxes[0], bound=b"1")


def test_a_box_belongs_to_one_message() -> None:
    """Moved to another request, it does not open."""
    key = BoxKey()
    with pytest.raises(SecretError, match="unchanged"):
        key.open(seal_for(key.public, SECRET, bound=b"1"), bound=b"2")


def test_no_changed_or_cut_byte_passes() -> None:
    """Each byte of a box counts."""
    key = BoxKey()
    box = seal_for(key.public, SECRET, bound=b"1")
    changed = [bytes(b ^ (i == n) for i, b in enumerate(box)) for n in range(len(box))]
    for broken in [*changed, box[:-1], box[:31], b""]:
        with pytest.raises(SecretError):
            key.open(broken, bound=b"1")
