"""Joining a program by oneself: a name, a phone or e-mail, the terms, and a code.

Someone who is a member already is signed in by the same code, and nothing
says so before it was given.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from portal import members, programs
from portal.access import entering, sessions, wording
from portal.access.entering import Attempt, Begun, Welcome
from portal.access.wording import Wording
from portal.codes import LIMITS, Limits
from portal.members import Channel, NewIdentifier
from portal.members.customers import checked_name
from portal.members.errors import SelfEnrolmentOff, TermsNotAccepted
from portal.outbox import Cipher

ACTOR = "member"


def begin(
    session: Session,
    *,
    program_id: str | None,
    first_name: str | None,
    last_name: str | None,
    identifier_type: str,
    identifier_value: str,
    terms_accepted: bool,
    at: datetime,
    pepper: bytes,
    cipher: Cipher,
    region: str = members.identifiers.DEFAULT_REGION,
    language: str | None = None,
    wording: Wording = wording.join,
    limits: Limits = LIMITS,
) -> Begun:
    """Begin to join a program. Finish it with :func:`portal.access.sign_in.accept`.

    Args:
        program_id: None for the default program.
        identifier_type: ``mobile`` or ``email``.
        identifier_value: as it was typed.
        language: the page's, kept as the new member's own.

    Raises:
        ProgramNotFound: there is no such program.
        SelfEnrolmentOff: the program is not one that people can join by themselves.
        TermsNotAccepted: it has terms, and they were not accepted.
        InvalidInput: a field is wrong, which is named.
        TooManyCodes: with ``retry_after_seconds``.
    """
    program = programs.find(session, program_id)
    if not program.self_enrol:
        raise SelfEnrolmentOff(program=program.id)
    value = entering.standard(identifier_type, identifier_value, region=region)
    first_name = checked_name(first_name, field="first_name")
    last_name = checked_name(last_name, field="last_name")
    if program.terms_url and not terms_accepted:
        raise TermsNotAccepted(field="terms")
    return entering.begin(
        session,
        purpose="join",
        identifier_type=identifier_type,
        value=value,
        join={
            "program": program.id,
            "first_name": first_name,
            "last_name": last_name,
            "language": language,
            "terms_accepted": terms_accepted,
        },
        at=at,
        pepper=pepper,
        cipher=cipher,
        wording=wording,
        limits=limits,
    )


def complete(
    session: Session,
    attempt: Attempt,
    *,
    at: datetime,
    user_agent: str | None,
    address: str | None,
) -> Welcome:
    """Make the member, the account and the session; the code was accepted just now."""
    found = attempt.pending
    given = found.join or {}
    program = programs.find(session, given.get("program"))
    known = entering.owner(
        session, identifier_type=found.identifier_type, value=found.identifier_value
    )
    if known is None:
        # What a known member is called stays as it was: a form does not rename them.
        customer = members.create_customer(
            session,
            at=at,
            identifiers=[
                NewIdentifier(
                    type=found.identifier_type,
                    value=found.identifier_value,
                    source="WEBSITE",
                    verified_at=at,
                )
            ],
            first_name=given.get("first_name"),
            last_name=given.get("last_name"),
            language=given.get("language"),
        )
    else:
        customer = members.customer(session, known)
        members.mark_verified(
            session,
            customer_id=known,
            type=found.identifier_type,
            value=found.identifier_value,
            at=at,
        )
    account = members.account_for(session, customer_id=customer.id, program=program)
    joined = account is None
    if account is None:
        account = members.enrol(
            session,
            program=program,
            channel=Channel.SELF,
            actor=ACTOR,
            at=at,
            customer_id=customer.id,
            terms_accepted=bool(given.get("terms_accepted")),
        )
    opened = sessions.open(
        session,
        customer_id=customer.id,
        program_id=program.id,
        at=at,
        user_agent=user_agent,
        address=address,
    )
    return Welcome(
        token=opened.token,
        session_id=opened.session_id,
        customer_id=customer.id,
        expires_at=opened.expires_at,
        joined=joined,
        account_id=account.id,
    )
