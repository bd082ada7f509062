"""Passwords: how they are kept, and which ones are refused."""

from __future__ import annotations

import bcrypt
import pytest

from rigd.access import passwords
from rigd.core.errors import ConfigError

LONG = "a rather long sentence that nobody would guess, with some more words than needed"


def test_a_password_is_kept_as_bcrypt_at_cost_12() -> None:
    """W3: hash prefix, and bcrypt itself agrees."""
    kept = passwords.hashed("four unlikely words")
    assert kept.startswith("$2b$12$")
    assert bcrypt.checkpw(b"four unlikely words", kept.encode())
    assert "unlikely" not in kept


@pytest.mark.parametrize("password", ["x" * 72, LONG, LONG + "!", "\N{HORSE}" * 18 + "a", "é" * 40])
def test_every_character_counts(password) -> None:
    """W3: bcrypt reads 72 bytes; what is longer is hashed first and none of it is cut off."""
    kept = passwords.hashed(password, cost=4)
    assert passwords.matches(password, kept)
    assert not passwords.matches(password[:-1], kept)
    assert not passwords.matches(password + "x", kept)


def test_two_ways_to_write_a_letter_are_one() -> None:
    """A composed and a decomposed letter: the keyboards of two systems."""
    assert passwords.matches(
        "cafe\N{COMBINING ACUTE ACCENT} au lait", passwords.hashed("café au lait", cost=4)
    )


def test_a_user_that_is_none_costs_the_same_work(monkeypatch) -> None:
    """FAULTS §4.7 S05: the hash that is tried has the same cost, and never fits."""
    tried = []
    right = bcrypt.checkpw

    def noted(password: bytes, kept: bytes) -> bool:
        tried.append(kept[:7])
        return right(password, kept)

    monkeypatch.setattr(bcrypt, "checkpw", noted)
    assert not passwords.matches("x", None)
    assert tried == [b"$2b$12$"]


def test_a_hash_that_is_none_matches_nothing() -> None:
    """A damaged row lets nobody in."""
    assert not passwords.matches("x", "not a hash")


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("short", "at least 12 characters, was 5"),
        ("x" * 1025, "at most 1024"),
        ("ababababababab", "different characters"),
        ("Password12345", "much used"),
        ("my name is Ada Lovelace", "user's name"),
        ("the bot RIGD is mine", "user's name or the bot's"),
    ],
)
def test_what_is_easily_guessed_is_refused(password, said) -> None:
    """The reason is told, the password is not."""
    with pytest.raises(ConfigError, match=said) as found:
        passwords.require_fit(password, "ada", words=("RIGD",))
    assert password not in str(found.value)


@pytest.mark.parametrize(
    "password", [LONG, "\N{HORSE}\N{ELEPHANT}\N{WHALE}\N{SNAIL}\N{ANT}\N{BUG}" * 2]
)
def test_sentences_and_pictures_are_fine(password) -> None:
    """64 characters and more, emoji too (FAULTS §4.7 S06)."""
    passwords.require_fit(password, "ada")
