"""Keyed digests: what is stored in place of a code, a number or an address.

A plain hash of six digits or of a phone number is undone by trying them all;
without the pepper, which is not in the database, these cannot be.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


@lru_cache(maxsize=8)
def _key(pepper: bytes, use: str) -> bytes:
    """A key of its own for each use, so that one digest never stands for another."""
    info = f"portal/codes/{use}/1".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(pepper)


def code_digest(
    pepper: bytes, *, purpose: str, subject: str, context: Mapping[str, str], code: str
) -> bytes:
    """What is kept of a code: it fits this purpose, subject and context alone."""
    canonical = json.dumps(
        [purpose, subject, sorted(context.items()), code],
        ensure_ascii=True,
        separators=(",", ":"),
    )
    return hmac.digest(_key(pepper, "code"), canonical.encode(), hashlib.sha256)


def keyed(pepper: bytes, value: str) -> str:
    """A stand-in for a number or an address: 64 hexadecimal digits, the same for the same."""
    return hmac.digest(_key(pepper, "subject"), value.encode(), hashlib.sha256).hex()


def keyed_number(pepper: bytes, value: bytes, *, use: str, below: int) -> int:
    """A number from 0 that only whoever has the pepper can tell, the same for the same.

    Args:
        use: what for; numbers of one use say nothing about those of another.
        below: how many there are; far fewer than 2**256, or they would not be even.
    """
    digest = hmac.digest(_key(pepper, use), value, hashlib.sha256)
    return int.from_bytes(digest, "big") % below
