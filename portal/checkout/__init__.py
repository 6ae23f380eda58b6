"""What tills and web shops do: enrol, redeem, hold, capture, void, reverse."""

from portal.checkout.enrolling import Enrolled, Person, enrol, live_customer
from portal.checkout.naming import Naming, account_id
from portal.checkout.queries import accounts, customer_events
from portal.checkout.redemptions import (
    OrderInHand,
    Redeemed,
    Wish,
    capture,
    redeem,
    require_unit,
    reverse,
    void,
)

__all__ = [
    "Enrolled",
    "Naming",
    "OrderInHand",
    "Person",
    "Redeemed",
    "Wish",
    "account_id",
    "accounts",
    "capture",
    "customer_events",
    "enrol",
    "live_customer",
    "redeem",
    "require_unit",
    "reverse",
    "void",
]
