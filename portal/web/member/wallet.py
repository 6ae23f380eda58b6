"""What a member has to spend, and on which tier: what every page of rewards begins with."""

from dataclasses import dataclass
from datetime import datetime

from portal.ledger import Position
from portal.ledger.queries import position_of
from portal.orders.showing import card_and_standing
from portal.programs import Program
from portal.programs.program import Tier
from portal.rewards.errors import RewardNotFound
from portal.web.auth import member
from portal.web.extensions import db
from portal.web.member import holdings
from portal.web.member.holdings import Chosen


@dataclass(frozen=True, slots=True)
class Wallet:
    """A member's account as rewards see it. ``card_number``: their oldest card's, if any."""

    chosen: Chosen
    position: Position
    tier: Tier | None
    card_number: str | None

    @property
    def program(self) -> Program:
        """In whose points."""
        return self.chosen.program

    @property
    def balance(self) -> int:
        """What can be spent."""
        return max(0, self.position.balance)

    @property
    def tier_id(self) -> str | None:
        """As rewards name it."""
        return self.tier.id if self.tier else None


def open_wallet(chosen: Chosen, at: datetime) -> Wallet:
    """The wallet of the account that a page is about. Two statements, or a few more where
    something is due."""
    session = db.session()
    position = position_of(session, account=chosen.account, at=at)
    card_number, standing = card_and_standing(
        session,
        customer_id=member().customer_id,
        program=chosen.program,
        position=position,
        lineage=chosen.lineage,
        at=at,
    )
    return Wallet(chosen, position, standing.tier, card_number)


def wallet_for(program_id: str, at: datetime) -> Wallet:
    """The wallet in the program of a reward.

    Raises:
        RewardNotFound: the member is not in that program, so that none of its rewards are theirs
            to see.
    """
    chosen = holdings.choose(of=program_id)
    if chosen is None:
        raise RewardNotFound()
    return open_wallet(chosen, at)
