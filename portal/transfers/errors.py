"""What transfers refuse, each by its own name.

To a member every fault of the recipient reads the same (:func:`for_member`);
staff and checkout see which it is (RULES, "Transferring").
"""

from collections.abc import Iterable

from portal.errors import Conflict, InvalidInput, NotFound, PortalError, TooMany


class TransfersOff(PortalError):
    """The program's points stay where they are."""

    code = "transfers_off"
    sentence = "Points of this program cannot be sent."


class NotAWholeUnit(InvalidInput):
    """More decimals than the program counts; ``decimals`` says how many those are."""

    code = "not_a_whole_unit"
    legacy_code = 801
    sentence = "Points of this program cannot be divided that far. Send a rounder number."


class NoteTooLong(InvalidInput):
    """A note that does not fit; ``limit`` says how many characters do."""

    code = "note_too_long"
    sentence = "The note is too long. Shorten it to 280 characters."


# -- limits


class TransferBelowMinimum(PortalError):
    """Fewer points than the program sends; ``limit`` is the least."""

    code = "transfer_below_minimum"
    legacy_code = 821
    sentence = "These are fewer points than can be sent at a time."


class TransferAboveMaximum(PortalError):
    """More points than the program sends at a time; ``limit`` is the most."""

    code = "transfer_above_maximum"
    legacy_code = 819
    sentence = "These are more points than can be sent at a time."


class TransferNotAMultiple(PortalError):
    """Not a multiple of the program's step, ``limit``."""

    code = "transfer_not_a_multiple"
    legacy_code = 807
    sentence = "Send a multiple of the program's step."


class TransferAboveDay(PortalError):
    """With what was sent today, more than ``limit``; ``available`` is left of it."""

    code = "transfer_above_daily_limit"
    legacy_code = 819
    sentence = "This is more than may be sent in a day."


class TransferAboveMonth(PortalError):
    """With what was sent this month, more than ``limit``; ``available`` is left of it."""

    code = "transfer_above_monthly_limit"
    legacy_code = 819
    sentence = "This is more than may be sent in a month."


class ContactChanged(PortalError):
    """A phone or e-mail was changed lately; nothing is sent before ``until``."""

    code = "contact_changed_lately"
    sentence = "The phone or e-mail was changed lately. Send points later."


# -- the sender


class SenderFault(PortalError):
    """Something about the sender stands against it. Each reason has a class of its own below."""

    code = "sender_cannot_send"
    sentence = "Points cannot be sent from this account."


class SenderNotFound(SenderFault):
    """Nobody is known by what the sender was named by."""

    code = "sender_not_found"
    legacy_code = 816
    sentence = "There is no such sender. Check how they are named."


class SenderNotEnrolled(SenderFault):
    """The sender has no account in the program."""

    code = "sender_not_enrolled"
    legacy_code = 881
    sentence = "The sender has not joined the program. Enrol them first."


class SenderMerged(SenderFault):
    """The sender became part of another; ``customer`` or ``account`` is the survivor."""

    code = "sender_merged"
    legacy_code = 419
    sentence = "The sender was merged into another one. Name that one."


class SenderClosed(SenderFault):
    """The sender's account, or household, is closed."""

    code = "sender_closed"
    sentence = "The account to send from is closed. Reopen it first."


class SenderFrozen(SenderFault):
    """Nothing leaves a frozen account."""

    code = "sender_frozen"
    sentence = "The account to send from is frozen. Unfreeze it first."


class SenderFraud(SenderFault):
    """Fraud was confirmed of the sender, or of whoever sends for a household."""

    code = "sender_fraud"
    legacy_code = 415
    sentence = "This member cannot send points. Ask the office."


class SenderUnknown(SenderFault):
    """It is not known who does it: a household, or an account of nobody, sends nothing itself."""

    code = "transferred_by_needed"
    sentence = "Say which member does it: name them as transferred_by."


class SenderNotAllowed(SenderFault):
    """Whoever does it may not send these points."""

    code = "transferred_by_not_allowed"
    sentence = "This member may not send these points. Ask the primary member of the household."


# -- the recipient


class RecipientFault(PortalError):
    """Something about the recipient stands against it. Each reason has a class of its own below."""

    code = "recipient_cannot_receive"
    sentence = "This person cannot receive points. Check whom you named, or choose someone else."


class RecipientCannotReceive(RecipientFault):
    """All that a member is told of any fault of the recipient."""

    sentence = "This person cannot receive points. Check whom you named, or choose someone else."


class RecipientNotFound(RecipientFault):
    """Nobody is known by what the recipient was named by."""

    code = "recipient_not_found"
    legacy_code = 816
    sentence = "There is no such recipient. Check how they are named."


class RecipientNotEnrolled(RecipientFault):
    """The recipient has no account in the program."""

    code = "recipient_not_enrolled"
    legacy_code = 881
    sentence = "The recipient has not joined the program. Enrol them first."


class RecipientMerged(RecipientFault):
    """The recipient became part of another; ``customer`` or ``account`` is the survivor."""

    code = "recipient_merged"
    legacy_code = 419
    sentence = "The recipient was merged into another one. Name that one."


class RecipientClosed(RecipientFault):
    """The recipient's account, or household, is closed."""

    code = "recipient_closed"
    sentence = "The recipient's account is closed. Reopen it first."


class RecipientFraud(RecipientFault):
    """Fraud was confirmed of the recipient, or of the household's primary member."""

    code = "recipient_fraud"
    legacy_code = 414
    sentence = "This recipient cannot receive points. Ask the office."


# -- requests and receipts


class TransferRequestNotFound(NotFound):
    """There is no such request of this session or client."""

    code = "transfer_request_not_found"
    sentence = "There is no such transfer to confirm. Begin it anew."


class TransferRequestExpired(PortalError):
    """Its time is over; ``expired_at`` says since when."""

    code = "transfer_request_expired"
    sentence = "This took too long. Nothing was sent; begin it anew."


class TransferRequestCancelled(PortalError):
    """It was called off, or replaced by a changed one."""

    code = "transfer_request_cancelled"
    sentence = "This transfer was cancelled. Nothing was sent; begin it anew."


class TransferRequestUsed(Conflict):
    """The points were sent; ``transfer`` is the receipt's id."""

    code = "transfer_request_used"
    sentence = "These points were sent already. See the receipt."


class CodeNotSent(PortalError):
    """There is no phone or e-mail that a code could go to."""

    code = "code_not_sent"
    legacy_code = 860
    sentence = "The code could not be sent: no phone or e-mail is known. Add one first."


class TransferNotFound(NotFound):
    """There is no such transfer of these accounts."""

    code = "transfer_not_found"
    sentence = "There is no such transfer."


class TooManyLookUps(TooMany):
    """Too many people were looked for; ``retry_after_seconds`` is among the facts."""

    code = "too_many_look_ups"
    sentence = "You have looked for many people. Wait a while before you look for another."


def for_member(reasons: Iterable[PortalError]) -> tuple[PortalError, ...]:
    """The same reasons as a member may read them: every fault of the recipient is one.

    Nothing of what stands against the recipient is left, not even how much
    does. And whoever may not send these points learns nothing else of them.
    """
    reasons = tuple(reasons)
    if strangers := [reason for reason in reasons if isinstance(reason, SenderNotAllowed)]:
        return tuple(strangers[:1])
    told: list[PortalError] = []
    for reason in reasons:
        if not isinstance(reason, RecipientFault):
            told.append(reason)
        elif not any(isinstance(known, RecipientCannotReceive) for known in told):
            told.append(RecipientCannotReceive(field="recipient"))
    return tuple(told)
