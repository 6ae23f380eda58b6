"""Whether the member agrees: what the program asks for, and what the till showed.

``none`` asks for nothing. ``member_code`` asks for the member's rotating code,
which proves that they stand there. ``one_time_code`` asks for the code that was
sent to them. ``auto``, the default, asks for that one where they were named by
phone or e-mail only, which anyone may know: a scanned card or member code needs
none. ``approval_above`` frees what takes no more points than it says.

Whoever is named by their rotating code, or by a quote that was made with it,
has shown it. A code that is shown is always checked, and used up with what it
was shown for, needed or not; a request that is refused for another reason
leaves it good.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from portal import codes, ledger, members
from portal.access import member_codes
from portal.access.member_codes import MemberLook
from portal.checkout.errors import (
    ApprovalNeeded,
    OtherMembersCode,
    RedeemerFraud,
    WrongApproval,
)
from portal.members.errors import HouseholdSenderFrozen
from portal.programs import Program
from portal.programs.program import Approval as Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLook:
    """A counted look at the code that was sent with a quote."""

    quote_id: str
    look: codes.Look


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What shows that the member agrees.

    ``one_time_code`` is what :func:`portal.checkout.look` found of the code
    that they told; it holds for the quote that it was sent with.
    ``member_code`` is what :func:`portal.access.member_codes.look` found of
    the one that was given to approve, ``named_by`` of the one that they were
    named by; they may be the same.
    """

    one_time_code: CodeLook | None = None
    member_code: MemberLook | None = None
    named_by: MemberLook | None = None

    @property
    def shown(self) -> tuple[MemberLook, ...]:
        """The rotating codes among it, each once, the earlier first."""
        looks = {(look.key, look.step): look for look in (self.named_by, self.member_code) if look}
        return tuple(looks[which] for which in sorted(looks, key=lambda which: which[1]))


def present(
    session: Session,
    approval: Approval | None,
    *,
    customer_id: str | None,
    household_id: str | None,
) -> bool:
    """Whether the member's rotating code was shown.

    For a household, that of anyone who may send its points.

    Args:
        customer_id: whose points leave; None where they are a household's, or nobody's.
        household_id: the household whose they are.

    Raises:
        OtherMembersCode: the code is someone else's.
        RedeemerFraud, HouseholdSenderFrozen: not by that member of the household.
        MemberCodeRefused, TooManyWrongMemberCodes: it is not accepted.
    """
    shown = approval.shown if approval is not None else ()
    for look in shown:
        shown_by = look.require()
        if household_id is None:
            theirs = shown_by == customer_id
        else:
            theirs = members.may_send(session, household_id=household_id, customer_id=shown_by)
        if not theirs:
            raise OtherMembersCode()
        if household_id is not None:
            _well(session, shown_by)
    return bool(shown)


def _well(session: Session, customer_id: str) -> None:
    """Refuse consent for a household by whoever could not spend what is their own."""
    if members.customer(session, customer_id).fraud_status == "confirmed":
        raise RedeemerFraud()
    if ledger.has_frozen(session, customer_id=customer_id):
        raise HouseholdSenderFrozen()


def needed(program: Program, *, points: int, by_contact: bool, present: bool = False) -> Kind:
    """What the program still asks for before so many points leave.

    Args:
        by_contact: they were named by phone or e-mail only.
        present: their rotating code was shown.
    """
    kind = program.redemption.approval
    if kind is Kind.AUTO:
        # Anyone may know a phone number; a card was at least in someone's hand.
        kind = Kind.ONE_TIME_CODE if by_contact and not present else Kind.NONE
    if kind is Kind.MEMBER_CODE and present:
        kind = Kind.NONE
    return Kind.NONE if points <= program.redemption.approval_above else kind


def settle(
    session: Session,
    kinds: Collection[Kind],
    approval: Approval | None,
    *,
    quote_id: str | None,
    at: datetime,
) -> None:
    """Refuse what lacks consent, and use up the codes that were shown.

    Args:
        kinds: what is still asked for, as :func:`needed` says.
        quote_id: the quote that is being used, whose one-time code counts.

    Raises:
        ApprovalNeeded: nothing was shown; ``approval`` says what is needed.
        WrongApproval: something else was, or a code of another quote.
        CodeRefused, MemberCodeRefused: a code that is not accepted.
    """
    found = require(strictest(kinds), approval, quote_id=quote_id)
    if found is not None:
        codes.accept(session, found, at=at)
    use_up(session, approval)


def require(kind: Kind, approval: Approval | None, *, quote_id: str | None) -> codes.Look | None:
    """The one-time code that is to be accepted with the redemption; None where none is needed.

    Raises:
        ApprovalNeeded: nothing was shown; ``approval`` says what is needed.
        WrongApproval: something else was, or a code of another quote.
    """
    if kind is Kind.NONE:
        return None
    if approval is None or (approval.one_time_code is None and approval.member_code is None):
        raise ApprovalNeeded(approval=kind.value)
    shown = approval.one_time_code
    if kind is not Kind.ONE_TIME_CODE or shown is None or shown.quote_id != quote_id:
        raise WrongApproval(approval=kind.value)
    return shown.look


def use_up(session: Session, approval: Approval | None) -> None:
    """Rotating codes serve once, in the transaction of what they were shown for.

    Raises:
        MemberCodeRefused, TooManyWrongMemberCodes: one is not accepted.
    """
    for look in approval.shown if approval is not None else ():
        member_codes.accept(session, look)


def strictest(kinds: Collection[Kind]) -> Kind:
    """What is asked for first; whoever shows a one-time code may be asked for the other after."""
    for kind in (Kind.MEMBER_CODE, Kind.ONE_TIME_CODE):
        if kind in kinds:
            return kind
    return Kind.NONE
