"""What the messages about vouchers say. The web passes its own, translated."""

from portal.rewards.values import Text, VoucherView


def issued(voucher: VoucherView, last_day: str) -> Text:
    """The message about a new voucher. It does not say the code: whoever has that can use it."""
    return Text(
        subject=f"Your voucher: {voucher.reward_name}",
        body=f"Your voucher for {voucher.reward_name} is ready. It can be used through {last_day}. "
        "Sign in to show its code. If it was not you, cancel it there and tell us.",
    )


def given(voucher: VoucherView, last_day: str) -> Text:  # noqa: ARG001 - as the others
    """The message about a reward that was given away at once."""
    return Text(
        subject=f"Thank you: {voucher.reward_name}",
        body=f"Your points went to {voucher.reward_name}. Thank you. If it was not you, tell us.",
    )


def lapses_soon(voucher: VoucherView, last_day: str) -> Text:
    """The message about a voucher whose last day is near."""
    return Text(
        subject=f"Still to use: {voucher.reward_name}",
        body=f"Your voucher for {voucher.reward_name} can be used through {last_day}. "
        "Sign in to show its code.",
    )
