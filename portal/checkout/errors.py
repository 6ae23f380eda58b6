"""What checkout refuses, each by its own name."""

from portal.errors import Forbidden, InvalidInput, PortalError


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
