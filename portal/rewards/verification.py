"""Whether vouchers and the book agree."""

from sqlalchemy.orm import Session

from portal.ledger import Difference


def verify(session: Session) -> list[Difference]:
    """Compare each voucher with its redemption, and each reward's stock with its vouchers."""
    raise NotImplementedError
