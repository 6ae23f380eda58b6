"""The words of messages with codes, in the language of the page that asked for them."""

from portal.access.wording import Text
from portal.transfers import Text as SendingText
from portal.transfers import Wording
from portal.web import formatting
from portal.web.locale import gettext as _


def sign_in(code: str) -> Text:
    """The message with a code to sign in."""
    return Text(
        subject=_("Your code to sign in"),
        body=_(
            "%(code)s is your code to sign in. It works once, for five minutes. "
            "Nobody from us will ever ask you for it.",
            code=code,
        ),
    )


def join(code: str) -> Text:
    """The message with a code to join."""
    return Text(
        subject=_("Your code to join"),
        body=_(
            "%(code)s is your code to join. It works once, for five minutes. "
            "If you did not ask for it, you need do nothing.",
            code=code,
        ),
    )


def prove(code: str) -> Text:
    """The message with a code for someone who is signed in already."""
    return Text(
        subject=_("Your code to continue"),
        body=_(
            "%(code)s is your code to show that it is you. It works once, for five minutes. "
            "Nobody from us will ever ask you for it.",
            code=code,
        ),
    )


def frozen() -> Text:
    """The message that an account was frozen by its holder."""
    return Text(
        subject=_("Your account is frozen"),
        body=_(
            "You froze your account: nothing can be sent or spent from it. "
            "If this was not you, ask in a store."
        ),
    )


def unfrozen() -> Text:
    """The message that an account was unfrozen by its holder."""
    return Text(
        subject=_("Your account is free again"),
        body=_(
            "You unfroze your account: sending and spending work again. "
            "If this was not you, freeze it again and ask in a store."
        ),
    )


def invited() -> Text:
    """The message to whoever is invited to a household; no words of whoever invites."""
    return Text(
        subject=_("You are invited to a household"),
        body=_(
            "A member invites you to a household that collects together. "
            "Sign in to see who it is, and to join or decline."
        ),
    )


def allowed() -> Text:
    """The message to the primary member that somebody may use what the household holds."""
    return Text(
        subject=_("Someone may send for your household"),
        body=_(
            "You allowed a member of your household to send and spend what is in it. "
            "If this was not you, freeze your account and tell us at once."
        ),
    )


def transfers() -> Wording:
    """The messages about sending: the code, and what each side is told afterwards."""
    return Wording(
        code=_transfer_code,
        sent=_sent,
        received=_received,
        speak=lambda program, amount: formatting.points(amount, program),
    )


def _transfer_code(code: str, points: str, recipient: str, household: str | None) -> SendingText:
    said = (
        _(
            "%(code)s is your code to send %(points)s of %(household)s to %(recipient)s.",
            code=code,
            points=points,
            household=household,
            recipient=recipient,
        )
        if household
        else _(
            "%(code)s is your code to send %(points)s to %(recipient)s.",
            code=code,
            points=points,
            recipient=recipient,
        )
    )
    rest = _(
        "It works once, for five minutes, and for nothing else. "
        "If you did not ask for it, tell it to nobody."
    )
    return SendingText(subject=_("Your code to send points"), body=f"{said} {rest}")


def _sent(points: str, recipient: str) -> SendingText:
    return SendingText(
        subject=_("Points sent"),
        body=_(
            "%(points)s were sent from your account to %(recipient)s. "
            "If this was not you, freeze your account and tell us at once.",
            points=points,
            recipient=recipient,
        ),
    )


def _received(points: str, sender: str) -> SendingText:
    return SendingText(
        subject=_("Points received"),
        body=_("You were sent %(points)s by %(sender)s.", points=points, sender=sender),
    )
