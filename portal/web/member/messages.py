"""The words of messages with codes, in the language of the page that asked for them."""

from portal.access.wording import Text
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
