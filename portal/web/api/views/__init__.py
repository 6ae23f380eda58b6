"""The views of the endpoint, by what they are about. Importing them declares their routes."""

from portal.web.api.views import (
    accounts,
    customers,
    events,
    households,
    orders,
    programs,
    redemptions,
    rewards,
    transfer_requests,
    transfers,
    vouchers,
)

__all__ = [
    "accounts",
    "customers",
    "events",
    "households",
    "orders",
    "programs",
    "redemptions",
    "rewards",
    "transfer_requests",
    "transfers",
    "vouchers",
]
