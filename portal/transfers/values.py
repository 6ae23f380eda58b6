"""What transfers are asked and what they answer: plain, frozen values."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from portal import codes
from portal.errors import PortalError
from portal.outbox import Cipher
from portal.programs import Program

NOTE_LENGTH_MAX = 280


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Who sends or receives, or who does it: named by exactly one of these.

    ``type`` and ``value`` are an identifier as it was typed: a customer's, or
    one of a household (``primary_mobile``, …; an external id is a customer's
    where one has it, else a household's). Nothing named is nobody.
    """

    account_id: str | None = None
    customer_id: str | None = None
    household_id: str | None = None
    type: str | None = None
    value: str | None = None
    source_account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One end of a transfer.

    ``display`` is for the other end's eyes (``Ja… D… (…89)``); ``name`` is
    whole, for staff and for those whose own account or household it is.
    """

    account_id: str | None
    customer_id: str | None
    household_id: str | None
    name: str = field(repr=False)
    display: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Points that move together: gone at ``expires_at``, usable through ``expires_on``; or never.

    They keep that with the recipient.
    """

    points: int
    expires_at: datetime | None
    expires_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Whether points can be sent, or every reason why not.

    Attributes:
        reasons: as staff and checkout see them; :func:`for_member` folds them.
        program: None where the one named does not exist.
        sender, recipient: as far as they were found.
        by_customer_id: who does it, and gets the code.
        available: what the sender could spend now; None where that is not known,
            or not for whoever does it to know.
        remaining: what the sender keeps; None where it cannot be sent.
        parts: what would move and when that dies, soonest first.
    """

    points: int
    reasons: tuple[PortalError, ...]
    program: Program | None
    sender: Side | None
    recipient: Side | None
    by_customer_id: str | None
    available: int | None
    remaining: int | None
    parts: tuple[Part, ...]

    @property
    def transferable(self) -> bool:
        """Whether nothing stands against it."""
        return not self.reasons

    @property
    def recipient_display(self) -> str | None:
        """The recipient, masked."""
        return self.recipient.display if self.recipient else None

    @property
    def sender_display(self) -> str | None:
        """The sender, masked."""
        return self.sender.display if self.sender else None

    @property
    def from_account(self) -> str | None:
        """The account that sends."""
        return self.sender.account_id if self.sender else None

    @property
    def to_account(self) -> str | None:
        """The account that receives; None for a household's that is opened with the request."""
        return self.recipient.account_id if self.recipient else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What the program's limits leave to send; None where there is no such limit."""

    today: int | None
    this_month: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Warning:
    """What did not stop it and should be known; the names and numbers are those of errors."""

    code: str
    detail: str
    legacy_code: int | None = None
    retry_after_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSending:
    """With what one-time codes are made and sent."""

    pepper: bytes = field(repr=False)
    cipher: Cipher
    channels: frozenset[str]
    limits: codes.Limits = codes.LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """A request, and what became of its code.

    Attributes:
        id: ``trq_…``; None where ``check`` says no: then nothing was stored.
        destination: where the code went, masked; None where none was sent.
        resend_at: from when a new code may be asked for.
    """

    check: Check
    id: str | None = None
    expires_at: datetime | None = None
    destination: str | None = None
    resend_at: datetime | None = None
    warnings: tuple[Warning, ...] = ()

    @property
    def code_sent(self) -> bool:
        """Whether a code is on its way."""
        return self.destination is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A new code is on its way. ``destination`` is masked."""

    destination: str
    resend_at: datetime


class RequestStatus(StrEnum):
    """Where a request stands."""

    OPEN = "open"
    USED = "used"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestView:
    """A transfer that waits for its code, or what became of it.

    ``transfer_id`` is its receipt once it was used; ``note`` is told only
    while it is open (afterwards the receipt has it). ``destination`` (masked)
    is where its last code went, and from ``resend_at`` on a new one may be
    asked for; None where none was sent.
    """

    id: str
    status: RequestStatus
    program_id: str
    sender: Side
    recipient: Side
    by_customer_id: str
    points: int
    note: str | None
    created_at: datetime
    expires_at: datetime
    destination: str | None
    resend_at: datetime | None
    transfer_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLook:
    """A counted look at the code of a request; ``look`` is None where it was used before."""

    request_id: str
    look: codes.Look | None


class Direction(StrEnum):
    """How points went, seen from the accounts that were asked for."""

    OUT = "out"
    IN = "in"
    WITHIN = "within"
    """Between two of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakup:
    """What one earning program gave, and what ``left`` there was afterwards.

    ``left`` is the balance of the account whose view this is: the sender's
    for ``out`` and ``within``, the recipient's for ``in``.
    """

    program_id: str
    points: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A transfer that was made; ``entry_id`` is the line in the history of the viewing side."""

    id: str
    entry_id: str
    direction: Direction
    points: int
    at: datetime
    sender: Side
    recipient: Side
    by_customer_id: str
    note: str | None
    program_id: str
    program_name: str
    breakup: tuple[Breakup, ...]

    @property
    def from_display(self) -> str:
        """The sender, masked."""
        return self.sender.display

    @property
    def to_display(self) -> str:
        """The recipient, masked."""
        return self.recipient.display


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferPage:
    """Transfers newest first."""

    transfers: tuple[Receipt, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """Someone who was sent points before."""

    recipient: Side
    last_at: datetime
    points: int
    """In all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What one giver sent to an account in all; ``by_customer_id`` did it."""

    giver: Side
    by_customer_id: str
    points: int
    transfers: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Someone who can be sent points, as another member may see them."""

    customer_id: str
    account_id: str
    display: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """What a counted look-up found; ask :meth:`require` after its unit has committed."""

    recipient: Recipient | None
    refusal: type[PortalError] | None = None

    def require(self) -> Recipient:
        """The recipient.

        Raises:
            RecipientCannotReceive: nobody, or nobody who can be sent points.
            SameAccount: it is the asker.
        """
        if self.recipient is None:
            assert self.refusal is not None
            raise self.refusal(field="recipient")
        return self.recipient
