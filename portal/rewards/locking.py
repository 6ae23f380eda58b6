"""The lock that comes first: of the account, with what must be known of its holder.

Locks are taken in one order: the account, the reward, the voucher. Whoever
holds the account's lock decides about its vouchers, so a voucher cannot be
used and cancelled at once; whoever holds the reward's decides about its stock.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal.ledger.errors import AccountNotFound
from portal.ledger.models import Account
from portal.members.models import Customer

_LOCK = (
    select(
        Account.id,
        Account.program_id,
        Account.customer_id,
        Account.status,
        Account.merged_into,
        Customer.fraud_status,
    )
    .outerjoin(Customer, Customer.id == Account.customer_id)
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
