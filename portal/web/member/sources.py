"""Where a member may send from, and what a page may say of an account that is not theirs."""

from collections.abc import Sequence
from dataclasses import dataclass

from portal import ledger, members
from portal.ledger import AccountStatus, AccountView
from portal.ledger.errors import AccountNotFound
from portal.members import display, households
from portal.members.errors import CustomerNotFound, HouseholdNotFound
from portal.members.households import Purse
from portal.web.extensions import db
from portal.web.formatting import points
from portal.web.locale import gettext as _
from portal.web.member.holdings import Chosen


@dataclass(frozen=True, slots=True)
class Source:
    """A purse to send from. ``value`` is what a form calls it: the household's id, or empty."""

    value: str
    name: str
    has: str
    account_id: str


def of(chosen: Chosen, purses: Sequence[Purse], *, wanted: str | None = None) -> list[Source]:
    """The member's own account first, then the households that they may send from.

    Args:
        purses: of all households that they are in.
        wanted: the household that they came for, which is told even if it is empty.
    """
    program = chosen.program
    own = Source(
        value="",
        name=_("Your own"),
        has=points(chosen.account.balance, program),
        account_id=chosen.account.id,
    )
    return [
        own,
        *(
            Source(
                value=one.household_id,
                name=one.name,
                has=points(one.account.balance, program),
                account_id=one.account.id,
            )
            for one in purses
            if one.may_send
            and one.account.program_id == program.id
            and (one.account.balance > 0 or one.household_id == wanted)
            and one.account.status in (AccountStatus.ACTIVE, AccountStatus.FROZEN)
        ),
    ]


def seen(account_id: str) -> str:
    """Whose account it is, as another member may see it: masked."""
    session = db.session()
    try:
        account: AccountView = ledger.find_account(session, account_id)
        if account.customer_id is not None:
            return display.display(members.customer(session, account.customer_id))
        if account.household_id is not None:
            return display.masked_name(
                households.household(session, account.household_id).name, None
            )
    except (AccountNotFound, CustomerNotFound, HouseholdNotFound):
        pass
    return display.NOBODY
