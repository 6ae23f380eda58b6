"""What the messages with codes say. The web passes its own, translated."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A message's words; the subject is for e-mail."""

    subject: str
    body: str


Wording = Callable[[str], Text]
"""Makes the message for a code, six digits together."""


def sign_in(code: str) -> Text:
    """The message with a code to sign in."""
    return Text(
        subject="Your code to sign in",
        body=f"{code} is your code to sign in. It works once, for five minutes. "
        "Nobody from us will ever ask you for it.",
    )


def join(code: str) -> Text:
    """The message with a code to join."""
    return Text(
        subject="Your code to join",
        body=f"{code} is your code to join. It works once, for five minutes. "
        "If you did not ask for it, you need do nothing.",
    )


def prove(code: str) -> Text:
    """The message with a code for someone who is signed in already."""
    return Text(
        subject="Your code to continue",
        body=f"{code} is your code to show that it is you. It works once, for five minutes. "
        "Nobody from us will ever ask you for it.",
    )
