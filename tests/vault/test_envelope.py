"""Tests of the envelope of encrypted files."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from rigd.core.errors import SecretError
from rigd.vault.envelope import generation_of, open_envelope, seal
from rigd.vault.keys import Key

KEY = Key(bytes(range(32)))
OTHER = Key(bytes(range(1, 33)))
NAME = "secrets/broker.json.enc"
SECRET = b'{"API_KEY":"canary-4711"}'


@profile(max_examples=50, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 10**9))
def test_what_is_sealed_opens(secret: bytes, generation: int) -> None:
    """The plaintext comes back for the same key, name and generation."""
    blob = seal(secret, key=KEY, name=NAME, generation=generation)
    assert open_envelope(blob, key=KEY, name=NAME) == secret
    assert generation_of(blob, name=NAME) == generation


def test_the_envelope_is_aes_256_gcm_over_header_and_name() -> None:
    """The layout is the documented one: header line, 12 bytes of nonce, ciphertext with tag."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415 - the oracle of this test alone

    header, _, body = seal(SECRET, key=KEY, name=NAME, generation=3).partition(b"\n")
    assert json.loads(header) == {
        "format": "rigd-envelope-1",
        "generation": 3,
        "key_id": KEY.key_id,
    }
    cipher = Cipher(algorithms.AES256(KEY.material), modes.GCM(body[:12], body[-16:]))
    decryptor = cipher.decryptor()
    decryptor.authenticate_additional_data(header + b"\n" + NAME.encode())
    assert decryptor.update(body[12:-16]) + decryptor.finalize() == SECRET


def test_the_nonce_is_fresh() -> None:
    """The same secret never gives the same envelope twice."""
    blobs = {seal(SECRET, key=KEY, name=NAME, generation=1) for _ in range(50)}
    assert len({blob.partition(b"\n")[2][:12] for blob in blobs}) == 50


def test_the_secret_does_not_show() -> None:
    """Neither secret nor key lies in the envelope."""
    blob = seal(SECRET, key=KEY, name=NAME, generation=1)
    assert b"canary" not in blob
    assert KEY.material[:8] not in blob


def test_every_flipped_bit_is_refused() -> None:
    """One changed bit anywhere, header and separator too, does not open."""
    blob = seal(SECRET, key=KEY, name=NAME, generation=1)
    for position in range(len(blob) * 8):
        changed = bytearray(blob)
        changed[position // 8] ^= 1 << (position % 8)
        with pytest.raises(SecretError):
            open_envelope(bytes(changed), key=KEY, name=NAME)


def test_every_truncation_is_refused() -> None:
    """An envelope cut at any place, at either end, does not open."""
    blob = seal(SECRET, key=KEY, name=NAME, generation=1)
    for length in range(len(blob)):
        with pytest.raises(SecretError):
            open_envelope(blob[:length], key=KEY, name=NAME)
        with pytest.raises(SecretError):
            open_envelope(blob[len(blob) - length :], key=KEY, name=NAME)


def test_ten_thousand_mutations_are_refused() -> None:
    """Flips, cuts, insertions, swapped parts and swapped headers: none is accepted (C03)."""
    draw = random.Random(20261120)  # noqa: S311 - picks mutations, no secret
    one = seal(SECRET, key=KEY, name=NAME, generation=1)
    two = seal(b"{}", key=KEY, name=NAME, generation=2)
    accepted = 0
    for _ in range(10_000):
        blob = bytearray(one)
        kind = draw.randrange(5)
        at = draw.randrange(len(one))
        if kind == 0:
            blob[at] ^= draw.randrange(1, 256)
        elif kind == 1:
            del blob[at : at + draw.randrange(1, 8)]
        elif kind == 2:
            blob[at:at] = draw.randbytes(draw.randrange(1, 8))
        elif kind == 3:
            blob[at:] = two[at:]
        else:
            blob[:at] = two[:at]
        if bytes(blob) in {one, two}:
            continue
        try:
            open_envelope(bytes(blob), key=KEY, name=NAME)
        except SecretError:
            continue
        accepted += 1
    assert accepted == 0


def test_a_swap_between_files_is_refused() -> None:
    """An envelope does not open under another file's name."""
    blob = seal(SECRET, key=KEY, name=NAME, generation=1)
    with pytest.raises(SecretError, match="belongs to another file"):
        open_envelope(blob, key=KEY, name="secrets/screener_api.json.enc")


def test_another_key_is_named_and_refused() -> None:
    """The message names both fingerprints, not the keys."""
    blob = seal(SECRET, key=OTHER, name=NAME, generation=1)
    with pytest.raises(SecretError, match=f"{KEY.key_id}, found {OTHER.key_id}"):
        open_envelope(blob, key=KEY, name=NAME)


@profile(max_examples=200, deadline=None)
@given(st.binary(max_size=100))
def test_anything_else_is_refused(blob: bytes) -> None:
    """Bytes that are no envelope raise a SecretError and nothing else."""
    with pytest.raises(SecretError):
        open_envelope(blob, key=KEY, name=NAME)
    with pytest.raises(SecretError):
        generation_of(blob, name=NAME)


def test_a_huge_file_is_refused_unread() -> None:
    """A secret is small; a file of more than 16 MiB is none."""
    with pytest.raises(SecretError, match="at most"):
        open_envelope(b"{" * (16 * 1024 * 1024 + 1), key=KEY, name=NAME)
