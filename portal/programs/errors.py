"""Refusals of programs: their files, and the limits that they set."""

from portal.errors import Conflict, InvalidInput, NotFound, PortalError


class ProgramNotFound(NotFound):
    """No program has this id."""

    code = "program_not_found"
    legacy_code = 895
    sentence = "There is no such program. Check its id."


class NoDefaultProgram(NotFound):
    """No program was named, and none is the default."""

    code = "no_default_program"
    legacy_code = 895
    sentence = "Name the program: none is marked as the default."


class InvalidProgram(InvalidInput):
    """A program file is wrong; ``fields`` names each field by its path."""

    code = "invalid_program"
    sentence = "The program file is not right."


class UnitInUse(Conflict):
    """Currency and decimals say what every booked number means, so they stay."""

    code = "program_unit_in_use"
    sentence = (
        "The currency and decimals of a program that has accounts cannot change. "
        "Make a new program instead."
    )


class InvalidStore(InvalidInput):
    """A store or till code that cannot be kept."""

    code = "invalid_store"
    sentence = "A store or till code has 1 to 64 characters, without control characters."


class RedemptionOff(PortalError):
    """The program gives no redemptions."""

    code = "redemption_off"
    legacy_code = 827
    sentence = "Points of this program cannot be redeemed."


class RedemptionBelowMinimum(PortalError):
    """Fewer points than the program lets one redeem at a time."""

    code = "redemption_below_minimum"
    legacy_code = 821
    sentence = "These are fewer points than may be redeemed at a time."


class RedemptionAboveMaximum(PortalError):
    """More points than the program lets one redeem at a time."""

    code = "redemption_above_maximum"
    legacy_code = 819
    sentence = "These are more points than may be redeemed at a time."


class RedemptionNotAMultiple(PortalError):
    """Not a multiple of the program's step."""

    code = "redemption_not_a_multiple"
    legacy_code = 807
    sentence = "Redeem a multiple of the program's step."


class RedemptionAboveDay(PortalError):
    """With what was redeemed today, more than the program's limit for a day."""

    code = "redemption_above_daily_limit"
    legacy_code = 819
    sentence = "This is more than may be redeemed in a day."


class RedemptionAboveShare(PortalError):
    """More of the order than the program lets points pay."""

    code = "redemption_above_share_of_order"
    legacy_code = 819
    sentence = "Points may not pay that much of an order."


class NotEnoughCurrentPoints(PortalError):
    """The balance is below what the program asks before anything can be redeemed."""

    code = "not_enough_current_points"
    legacy_code = 804
    sentence = "The balance is below what the program asks before points can be redeemed."


class NotEnoughLifetimePoints(PortalError):
    """Too few points were ever earned."""

    code = "not_enough_lifetime_points"
    legacy_code = 805
    sentence = "Too few points were earned so far to redeem any."


class NotEnoughLifetimePurchases(PortalError):
    """Too little was ever bought."""

    code = "not_enough_lifetime_purchases"
    legacy_code = 806
    sentence = "Too little was bought so far to redeem points."


class NoRate(PortalError):
    """The program says nothing about what its points are worth in money."""

    code = "no_conversion_rate"
    legacy_code = 872
    sentence = "Points of this program have no value in money."
