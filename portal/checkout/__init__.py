"""What tills and web shops do: enrol, quote, order, redeem, hold, capture, void, refund."""

from portal.checkout.approving import Approval, CodeLook
from portal.checkout.completing import capture_order, void_order
from portal.checkout.enrolling import Enrolled, Person, enrol, live_customer
from portal.checkout.finding import find_order, refunds_of
from portal.checkout.naming import Naming, account_id
from portal.checkout.placing import place
from portal.checkout.queries import accounts, customer_events
from portal.checkout.quotes import look, quote
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
from portal.checkout.refunds import refund
from portal.checkout.sending import CodeSending
from portal.checkout.values import (
    Basket,
    Gain,
    Holder,
    OrderState,
    OrderStatus,
    OrderWish,
    Placed,
    Quote,
    Redeem,
    Refund,
    RefundPart,
    RefundWish,
    Reward,
    Source,
    Split,
    Warning,
)
from portal.checkout.vouchers import (
    VoucherWish,
    issue_voucher,
    look_voucher_code,
    offer_to,
    offers_to,
    send_voucher_code,
    tells_code,
)
from portal.programs.earning import Line

__all__ = [
    "Approval",
    "Basket",
    "CodeLook",
    "CodeSending",
    "Enrolled",
    "Gain",
    "Holder",
    "Line",
    "Naming",
    "OrderInHand",
    "OrderState",
    "OrderStatus",
    "OrderWish",
    "Person",
    "Placed",
    "Quote",
    "Redeem",
    "Redeemed",
    "Refund",
    "RefundPart",
    "RefundWish",
    "Reward",
    "Source",
    "Split",
    "VoucherWish",
    "Warning",
    "Wish",
    "account_id",
    "accounts",
    "capture",
    "capture_order",
    "customer_events",
    "enrol",
    "find_order",
    "issue_voucher",
    "live_customer",
    "look",
    "look_voucher_code",
    "offer_to",
    "offers_to",
    "place",
    "quote",
    "redeem",
    "refund",
    "refunds_of",
    "require_unit",
    "reverse",
    "send_voucher_code",
    "tells_code",
    "void",
    "void_order",
]
