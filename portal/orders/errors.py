"""Why a purchase is not taken."""

from portal.errors import Conflict, InvalidInput, NotFound, PortalError


class OrderAlreadyExists(Conflict):
    """The same receipt of the same store came before, saying something else."""

    code = "order_already_exists"
    sentence = "This receipt number was used in this store for a different purchase."


class OrderNotFound(NotFound):
    """There is no such order."""

    code = "order_not_found"
    legacy_code = 811
    sentence = "There is no such order."


class InvalidOrder(InvalidInput):
    """Something about the purchase cannot be right; ``field`` says what."""

    code = "invalid_order"
    sentence = "Some of what was said about this purchase is not right."


class TimeNotAllowed(InvalidInput):
    """Placed in the future, or longer ago than orders may be told."""

    code = "time_not_allowed"
    legacy_code = 859
    sentence = "An order may lie at most 90 days back, and 5 minutes ahead."


class InvalidEvent(InvalidInput):
    """Something about what happened cannot be right; ``field`` says what."""

    code = "invalid_event"
    sentence = "Some of what was said about this event is not right."


class EventAlreadyHappened(Conflict):
    """The same id was used before, for something else."""

    code = "event_already_happened"
    sentence = "This event id was used for something else."


class MoreThanBought(PortalError):
    """More would be refunded than the order was worth; ``available`` is what is left."""

    code = "more_than_bought"
    sentence = "An order can be refunded up to its value, all refunds together."
