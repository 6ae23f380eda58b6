"""How answers about households are made."""

from collections.abc import Sequence

from portal.members.households import HouseholdMemberView, HouseholdView
from portal.web.api.answers import Content
from portal.web.api.wire import instant


def household(view: HouseholdView, accounts: Sequence[Content]) -> Content:
    """A household, those who belong to it, and its accounts."""
    return {
        "id": view.id,
        "external_id": view.external_id,
        "name": view.name,
        "status": view.status,
        "members": [_member(one) for one in view.members],
        "accounts": list(accounts),
        "created_at": instant(view.created_at),
        "closed_at": instant(view.closed_at),
    }


def _member(view: HouseholdMemberView) -> Content:
    return {
        "customer": view.customer_id,
        "first_name": view.first_name,
        "last_name": view.last_name,
        "status": view.status,
        "active": view.status == "active",
        "primary": view.is_primary,
        "default": view.is_default,
        "may_send": view.may_send,
        "invited_at": instant(view.invited_at),
        "joined_at": instant(view.joined_at),
    }
