"""The views of the endpoint, by what they are about. Importing them declares their routes."""

from portal.web.api.views import (
    accounts,
    customers,
    events,
    orders,
    programs,
    redemptions,
    rewards,
    vouchers,
)

__all__ = [
    "accounts",
    "customers",
    "events",
    "orders",
    "programs",
    "redemptions",
    "rewards",
    "vouchers",
]
