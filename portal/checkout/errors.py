"""What checkout refuses, each by its own name."""

from portal.errors import Conflict, Forbidden, InvalidInput, PortalError


class WrongUnit(InvalidInput):
    """Another unit than the account's; nothing moves (000)."""

    code = "wrong_unit"
    sentence = "The account holds another unit."


class WrongOrderCurrency(InvalidInput):
    """The order is in another money than the program's points are worth."""

    code = "wrong_order_currency"
    sentence = "The points of this program pay in another currency."


class AboveOrderValue(PortalError):
    """The points are worth more than the order; ``limit`` says how much that is."""

    code = "above_order_value"
    sentence = "That is worth more than the order."


class WorthNothing(InvalidInput):
    """Too few points to pay the smallest coin; ``limit`` is how many that takes."""

    code = "worth_nothing"
    legacy_code = 801
    sentence = "These are too few points to be worth anything."


class HoldTooLong(InvalidInput):
    """A longer hold than the program allows; ``limit`` is its most, in minutes."""

    code = "hold_too_long"
    sentence = "The program holds points for a shorter time."


class RedeemerFraud(PortalError):
    """Fraud was confirmed: nothing is spent."""

    code = "redeemer_fraud"
    legacy_code = 809
    sentence = "Points of this member cannot be redeemed. Ask the office."


class ApprovalNeeded(PortalError):
    """The member's consent is needed; ``approval`` says in which form."""

    code = "approval_needed"
    legacy_code = 824
    sentence = "The member has to approve this: send their code."


class WrongApproval(PortalError):
    """The code is not one that was given out for this."""

    code = "wrong_approval"
    legacy_code = 808
    sentence = "This code is not right, or no longer valid. Ask for a new one."


class OtherMembersCode(WrongApproval):
    """The rotating code is a member's, and the points are another's."""

    code = "other_members_code"
    sentence = "This member code is someone else's. Scan the code of whose points these are."


class QuoteNotFound(InvalidInput):
    """There is no such quote for this account."""

    code = "quote_not_found"
    sentence = "There is no such quote. Ask for a new one, or leave it out."


class ReversalOff(PortalError):
    """The program takes no redemption back."""

    code = "reversal_off"
    legacy_code = 905
    sentence = "Redemptions of this program cannot be reversed."


class OtherCustomers(PortalError):
    """The identifier is not that of the redemption's customer."""

    code = "other_customers_redemption"
    legacy_code = 904
    sentence = "This redemption is another customer's."


class OtherStore(Forbidden):
    """Whoever asks speaks for one store only; ``store`` among the facts is which."""

    code = "other_store"
    sentence = "This key speaks for another store."


class QuoteExpired(PortalError):
    """Its time is over; ``expired_at`` says since when."""

    code = "quote_expired"
    sentence = "This quote is no longer valid. Ask for a new one."


class QuoteUsed(Conflict):
    """A quote serves once; ``used_for`` is the order or redemption it served."""

    code = "quote_used"
    sentence = "This quote was used already. Ask for a new one."


class QuoteDiffers(PortalError):
    """The quote was for another holder, another value or another currency."""

    code = "quote_differs"
    sentence = "The quote was for something else. Ask for one for this."


class AboveQuote(PortalError):
    """More points than the quote said; ``limit`` is how many those were."""

    code = "above_quote"
    legacy_code = 819
    sentence = "These are more points than the quote allows."


class InvalidRedemption(InvalidInput):
    """What is to be redeemed contradicts itself."""

    code = "invalid_redemption"
    legacy_code = 901
    sentence = "Say either points or value, and name each account once."


class HolderNeeded(InvalidInput):
    """An anonymous order neither redeems nor brings rewards."""

    code = "holder_needed"
    legacy_code = 881
    sentence = "Say whose points these are: name the account or the customer."


class ByValueOnly(InvalidInput):
    """A customer as a whole may hold several units, so points would be of none."""

    code = "by_value_only"
    sentence = "Name the program, or say the value: points of which program is not clear."


class OtherHolder(PortalError):
    """The named account is not the holder's."""

    code = "other_holders_account"
    legacy_code = 904
    sentence = "This account belongs to someone else."


class InsufficientValue(PortalError):
    """All that a customer holds does not pay that much; ``available`` is what it can."""

    code = "insufficient_value"
    legacy_code = 804
    sentence = "All points together are not worth that much here."


class InvalidSplits(InvalidInput):
    """The parts of a payment are more than the order; ``limit`` is what it is worth."""

    code = "invalid_splits"
    sentence = "The parts add up to more than the order."


class RewardAbovePart(InvalidInput):
    """A credit is worth more than the part of the payment that brings it (004)."""

    code = "reward_above_part"
    sentence = "A reward cannot be worth more than its part of the payment."


class RewardDatePast(InvalidInput):
    """A credit that would be gone before it came."""

    code = "reward_date_past"
    sentence = "The date until which a reward can be used is past."


class OrderNotHeld(Conflict):
    """Only an order on hold is captured or voided; ``status`` says what it is."""

    code = "order_not_held"
    sentence = "This order is not on hold."


class OrderHeld(Conflict):
    """An order on hold is voided, not refunded."""

    code = "order_held"
    sentence = "This order is on hold: void it instead of refunding it."


class OrderVoided(Conflict):
    """Nothing of a voided order is left to refund."""

    code = "order_voided"
    sentence = "This order was voided: there is nothing to refund."
