"""Rewards worth wanting: the catalogue, and vouchers that are honoured once."""

from portal.rewards import codes, wording
from portal.rewards.issuing import issue
from portal.rewards.noticing import remind
from portal.rewards.queries import (
    Tally,
    catalogue,
    document,
    offer,
    picture,
    reward,
    rewards,
    tally,
)
from portal.rewards.service import Applied, ReadPicture, apply
from portal.rewards.stock import write_down_lapses
from portal.rewards.using import cancel, use
from portal.rewards.values import (
    Fitting,
    FittingReward,
    FittingVoucher,
    Kind,
    Offer,
    OnLapse,
    OnOrder,
    PictureView,
    Reward,
    Text,
    Used,
    VoucherPage,
    VoucherStatus,
    VoucherView,
    Wording,
    Worth,
)
from portal.rewards.verification import verify
from portal.rewards.wallet import (
    fitting,
    of_entries,
    voucher,
    voucher_by_id,
    vouchers_of,
)

__all__ = [
    "Applied",
    "Fitting",
    "FittingReward",
    "FittingVoucher",
    "Kind",
    "Offer",
    "OnLapse",
    "OnOrder",
    "PictureView",
    "ReadPicture",
    "Reward",
    "Tally",
    "Text",
    "Used",
    "VoucherPage",
    "VoucherStatus",
    "VoucherView",
    "Wording",
    "Worth",
    "apply",
    "cancel",
    "catalogue",
    "codes",
    "document",
    "fitting",
    "issue",
    "of_entries",
    "offer",
    "picture",
    "remind",
    "reward",
    "rewards",
    "tally",
    "use",
    "verify",
    "voucher",
    "voucher_by_id",
    "vouchers_of",
    "wording",
    "write_down_lapses",
]
