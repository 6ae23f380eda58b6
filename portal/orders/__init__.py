"""What was bought: each purchase recorded once, earning once."""

from portal.orders.purchases import Outcome, Purchase, Recorded
from portal.orders.queries import OrderView, find
from portal.orders.service import BATCH_MAX, record

__all__ = ["BATCH_MAX", "OrderView", "Outcome", "Purchase", "Recorded", "find", "record"]
