"""Card numbers of our own: sixteen digits, the last of which checks the others."""

import secrets

PREFIX = "63"
"""What the cards of stores and clubs begin with (ISO/IEC 7812)."""

_RANDOM_DIGITS = 13


def check_digit(digits: str) -> str:
    """The digit that makes ``digits`` pass the Luhn check when put behind them."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * 2 if place % 2 == 0 else int(digit)
        total += number - 9 if number > 9 else number
    return str(-total % 10)


def new_card_number() -> str:
    """A fresh card number. Unguessable enough, but a name and no secret."""
    digits = f"{PREFIX}{secrets.randbelow(10**_RANDOM_DIGITS):0{_RANDOM_DIGITS}}"
    return digits + check_digit(digits)


def is_ours(number: str) -> bool:
    """Whether it could be a card of ours: shape and check digit are right."""
    return (
        len(number) == len(PREFIX) + _RANDOM_DIGITS + 1
        and number.isascii()
        and number.isdigit()
        and number.startswith(PREFIX)
        and check_digit(number[:-1]) == number[-1]
    )
