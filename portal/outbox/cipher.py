"""Encryption of what waits in the outbox, with a key made from the secret."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12


class Unreadable(Exception):
    """It was written under another secret, belongs to another row, or was altered."""


class Cipher:
    """AES-256-GCM. What is sealed for one message opens for no other."""

    def __init__(self, secret: bytes):
        """Derive the key.

        Args:
            secret: the portal's secret; the key made of it has no other use.
        """
        derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"portal/outbox/1")
        self._aead = AESGCM(derivation.derive(secret))

    def seal(self, plain: bytes, *, name: str) -> bytes:
        """Encrypt ``plain`` for the row called ``name``."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, plain, name.encode())

    def open(self, sealed: bytes, *, name: str) -> bytes:
        """Decrypt what :meth:`seal` made for the row called ``name``.

        Raises:
            Unreadable: this secret did not make it, or not for this row.
        """
        try:
            return self._aead.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode())
        except InvalidTag as error:
            raise Unreadable("sealed under another secret, or altered") from error
