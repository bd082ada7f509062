"""Seal what a page sends to the supervisor: whoever seals cannot open it again (SPEC §10).

X25519 with a fresh sender's key for each box, HKDF-SHA-256, AES-256-GCM. The supervisor's private
key is made at its start and lives in its memory alone: a box that it did not open in time is
nobody's any more.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from rigd.core.errors import SecretError

PUBLIC_BYTES = 32
_INFO = b"rigd-request-1"
_NONCE = bytes(12)
"""Each box has a key of its own, so that no nonce is used twice with one."""


class BoxKey:
    """The key of one supervisor; it is never written."""

    __slots__ = ("_private", "public")

    def __init__(self) -> None:
        self._private = X25519PrivateKey.generate()
        self.public = self._private.public_key().public_bytes_raw()

    def open(self, box: bytes, *, bound: bytes) -> bytes:
        """Return what a box holds.

        Parameters
        ----------
        box
            From `seal_for`.
        bound
            What it was sealed with.

        Returns
        -------
        bytes
            The content.

        Raises
        ------
        SecretError
            If it was sealed for another key or another message, or was changed.
        """
        try:
            theirs = X25519PublicKey.from_public_bytes(box[:PUBLIC_BYTES])
            shared = self._private.exchange(theirs)
            return _cipher(shared, box[:PUBLIC_BYTES]).decrypt(_NONCE, box[PUBLIC_BYTES:], bound)
        except (ValueError, InvalidTag) as error:
            msg = "a sealed request must be for this supervisor and unchanged"
            raise SecretError(msg, fix="send it again") from error


def seal_for(public: bytes, content: bytes, *, bound: bytes) -> bytes:
    """Return a box that only the owner of a public key can open.

    Parameters
    ----------
    public
        32 bytes.
    content
        What to hide.
    bound
        What it belongs to, such as the message's id; the box opens with the same alone.

    Returns
    -------
    bytes
        The sender's public key and the ciphertext with its tag.
    """
    ours = X25519PrivateKey.generate()
    mine = ours.public_key().public_bytes_raw()
    shared = ours.exchange(X25519PublicKey.from_public_bytes(public))
    return mine + _cipher(shared, mine).encrypt(_NONCE, content, bound)


def _cipher(shared: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=_INFO).derive(shared))
