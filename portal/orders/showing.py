"""What a member's page asks about the person: their card and their place on the ladder."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal.ledger import Position
from portal.members.models import Identifier
from portal.orders import tiers
from portal.orders.tiers import Standing
from portal.programs.program import Program
from portal.programs.tiers import tier_points

_CARD = (
    select(Identifier.value)
    .where(
        Identifier.customer_id == bindparam("customer_id"),
        Identifier.type == "card_number",
    )
    .order_by(Identifier.created_at, Identifier.value)
    .limit(1)
    .scalar_subquery()
    .label("card_number")
)
_BOTH = {basis: row.add_columns(_CARD) for basis, row in tiers.STANDING.items()}


def card_and_standing(
    session: Session,
    *,
    customer_id: str,
    program: Program,
    position: Position,
    lineage: Sequence[str],
    at: datetime,
) -> tuple[str | None, Standing]:
    """A person's oldest card number, if any, and where their account stands. One statement.

    Args:
        position: of the account, at ``at``.
        lineage: the account and all that were merged into it, ever.
    """
    account_id = position.account.id
    asked = tiers.standing_parameters(program, account_id=account_id, lineage=lineage, at=at)
    row = session.execute(_BOTH[program.tier_basis], {**asked, "customer_id": customer_id}).one()
    standing = tiers.standing(
        row,
        program=program,
        account_id=account_id,
        lifetime_points=tier_points(position.lifetime, position.account.taken_back),
    )
    return row.card_number, standing
