"""Tests of the digest of settings."""

from __future__ import annotations

import hashlib

from rigd.config.digest import digest
from rigd.config.parse import KNOWN, parse_env
from tests.config.broken_files import BASE
from tests.config.settings import made


def test_the_digest_is_a_hash_of_sorted_lines() -> None:
    """It can be recomputed from the public items alone."""
    found = made()
    text = "\n".join(sorted(f"{key}={value}" for key, value in found.public_items())) + "\n"
    assert digest(found) == hashlib.sha256(text.encode()).hexdigest()


def test_spelling_and_order_do_not_matter() -> None:
    """The same values have the same digest."""
    other = "".join(reversed(BASE.splitlines(keepends=True))) + "TOTAL_ALLOCATION=2e-2\n"
    assert digest(parse_env(other, source="f")) == digest(made())


def test_every_value_matters() -> None:
    """A changed key changes the digest."""
    changed = {
        digest(made(max_trades="3", weights="0.4,0.2,0.2")),
        digest(made(fractional="false")),
        digest(made(simulation_seed="2")),
        digest(made()),
    }
    assert len(changed) == 4
    assert len(made().public_items()) == len(KNOWN)
