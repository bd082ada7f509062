"""A locked form changes only together with VERSION.md."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.house import schema_digest
from tests.house.tree import ROOT, text


def test_a_changed_schema_needs_an_entry_in_version_md() -> None:
    """The digest of settings, books, records and rows equals the line in VERSION.md (R25, Z12)."""
    recorded = schema_digest.LINE.findall(text("VERSION.md"))
    assert recorded, "VERSION.md has no line 'Schema digest: `…`'"
    assert schema_digest.digest() == recorded[0], (
        "a schema changed: tell it in VERSION.md and record the line of "
        "`python -m tests.house.schema_digest`"
    )


@pytest.mark.parametrize("part", ["settings", "books", "records", "rows"])
def test_the_digest_covers_each_part(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another content of any part gives another digest."""
    before = schema_digest.digest()
    described = schema_digest.described()
    assert described[part]
    monkeypatch.setattr(schema_digest, "described", lambda: {**described, part: "changed"})
    assert schema_digest.digest() != before


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_the_digest_is_the_same_each_time(hash_seed: str) -> None:
    """Another process with other hashes and addresses computes the same line."""
    told = subprocess.run(
        [sys.executable, "-m", "tests.house.schema_digest"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert told == f"Schema digest: `{schema_digest.digest()}`\n"
