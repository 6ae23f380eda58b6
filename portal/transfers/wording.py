"""What the messages about transfers say. The web may pass its own, translated.

What the sender wrote as a note is in none of them: a message from us must not
carry words of someone we do not know (a link, a demand) to someone else.
"""

from collections.abc import Callable
from dataclasses import dataclass

from portal.programs import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A message's words; the subject is for e-mail."""

    subject: str
    body: str


def code_text(code: str, points: str, recipient: str, household: str | None) -> Text:
    """The message with the code of a transfer: it names how much goes to whom (QUALITY, B.2)."""
    source = f" from {household}" if household is not None else ""
    return Text(
        subject="Your code to send points",
        body=f"{code} is your code to send {points}{source} to {recipient}. "
        "It works once, for five minutes, and for nothing else. "
        "If you did not ask for it, tell it to nobody.",
    )


def sent_text(points: str, recipient: str) -> Text:
    """The confirmation to whoever sent."""
    return Text(
        subject="Points sent",
        body=f"{points} were sent to {recipient}. "
        "If this was not you, freeze your account and tell us at once.",
    )


def received_text(points: str, sender: str) -> Text:
    """The news to whoever received."""
    return Text(subject="Points received", body=f"You were sent {points} by {sender}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """The words of all three: points as ``speak`` says them, people masked.

    ``code`` gets the code, the points, the recipient, and the name of the
    household whose points they are (None: the reader's own).
    """

    code: Callable[[str, str, str, str | None], Text] = code_text
    sent: Callable[[str, str], Text] = sent_text
    received: Callable[[str, str], Text] = received_text
    speak: Callable[[Program, int], str] = Program.spoken_points


ENGLISH = Wording()
