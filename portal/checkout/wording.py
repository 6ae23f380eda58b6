"""What the message with a one-time code for the till says."""

from dataclasses import dataclass

from portal.programs import Money, Program
from portal.programs.money import spoken
from portal.rewards import Reward


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A message's words; the subject is for e-mail."""

    subject: str
    body: str


def code_text(
    code: str, *, program: Program | None, points: int | None, value: int | None, order: Money
) -> Text:
    """The message with a code that lets points pay for an order; it says how many at most."""
    if points is not None and program is not None:
        most = program.spoken_points(points)
        if value:
            most += f" ({spoken(Money(value, order.currency))})"
    else:
        most = f"points worth {spoken(Money(value or 0, order.currency))}"
    return Text(
        subject="Your code to pay with points",
        body=f"{code} is your code to pay with up to {most} "
        f"of an order of {spoken(order)}. It works once, for five minutes. "
        "If you are not at the till or in the shop, tell it to nobody.",
    )


def voucher_code_text(code: str, *, program: Program, reward: Reward) -> Text:
    """The message with a code that lets points be turned into a voucher; it says which."""
    return Text(
        subject="Your code for a reward",
        body=f"{code} is your code to get “{reward.name}” for "
        f"{program.spoken_points(reward.price)}. It works once, for five minutes. "
        "If you are not at the till or in the shop, tell it to nobody.",
    )
