"""Why a member cannot have a reward now: one list of reasons, for pages before and for issuing."""

from dataclasses import dataclass
from datetime import datetime

from portal.errors import PortalError
from portal.ledger.errors import AccountClosed, AccountFrozen, AccountMerged, InsufficientPoints
from portal.ledger.models import AccountStatus
from portal.programs import Program
from portal.rewards.errors import (
    RewardFraud,
    RewardLimitReached,
    RewardNotInStore,
    RewardNotOffered,
    RewardNotYet,
    RewardOtherProgram,
    RewardOutOfStock,
    RewardOver,
    RewardTierNeeded,
)
from portal.rewards.values import Reward

FRAUD_CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who wants a reward: their account's state, their tier, and what they had of it."""

    account_id: str
    program_id: str
    status: str
    merged_into: str | None
    fraud_status: str | None
    tier: str | None
    mine: int


def reward_refusals(
    reward: Reward, program: Program, *, at: datetime, left: int | None, store: str | None
) -> list[PortalError]:
    """What stands against it for everyone."""
    found: list[PortalError] = []
    today = program.local_date(at)
    if not reward.active:
        found.append(RewardNotOffered(reward=reward.id))
    if reward.valid_from is not None and today < reward.valid_from:
        found.append(
            RewardNotYet(
                f"This reward is offered from {reward.valid_from.isoformat()} on.",
                valid_from=reward.valid_from.isoformat(),
            )
        )
    if reward.valid_to is not None and today > reward.valid_to:
        found.append(
            RewardOver(
                f"This reward was offered through {reward.valid_to.isoformat()}.",
                valid_to=reward.valid_to.isoformat(),
            )
        )
    if reward.stores and store is not None and store not in reward.stores:
        found.append(RewardNotInStore(stores=list(reward.stores)))
    if left is not None and left <= 0:
        found.append(RewardOutOfStock(limit=reward.stock))
    return found


def asker_refusals(reward: Reward, program: Program, asker: Asker) -> list[PortalError]:
    """What stands against this member having it, the balance aside."""
    found: list[PortalError] = []
    if asker.program_id != reward.program_id:
        return [RewardOtherProgram(program=reward.program_id)]
    match asker.status:
        case AccountStatus.MERGED:
            found.append(AccountMerged(account=asker.merged_into))
        case AccountStatus.CLOSED:
            found.append(AccountClosed(account=asker.account_id))
        case AccountStatus.FROZEN:
            found.append(AccountFrozen(account=asker.account_id))
    if asker.fraud_status == FRAUD_CONFIRMED:
        found.append(RewardFraud())
    if reward.tiers and asker.tier not in reward.tiers:
        names = [tier.name for tier in program.tiers if tier.id in reward.tiers]
        found.append(
            RewardTierNeeded(
                f"This reward is for members on {' or '.join(names or reward.tiers)}.",
                tiers=list(reward.tiers),
            )
        )
    if reward.per_member is not None and asker.mine >= reward.per_member:
        times = "once" if reward.per_member == 1 else f"{reward.per_member} times"
        found.append(
            RewardLimitReached(
                f"Each member can have this reward {times}.", limit=reward.per_member
            )
        )
    return found


def too_few_points(program: Program, *, balance: int, price: int) -> InsufficientPoints:
    """The refusal that says how many are missing."""
    available = max(balance, 0)
    missing = price - available
    return InsufficientPoints(
        f"{program.spoken_points(missing)} {'is' if missing == 1 else 'are'} missing "
        "for this reward.",
        available=available,
        requested=price,
        missing=missing,
    )
