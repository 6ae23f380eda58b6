"""The codes of vouchers: not to be guessed, and easy to read aloud.

Sixteen characters of Crockford's alphabet, which has no I, L, O or U: fifteen
random ones (75 bits) and one that checks them. The check is a sum over the
field of 32 elements with another weight for each place, so that every single
wrong character and every two that changed places are found.
"""

import re
import secrets
import unicodedata

from portal.rewards.errors import VoucherCodeMalformed

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 16
GROUP = 4
TYPED_LENGTH_MAX = 64

_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1"})
_SEPARATORS = re.compile(r"[\s\-‐-―−_.·]+")


def _times_x(value: int) -> int:
    """A product in the field of 32 elements, by x⁵ = x² + 1."""
    value <<= 1
    return value ^ 0b100101 if value & 0b100000 else value


def _check(body: str) -> str:
    # Horner's rule: each place weighs x times as much as the one after it.
    total = 0
    for character in body:
        total = _times_x(total ^ _VALUES[character])
    return ALPHABET[total]


def new_code() -> str:
    """A fresh code."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH - 1))
    return body + _check(body)


def normalise(typed: str) -> str:
    """The code that was typed, scanned or read out: in capitals, without its spaces and dashes.

    O is read as 0, I and L as 1.

    Raises:
        VoucherCodeMalformed: no code is written like this; there is nothing to look for.
    """
    if len(typed) > TYPED_LENGTH_MAX:
        raise VoucherCodeMalformed()
    code = _SEPARATORS.sub("", unicodedata.normalize("NFKC", typed)).upper().translate(_READ_AS)
    if len(code) != LENGTH or any(character not in _VALUES for character in code):
        raise VoucherCodeMalformed()
    if _check(code[:-1]) != code[-1]:
        raise VoucherCodeMalformed()
    return code


def grouped(code: str) -> str:
    """``7K3M-…``: as it is shown and read aloud."""
    return "-".join(code[start : start + GROUP] for start in range(0, len(code), GROUP))
