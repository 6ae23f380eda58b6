"""What the book refuses, each by its own name."""

from portal.errors import Conflict, InvalidInput, Kind, NotFound, PortalError


class AccountNotFound(NotFound):
    """There is no such account."""

    code = "account_not_found"
    legacy_code = 881
    sentence = "There is no such account."


class AccountAlreadyExists(Conflict):
    """The holder has an active account in this program; ``account`` among the facts is its id."""

    code = "account_already_exists"
    sentence = "There is an active account of this customer in this program already."


class AccountClosed(PortalError):
    """A closed account takes no earning, spending or sending."""

    code = "account_closed"
    kind = Kind.REFUSED
    sentence = "This account is closed. Reopen it first."


class AccountFrozen(PortalError):
    """Nothing leaves a frozen account."""

    code = "account_frozen"
    sentence = "This account is frozen: nothing can be spent or sent from it."


class AccountMerged(PortalError):
    """The account became part of another; ``account`` among the facts is the survivor."""

    code = "account_merged"
    kind = Kind.CONFLICT
    legacy_code = 419
    sentence = "This account was merged into another one. Use that one."


class AccountStatusConflict(Conflict):
    """A status change that does not fit the account's present status."""

    code = "account_status_conflict"
    sentence = "The account is not in a state that allows this."


class InsufficientPoints(PortalError):
    """More was asked for than can be spent; ``available`` says how much can."""

    code = "insufficient_points"
    legacy_code = 804
    sentence = "There are not enough points in this account."


class InvalidPoints(InvalidInput):
    """An amount that no movement can have."""

    code = "invalid_points"
    legacy_code = 801
    sentence = "The number of points must be a whole number above zero."


class SameAccount(PortalError):
    """A transfer or merge needs two accounts."""

    code = "same_customer"
    legacy_code = 418
    sentence = "Sender and recipient are the same."


class ProgramsDiffer(PortalError):
    """Points never leave their program, so both accounts must be in one."""

    code = "programs_differ"
    sentence = "The two accounts belong to different programs."


class HoldsOpen(Conflict):
    """In-flight holds must be settled first; ``redemptions`` lists them."""

    code = "holds_open"
    sentence = "There are redemptions on hold. Capture or void them first."


class RedemptionNotFound(NotFound):
    """There is no such redemption."""

    code = "redemption_not_found"
    legacy_code = 902
    sentence = "There is no such redemption."


class RedemptionNotHeld(Conflict):
    """Only a held redemption can be captured or voided; ``status`` says what it is."""

    code = "redemption_not_held"
    sentence = "This redemption is not on hold."


class RedemptionHeld(Conflict):
    """A hold is voided, not reversed."""

    code = "redemption_held"
    sentence = "This redemption is on hold: void it instead of reversing it."


class RedemptionOfVoucher(Conflict):
    """Its points belong to a voucher, which says what becomes of them."""

    code = "redemption_of_voucher"
    sentence = "These points went for a voucher: use or cancel the voucher instead."


class AlreadyReversed(PortalError):
    """Nothing is left to take back."""

    code = "already_reversed"
    legacy_code = 812
    sentence = "All of it was taken back already."


class MoreThanRedeemed(PortalError):
    """More was to be taken back than there was; ``available`` says what remains."""

    code = "more_than_redeemed"
    legacy_code = 810
    sentence = "That is more than remains to be taken back."


class EntryNotFound(NotFound):
    """There is no such entry."""

    code = "entry_not_found"
    sentence = "There is no such line in the history."


class NotReversible(PortalError):
    """Expiries, moves and reversals are not taken back themselves."""

    code = "not_reversible"
    sentence = "This line cannot be reversed."


class NothingToRelease(NotFound):
    """No points wait for this trigger."""

    code = "nothing_to_release"
    sentence = "No points wait for this trigger."


class KeyReused(PortalError):
    """The same request key came with something else."""

    code = "idempotency_key_reused"
    kind = Kind.REFUSED
    sentence = "This key was used for a different request. Choose a new key for a new request."


class RequestInFlight(Conflict):
    """The first request with this key is still running."""

    code = "request_in_flight"
    sentence = "The first request with this key is still running. Try again with the same key."


class AnswerForgotten(Conflict):
    """Done long ago; the stored answer is gone, ``effect`` among the facts is what it made."""

    code = "answer_expired"
    sentence = "This request was done, but its answer is no longer kept."


class InvalidCursor(InvalidInput):
    """A cursor that this listing did not give out."""

    code = "invalid_cursor"
    sentence = "This cursor was not given out by this listing."
