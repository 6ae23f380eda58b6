"""Whether the member agrees: what the program asks for, and what the till showed."""

from dataclasses import dataclass

from portal import codes
from portal.checkout.errors import ApprovalNeeded, WrongApproval
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
    """

    one_time_code: CodeLook | None = None
    member_code: str | None = None


def needed(program: Program, *, points: int, by_contact: bool) -> Kind:
    """What the program asks for before so many points leave."""
    kind = program.redemption.approval
    if kind is Kind.AUTO:
        # Anyone may know a phone number; a card was at least in someone's hand.
        kind = Kind.ONE_TIME_CODE if by_contact else Kind.NONE
    return Kind.NONE if points <= program.redemption.approval_above else kind


def require(kind: Kind, approval: Approval | None, *, quote_id: str | None) -> codes.Look | None:
    """The code that is to be accepted with the redemption; None where none is needed.

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


def strictest(kinds: set[Kind]) -> Kind:
    """What satisfies the rules of several programs together."""
    for kind in (Kind.ONE_TIME_CODE, Kind.MEMBER_CODE):
        if kind in kinds:
            return kind
    return Kind.NONE
