"""Secrets that a browser or a till holds, and what is kept of them."""

import hashlib
import secrets

TOKEN_BYTES = 32
TOKEN_LENGTH_MAX = 64


def new_token() -> str:
    """256 random bits, as text for a cookie."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest(token: str) -> bytes:
    """What is stored of a token.

    A plain SHA-256 is right here: it cannot be undone by trying, because
    there are 2²⁵⁶ tokens to try, and a slow hash would only slow every request.
    """
    return hashlib.sha256(token.encode()).digest()
