"""What rewards and vouchers refuse, each by its own name."""

from portal.errors import Conflict, InvalidInput, Kind, NotFound, PortalError


class RewardNotFound(NotFound):
    """There is no such reward."""

    code = "reward_not_found"
    sentence = "There is no such reward."


class InvalidReward(InvalidInput):
    """A reward file is wrong; ``fields`` names each field by its path."""

    code = "invalid_reward"
    sentence = "The reward file is not right."


class InvalidPicture(InvalidInput):
    """A picture that cannot be shown safely."""

    code = "invalid_picture"
    sentence = "The picture cannot be used."


class PictureNotFound(NotFound):
    """There is no such picture."""

    code = "picture_not_found"
    sentence = "There is no such picture."


class RewardProgramFixed(Conflict):
    """Vouchers of it were paid in the points of its program, so it stays there."""

    code = "reward_program_fixed"
    sentence = "A reward cannot change its program. Make a new reward instead."


class RewardNotOffered(PortalError):
    """It was taken out of the catalogue."""

    code = "reward_not_offered"
    sentence = "This reward is not offered any more."


class RewardNotYet(PortalError):
    """Its first day has not come; ``valid_from`` says which that is."""

    code = "reward_not_yet"
    sentence = "This reward is not offered yet."


class RewardOver(PortalError):
    """Its last day is past; ``valid_to`` says which that was."""

    code = "reward_over"
    sentence = "This reward is not offered any more."


class RewardPriceChanged(Conflict):
    """It costs something else than the member agreed to; ``price`` says how much."""

    code = "reward_price_changed"
    sentence = "The price of this reward has changed. Look at it again."


class RewardOutOfStock(PortalError):
    """All of them are taken; ``limit`` says how many there were."""

    code = "reward_out_of_stock"
    sentence = "This reward is out of stock."


class RewardLimitReached(PortalError):
    """The member has had as many as one member can; ``limit`` says how many."""

    code = "reward_limit_reached"
    sentence = "You have had this reward as often as one member can."


class RewardTierNeeded(PortalError):
    """It is for other tiers; ``tiers`` names them."""

    code = "reward_tier_needed"
    sentence = "This reward is for members of another tier."


class RewardNotInStore(PortalError):
    """It is not to be had in this store; ``stores`` says in which."""

    code = "reward_not_in_store"
    sentence = "This reward is not to be had in this store."


class RewardOtherProgram(InvalidInput):
    """The account belongs to another program; ``program`` is the reward's."""

    code = "reward_other_program"
    sentence = "This reward belongs to another program than the account."


class RewardFraud(PortalError):
    """Fraud was confirmed: nothing is spent."""

    code = "reward_fraud"
    legacy_code = 809
    sentence = "Points of this member cannot be spent. Ask the office."


class VoucherNotFound(NotFound):
    """There is no such voucher."""

    code = "voucher_not_found"
    sentence = "There is no voucher with this code. Check what was typed."


class VoucherCodeMalformed(NotFound):
    """No voucher's code is written like this."""

    code = "voucher_code_malformed"
    sentence = "This is not the code of a voucher: 16 letters and digits. Check what was typed."


class VoucherUsed(Conflict):
    """It was used before; ``used_at`` and ``store`` say when and where."""

    code = "voucher_used"
    sentence = "This voucher was used already."


class VoucherCancelled(Conflict):
    """Its holder took the points back; ``cancelled_at`` says when."""

    code = "voucher_cancelled"
    sentence = "This voucher was cancelled."


class VoucherLapsed(Conflict):
    """Its time is over; ``expires_at`` says since when."""

    code = "voucher_lapsed"
    sentence = "This voucher is not valid any more."


class VoucherOtherStore(PortalError):
    """It can be used in other stores; ``stores`` names them."""

    code = "voucher_other_store"
    kind = Kind.REFUSED
    sentence = "This voucher cannot be used in this store."


class VoucherNeedsStore(InvalidInput):
    """It can be used in some stores only, and none was named; ``stores`` names them."""

    code = "voucher_needs_store"
    sentence = "Say in which store: this voucher can be used in some only."


class VoucherOrderCurrency(InvalidInput):
    """The order is in another money than the voucher; ``currency`` is the voucher's."""

    code = "voucher_order_currency"
    sentence = "The order is in another currency than the voucher."


class VoucherNotCancellable(PortalError):
    """It was given away the moment it was issued."""

    code = "voucher_not_cancellable"
    sentence = "This cannot be cancelled: it was given away at once."
