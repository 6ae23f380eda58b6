"""Messages to a member about what happened to what is theirs."""

from datetime import datetime

from sqlalchemy.orm import Session

from portal import members, outbox
from portal.access.entering import CHANNELS
from portal.access.wording import Text
from portal.web.settings import cipher, settings


def tell(session: Session, *, customer_id: str, text: Text, purpose: str, at: datetime) -> None:
    """Write a message to their phone, or else their e-mail, in the caller's transaction.

    Whoever has neither, or neither that can be reached, is told nothing.
    """
    customer = members.customer(session, customer_id)
    able = outbox.channels(settings())
    for type, value in (("mobile", customer.mobile), ("email", customer.email)):
        channel = CHANNELS[type]
        if value and channel in able:
            outbox.tell(
                session,
                channel=channel,
                recipient=value,
                subject=text.subject if channel == "email" else None,
                body=text.body,
                purpose=purpose,
                at=at,
                cipher=cipher(),
            )
            return
