"""Quotes: what an order may cost and bring, and a promise to keep to it.

An order or redemption that names a quote is measured on the quote's clock, by
the rules and the rate of that moment, and never beyond the balance. So what
was shown to the customer can be confirmed, whatever midnight or a new version
of the program came between.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.orm import Session

from portal import codes, ledger
from portal.checkout import approving, drawing, earnings, vouchers
from portal.checkout.approving import Approval, CodeLook
from portal.checkout.errors import (
    InsufficientValue,
    QuoteNotFound,
)
from portal.checkout.holders import (
    Party,
    approver_of,
    find_party,
    look_at,
    program_of,
    require_spender,
)
from portal.checkout.models import Quote as QuoteRow
from portal.checkout.pricing import Room, Terms, in_currency, room, standing, then
from portal.checkout.sending import CodeSending, send
from portal.checkout.values import Basket, Holder, Quote, Source, Warning
from portal.checkout.wording import code_text
from portal.errors import PortalError
from portal.ledger import Position
from portal.ledger.models import AccountStatus
from portal.members.errors import NotEnrolled
from portal.orm import new_id
from portal.programs import Money, Program
from portal.programs.errors import NoRate
from portal.programs.limits import Standing
from portal.programs.program import Approval as Kind

LIFETIME = timedelta(minutes=15)
"""How long a quote binds."""
KEPT = timedelta(days=1)
"""How long its row outlives it, so that its end can be explained."""
PURPOSE = "redeem"

_FIND = select(QuoteRow.__table__).where(QuoteRow.id == bindparam("id"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    """One account, looked at: its rules, what it has, and what it may pay."""

    look: Any
    program: Program
    position: Position
    standing: Standing
    room: Room
    blocked: PortalError | None

    def purse(self) -> drawing.Purse | None:
        """The account as a source among several; None where it cannot be one."""
        if self.program.rate is None or self.room.max_value is None or not self.room.limit:
            return None
        return drawing.Purse(
            account_id=self.look.id,
            rate=self.program.rate,
            deadlines=[(d.expires_at, d.points) for d in self.position.deadlines],
            limit=self.room.limit,
            max_value=self.room.max_value,
            least=self.room.min_points,
            step=self.program.redemption.multiple_of,
        )


def quote(
    session: Session,
    *,
    holder: Holder,
    order: Basket,
    actor: str,
    at: datetime,
    issue_code: bool = False,
    sending: CodeSending | None = None,
    approval: Approval | None = None,
) -> Quote:
    """Say what ``holder`` could pay of ``order`` with points, and what it would earn.

    It is written down, and an order or redemption may name it until it
    expires. Run it in :func:`portal.orm.writing`.

    Args:
        issue_code: send the member a one-time code that approves this, where
            one is needed. That it could not be sent is a warning (876).
        approval: the rotating code that the holder was named by. It is used
            up; whatever names the quote need not show another.

    Raises:
        AccountNotFound, AccountMerged, CustomerNotFound, CustomerMerged,
        ProgramNotFound, InvalidOrder: it cannot be said.
        MemberCodeRefused, TooManyWrongMemberCodes: the code is not accepted.
    """
    purchase = earnings.to_come(order, at=at)
    party = find_party(session, holder, at=at)
    money = Money(order.value, order.currency)
    offers = offers_of(session, spending_accounts(session, party), money, at=at)
    present = approving.present(
        session, approval, customer_id=party.customer_id, household_id=party.household_id
    )
    sources = tuple(
        _with_rewards(
            session,
            _source(offer, party, present=present),
            offer,
            order=money,
            store=order.store,
            by_contact=party.by_contact,
            present=present,
            at=at,
        )
        for offer in offers
    )
    made = _summed_up(party, sources, offers, money)
    row = _row(party, order, made, offers, actor, at) | {"present": present}
    session.execute(insert(QuoteRow), [row])
    approving.use_up(session, approval)
    warnings = [
        Warning(code=NoRate.code, detail=NoRate.sentence, legacy_code=NoRate.legacy_code)
        for offer in offers
        if offer.program.rate is None
    ][:1]
    code_sent = False
    if issue_code and made["approval"] is Kind.ONE_TIME_CODE and sending is not None:
        code_sent = _send_code(session, row, party, offers[0].program, sending, made, at=at)
        if not code_sent:
            warnings.append(
                Warning(
                    code="code_not_sent",
                    detail="It can be redeemed, but the code could not be sent.",
                    legacy_code=876,
                )
            )
    return Quote(
        id=row["id"],
        would_earn=earnings.would_earn(session, party, purchase, at=at),
        sources=sources,
        expires_at=row["expires_at"],
        warnings=tuple(warnings),
        code_sent=code_sent,
        **made | {"approval": made["approval"].value},
    )


def spending_accounts(session: Session, party: Party) -> list[str]:
    """The accounts that the party may pay from: one, or a customer's all."""
    if not party.whole:
        return [party.payer.id] if party.payer is not None else []
    assert party.customer_id is not None
    return [
        account.id
        for account in ledger.accounts_of(session, customer_id=party.customer_id)
        if account.status in (AccountStatus.ACTIVE, AccountStatus.FROZEN)
    ]


def offers_of(
    session: Session,
    account_ids: Sequence[str],
    order: Money,
    *,
    at: datetime,
    looks: Mapping[str, Any] | None = None,
    terms: Mapping[str, Terms] | None = None,
) -> list[_Offer]:
    """What each account may pay of ``order``.

    Args:
        looks: the accounts' rows, where they were locked already.
        terms: what a quote said of them, by account.
    """
    looks = look_at(session, account_ids, lock=False) if looks is None else looks
    offers = []
    for account_id in account_ids:
        look, bound = looks[account_id], (terms or {}).get(account_id)
        program = program_of(look) if bound is None else bound.program
        program = in_currency(program, order.currency)
        position = ledger.position(session, account_id=account_id, at=at)
        blocked = _blocked(session, look)
        stands = standing(session, look, program, at=at)
        found = room(
            program, balance=position.balance, standing=stands, order=order, spender=not blocked
        )
        if bound is not None:
            found = _within(session, look, bound, found, position, order, blocked)
        offers.append(
            _Offer(
                look=look,
                program=program,
                position=position,
                standing=stands,
                room=found,
                blocked=blocked,
            )
        )
    return offers


def _within(
    session: Session,
    look: Any,
    terms: Terms,
    found: Room,
    position: Position,
    order: Money,
    blocked: PortalError | None,
) -> Room:
    """What a quote lets an account pay: measured on its clock too, and never more than it said."""
    if found.refusals:
        found = room(
            terms.program,
            balance=position.balance,
            standing=then(session, look, terms),
            order=order,
            spender=not blocked,
        )
    rate = terms.program.rate
    if rate is None or found.max_value is None:
        return found
    limit = min(found.limit, terms.limit)
    return replace(found, limit=limit, max_value=min(found.max_value, rate.value_of(limit).amount))


def _blocked(session: Session, look: Any) -> PortalError | None:
    try:
        require_spender(session, look)
    except PortalError as refusal:
        return refusal
    return None


def _source(offer: _Offer, party: Party, *, present: bool) -> Source:
    blocked = (offer.blocked,) if offer.blocked else ()
    return Source(
        account_id=offer.look.id,
        program=offer.program,
        spendable=max(offer.position.balance, 0),
        max_points=offer.room.max_points,
        min_points=offer.room.min_points,
        multiple_of=offer.program.redemption.multiple_of,
        max_value=offer.room.max_value,
        approval=approving.needed(
            offer.program,
            points=offer.room.limit,
            by_contact=party.by_contact,
            present=present,
        ).value,
        refusals=blocked + offer.room.refusals,
    )


def _with_rewards(
    session: Session,
    source: Source,
    offer: _Offer,
    *,
    order: Money,
    store: str | None,
    by_contact: bool,
    present: bool,
    at: datetime,
) -> Source:
    if offer.blocked is not None:
        return source
    found = vouchers.fitting(
        session, offer.position, offer.program, order=order, store=store, at=at
    )
    told = frozenset(
        fit.voucher.id
        for fit in found.vouchers
        if vouchers.tells_code(offer.program, fit.voucher, by_contact=by_contact, present=present)
    )
    return replace(source, fitting=found, told=told)


def _summed_up(
    party: Party, sources: Sequence[Source], offers: Sequence[_Offer], order: Money
) -> dict[str, Any]:
    """The figures of the quote as a whole."""
    kinds = {Kind(source.approval) for source in sources if source.max_points}
    if not party.whole and not sources:
        holder = {"customer": party.customer_id, "household": party.household_id}
        nobody = (NotEnrolled(**{name: id for name, id in holder.items() if id is not None}),)
        figures = dict.fromkeys(("spendable", "max_points", "min_points", "multiple_of"), 0)
        return figures | {"max_value": 0, "approval": Kind.NONE, "refusals": nobody}
    if not party.whole:
        (source,) = sources
        return {
            "spendable": source.spendable,
            "max_points": source.max_points,
            "min_points": source.min_points,
            "multiple_of": source.multiple_of,
            "max_value": source.max_value,
            "approval": approving.strictest(kinds),
            "refusals": source.refusals,
        }
    purses = [purse for purse in (offer.purse() for offer in offers) if purse is not None]
    max_value = most_value(purses, order.amount)
    refusals: tuple[PortalError, ...] = ()
    if not max_value:
        refusals = tuple(r for source in sources for r in source.refusals) or (
            InsufficientValue(available=0),
        )
    return {
        "spendable": None,
        "max_points": None,
        "min_points": None,
        "multiple_of": None,
        "max_value": max_value,
        "approval": approving.strictest(kinds),
        "refusals": refusals,
    }


def most_value(purses: Sequence[drawing.Purse], value: int) -> int:
    """The most of ``value`` that all of them can pay together."""
    if value <= 0:
        return 0
    try:
        drawing.draw(purses, value)
    except InsufficientValue as refusal:
        return int(refusal.facts["available"])
    return value


def _row(
    party: Party,
    order: Basket,
    made: Mapping[str, Any],
    offers: Sequence[_Offer],
    actor: str,
    at: datetime,
) -> dict[str, Any]:
    return {
        "id": new_id("quo"),
        "customer_id": party.customer_id,
        "account_id": None if party.payer is None else party.payer.id,
        "by_contact": party.by_contact,
        "value": order.value,
        "currency": order.currency,
        "max_points": made["max_points"],
        "terms": {
            offer.look.id: {
                "program": offer.program.id,
                "version": offer.program.version,
                "balance": offer.standing.balance,
                "lifetime_points": offer.standing.lifetime_points,
                "lifetime_purchases": offer.standing.lifetime_purchases,
                "limit": offer.room.limit,
            }
            for offer in offers
        },
        "actor": actor,
        "created_at": at,
        "expires_at": at + LIFETIME,
        "used_at": None,
        "used_for": None,
    }


def _send_code(
    session: Session,
    row: Mapping[str, Any],
    party: Party,
    payer_program: Program,
    sending: CodeSending,
    made: Mapping[str, Any],
    *,
    at: datetime,
) -> bool:
    """Whether a code that approves the quote is on its way to the member."""
    approver_id = approver_of(session, party)
    if approver_id is None or not (made["max_value"] or made["max_points"]):
        return False
    return send(
        session,
        customer_id=approver_id,
        purpose=PURPOSE,
        subject=row["id"],
        context=_context(row),
        wording=lambda code: code_text(
            code,
            program=payer_program,
            points=made["max_points"],
            value=made["max_value"],
            order=Money(row["value"], row["currency"]),
        ),
        sending=sending,
        at=at,
    )


def _context(row: Mapping[Any, Any]) -> dict[str, str]:
    """All that a code is bound to: change one, and it is void."""
    return {
        "quote": row["id"],
        "holder": row["account_id"] or row["customer_id"] or "",
        "points": "" if row["max_points"] is None else str(row["max_points"]),
        "order": f"{row['value']} {row['currency']}",
    }


def look(session: Session, *, quote_id: str, code: str, at: datetime, pepper: bytes) -> CodeLook:
    """Count a try of the code that was sent with a quote.

    Run it in :func:`portal.orm.recording`, before the transaction that
    redeems; what it gives goes into :class:`~portal.checkout.Approval`.

    Raises:
        QuoteNotFound: there is no such quote; nothing was counted.
        CodeMalformed: it is not six digits; nothing was counted.
    """
    row = session.connection().execute(_FIND, {"id": quote_id}).mappings().first()
    if row is None:
        raise QuoteNotFound(field="quote")
    found = codes.look(
        session,
        purpose=PURPOSE,
        subject=quote_id,
        context=_context(row),
        code=code,
        at=at,
        pepper=pepper,
    )
    return CodeLook(quote_id=quote_id, look=found)


def purge(session: Session, *, at: datetime) -> int:
    """Delete quotes a day after they expired; returns how many."""
    gone = session.execute(delete(QuoteRow).where(QuoteRow.expires_at <= at - KEPT))
    return int(gone.rowcount)  # type: ignore[attr-defined]
