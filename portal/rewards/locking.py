"""The lock that comes first: of the account, with what must be known of its holder.

Locks are taken in one order: the account, the reward, the voucher. Whoever
holds the account's lock decides about its vouchers, so a voucher cannot be
used and cancelled at once; whoever holds the reward's decides about its stock.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from portal.ledger.errors import AccountNotFound
from portal.ledger.models import Account
from portal.members.models import Customer, HouseholdMember

# Those who head a household stand for it.
_PRIMARY = (
    select(HouseholdMember.customer_id)
    .where(HouseholdMember.household_id == Account.household_id, HouseholdMember.is_primary)
    .scalar_subquery()
)
_LOCK = (
    select(
        Account.id,
        Account.program_id,
        Account.customer_id,
        Account.status,
        Account.merged_into,
        Customer.fraud_status,
    )
    .outerjoin(Customer, Customer.id == func.coalesce(Account.customer_id, _PRIMARY))
    .where(Account.id.in_(bindparam("ids", expanding=True)))
    .order_by(Account.id)
    .with_for_update(of=Account, key_share=True)
)


def lock_accounts(session: Session, ids: Collection[str]) -> dict[str, Any]:
    """These accounts by id, locked in the order of their ids, with their holders' fraud status.

    Raises:
        AccountNotFound: one of them does not exist.
    """
    found = {row.id: row for row in session.connection().execute(_LOCK, {"ids": sorted(ids)})}
    for account_id in ids:
        if account_id not in found:
            raise AccountNotFound(account=account_id)
    return found
