"""Two accounts become one: what must be settled first, and then the book's own merge."""

from datetime import datetime

from sqlalchemy.orm import Session

from portal import ledger, transfers
from portal.errors import Conflict, PortalError
from portal.ledger import Facts, Posted


class TransfersPending(Conflict):
    """Transfers that wait for their code must be settled first; ``transfers`` lists them."""

    code = "transfers_pending"
    sentence = "There are transfers that wait for their code. Let them be confirmed or cancelled."


class HoldersDiffer(PortalError):
    """A household's points are not a person's, and a person's are not a household's."""

    code = "holders_differ"
    sentence = (
        "A household's account merges with a household's only, and a person's with a person's. "
        "Points are sent from one to the other instead."
    )


def merge_accounts(
    session: Session, *, source_id: str, target_id: str, facts: Facts, at: datetime
) -> Posted:
    """The target takes over all that the source holds; the source is empty, for good.

    A transfer that is asked for while this runs finds the source merged, and is
    refused. Rule: RULES, "Merge".

    Raises:
        HoldersDiffer: one is a household's and the other is not; nobody's
            counts as a person's, whom it will have.
        TransfersPending: from or to the source, with the ids of their requests.
        HoldsOpen, SameAccount, ProgramsDiffer, AccountClosed, AccountMerged, AccountNotFound.
    """
    # Whether an account is a household's never changes, so this needs no lock.
    source, target = (ledger.find_account(session, id) for id in (source_id, target_id))
    if (source.household_id is None) != (target.household_id is None):
        raise HoldersDiffer(account=target.id)
    waiting = transfers.pending(session, source_id, at=at)
    if waiting:
        raise TransfersPending(transfers=[request.id for request in waiting])
    return ledger.merge(session, source_id=source_id, target_id=target_id, facts=facts, at=at)
