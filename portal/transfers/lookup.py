"""Looking up whom to send to, or to invite: by phone, e-mail or card number.

Each look-up is counted in the database, and a miss costs five times as much
as a hit (QUALITY, B.3). With thirty an hour someone may look for two dozen
friends or mistype six numbers; with sixty a day whoever tries phone numbers
one after the other gets twelve guesses, of the millions that there are. What
stands against someone (unknown, not in the program, opted out, fraud, closed,
merged, erased) cannot be told apart by the answer, its cost or its time: the
same statements run.
"""

from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, select
from sqlalchemy.orm import Session

from portal import members, programs
from portal.codes import budget
from portal.ledger.errors import SameAccount
from portal.ledger.models import Account, AccountStatus
from portal.members import IdentifierType
from portal.members.errors import InvalidIdentifier
from portal.members.identifiers import DEFAULT_REGION
from portal.members.models import Customer, Identifier
from portal.transfers import people
from portal.transfers.errors import RecipientCannotReceive, TooManyLookUps
from portal.transfers.values import LookUp, Recipient

HIT, MISS = 1, 5
"""What a look-up costs."""
BUDGETS = (
    ("lookup:hour", 30, timedelta(hours=1)),
    ("lookup:day", 60, timedelta(days=1)),
)
"""How much a member has."""
TYPES = (IdentifierType.MOBILE, IdentifierType.EMAIL, IdentifierType.CARD_NUMBER)

_FIND = (
    select(
        Customer.id,
        Customer.fraud_status,
        Customer.findable,
        Customer.merged_into,
        Customer.erased_at,
        Account.id.label("account_id"),
    )
    .join(Identifier, Identifier.customer_id == Customer.id)
    .outerjoin(
        Account,
        and_(
            Account.customer_id == Customer.id,
            Account.program_id == bindparam("program"),
            Account.status.in_([AccountStatus.ACTIVE.value, AccountStatus.FROZEN.value]),
        ),
    )
    .where(Identifier.type == bindparam("type"), Identifier.value == bindparam("value"))
    .limit(2)
)


def lookup(
    session: Session,
    *,
    by_customer_id: str,
    value: str,
    at: datetime,
    type: str | None = None,
    program: str | None = None,
    region: str = DEFAULT_REGION,
) -> LookUp:
    """Find someone by what people know of each other, and count it.

    Run it in :func:`portal.orm.recording`, and ask the result for its
    recipient after that has committed: a refusal must not hand the cost back.

    Args:
        value: as it was typed or scanned.
        type: ``mobile``, ``email`` or ``card_number``; guessed where omitted.
        program: in which they must have an account; the default one where omitted.

    Raises:
        InvalidIdentifier: it can be none of these; nothing was counted.
        TooManyLookUps: the budget is used up, with ``retry_after_seconds``.
        ProgramNotFound, NoDefaultProgram: nothing was counted.
    """
    rules = programs.find(session, program)
    kind, text = _meant(type, value)
    standard = members.identifiers.normalise(kind, text, region=region)
    for name, limit, window in BUDGETS:
        # Begun only while there is room for a miss: whoever is nearly at the
        # end would otherwise get their last misses for the price of hits.
        budget.spend(
            session,
            name=name,
            subject=by_customer_id,
            limit=limit - (MISS - HIT),
            window=window,
            at=at,
            cost=HIT,
            error=TooManyLookUps,
        )
    asked = {"type": kind, "value": standard, "program": rules.id}
    rows = session.connection().execute(_FIND, asked).all()
    row = rows[0] if len(rows) == 1 else None
    if row is not None and row.id == by_customer_id:
        return LookUp(recipient=None, refusal=SameAccount)
    if (
        row is None
        or row.account_id is None
        or not row.findable
        or row.fraud_status == "confirmed"
        or row.merged_into is not None
        or row.erased_at is not None
    ):
        for name, limit, window in BUDGETS:
            budget.take(
                session,
                name=name,
                subject=by_customer_id,
                limit=limit,
                window=window,
                at=at,
                cost=MISS - HIT,
            )
        return LookUp(recipient=None, refusal=RecipientCannotReceive)
    person = people.people(session, [row.id])[row.id]
    return LookUp(
        recipient=Recipient(customer_id=row.id, account_id=row.account_id, display=person.display)
    )


def _meant(type: str | None, value: str) -> tuple[str, str]:
    """The kind of identifier that was typed or scanned, and the identifier itself."""
    text = value.strip()
    if type is not None:
        if type not in TYPES:
            raise InvalidIdentifier(
                "Type a phone number, an e-mail or a card number.", field="recipient"
            )
        return type, text
    if "@" in text:
        return IdentifierType.EMAIL, text
    if members.cards.is_ours("".join(text.split())):
        return IdentifierType.CARD_NUMBER, text
    return IdentifierType.MOBILE, text
