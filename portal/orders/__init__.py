"""What was bought: each purchase recorded once, earning once."""

from portal.orders import tiers
from portal.orders.booking import Prepared
from portal.orders.contributing import contributions
from portal.orders.happening import REFERRAL, Happened, Rewarded, happen
from portal.orders.purchased import refund, verify
from portal.orders.purchases import Outcome, Purchase, Recorded
from portal.orders.queries import Earning, EarningPart, OrderView, find
from portal.orders.service import BATCH_MAX, conclude, prepare, record, resume
from portal.orders.uses import used
from portal.programs.earning import Line

__all__ = [
    "BATCH_MAX",
    "REFERRAL",
    "Earning",
    "EarningPart",
    "Happened",
    "Line",
    "OrderView",
    "Outcome",
    "Prepared",
    "Purchase",
    "Recorded",
    "Rewarded",
    "conclude",
    "contributions",
    "find",
    "happen",
    "prepare",
    "record",
    "refund",
    "resume",
    "tiers",
    "used",
    "verify",
]
