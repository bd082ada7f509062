"""The envelope of every encrypted file: AES-256-GCM, bound to its name, key and generation.

Layout: one line of JSON (format, key id, generation), a newline, a nonce of 12 bytes, ciphertext
with its tag. The header line as it lies there and the file's name are associated data, so that a
changed, cut, renamed or foreign envelope does not open.
"""

from __future__ import annotations

import json
import re
import secrets
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rigd.core.errors import SecretError

if TYPE_CHECKING:
    from rigd.vault.keys import Key

FORMAT = "rigd-envelope-1"
MAX_BYTES = 16 * 1024 * 1024
"""The largest envelope [bytes]: secrets are small."""

_HEADER = re.compile(
    rb'\{"format":"rigd-envelope-1","generation":(0|[1-9][0-9]{0,17}),"key_id":"([0-9a-f]{16})"\}'
)
_NONCE_BYTES = 12
_TAG_BYTES = 16


def seal(plaintext: bytes, *, key: Key, name: str, generation: int) -> bytes:
    """Return the envelope of a secret.

    Parameters
    ----------
    plaintext
        What to hide.
    key
        The key to hide it with.
    name
        The name of the file that will hold the envelope.
    generation
        Counts the writes of that file; a reader may refuse an older one.

    Returns
    -------
    bytes
        The envelope, with a fresh nonce.

    References
    ----------
    FAULTS C03; NIST SP 800-38D.
    """
    fields = {"format": FORMAT, "generation": generation, "key_id": key.key_id}
    header = json.dumps(fields, separators=(",", ":"), sort_keys=True).encode()
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(key.material).encrypt(nonce, plaintext, _bound(header, name))
    return header + b"\n" + nonce + sealed


def open_envelope(blob: bytes, *, key: Key, name: str) -> bytes:
    """Return the secret that an envelope hides.

    Parameters
    ----------
    blob
        The envelope.
    key
        The key that it was made with.
    name
        The name of the file that it was read from.

    Returns
    -------
    bytes
        The plaintext.

    Raises
    ------
    SecretError
        If it is no envelope, was made with another key or for another file, was changed or cut.
    """
    header, body = _split(blob, name)
    match = _HEADER.fullmatch(header)
    if match is None or len(body) < _NONCE_BYTES + _TAG_BYTES:
        msg = f"{name} must be a {FORMAT}, found something else"
        raise SecretError(msg)
    if match.group(2).decode() != key.key_id:
        msg = f"{name} must be sealed with key {key.key_id}, found {match.group(2).decode()}"
        raise SecretError(msg, fix="use the key that belongs to this file, or provision again")
    try:
        return AESGCM(key.material).decrypt(
            body[:_NONCE_BYTES], body[_NONCE_BYTES:], _bound(header, name)
        )
    except InvalidTag:
        msg = f"{name} does not decrypt: it was changed, cut, or belongs to another file"
        raise SecretError(msg, fix="restore it from a backup made with this key") from None


def generation_of(blob: bytes, *, name: str) -> int:
    """Return the generation in an envelope's header; opening the envelope proves it.

    Parameters
    ----------
    blob
        The envelope.
    name
        Its file, for the message.

    Returns
    -------
    int
        The generation.

    Raises
    ------
    SecretError
        If it is no envelope.
    """
    header, _ = _split(blob, name)
    match = _HEADER.fullmatch(header)
    if match is None:
        msg = f"{name} must be a {FORMAT}, found something else"
        raise SecretError(msg)
    return int(match.group(1))


def _split(blob: bytes, name: str) -> tuple[bytes, bytes]:
    """Return the header line and the rest; an envelope that is too large raises."""
    if len(blob) > MAX_BYTES:
        msg = f"{name} must have at most {MAX_BYTES} bytes, has {len(blob)}"
        raise SecretError(msg)
    header, _, body = blob.partition(b"\n")
    return header, body


def _bound(header: bytes, name: str) -> bytes:
    return header + b"\n" + name.encode()
