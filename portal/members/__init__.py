"""Who holds points: customers, what they are known by, how they joined."""

from portal.members import bulk, cards, display, identifiers
from portal.members.customers import (
    UNCHANGED,
    CustomerView,
    IdentifierView,
    NewIdentifier,
    amend_customer,
    create_customer,
    customer,
    customers,
    find_customer,
    find_customer_id,
    mark_verified,
)
from portal.members.enrolment import Channel, account_for, enrol
from portal.members.identifiers import IdentifierType
from portal.members.resolving import Reference, Resolved, resolve

__all__ = [
    "UNCHANGED",
    "Channel",
    "CustomerView",
    "IdentifierType",
    "IdentifierView",
    "NewIdentifier",
    "Reference",
    "Resolved",
    "account_for",
    "amend_customer",
    "bulk",
    "cards",
    "create_customer",
    "customer",
    "customers",
    "display",
    "enrol",
    "find_customer",
    "find_customer_id",
    "identifiers",
    "mark_verified",
    "resolve",
]
