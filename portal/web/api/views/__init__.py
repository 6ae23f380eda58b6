"""The views of the endpoint, by what they are about. Importing them declares their routes."""

from portal.web.api.views import (
    accounts,
    customers,
    events,
    households,
    orders,
    programs,
    redemptions,
    transfer_requests,
    transfers,
)

__all__ = [
    "accounts",
    "customers",
    "events",
    "households",
    "orders",
    "programs",
    "redemptions",
    "transfer_requests",
    "transfers",
]
