"""Purchases on their way through a batch."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from portal.errors import PortalError
from portal.ledger.models import AccountStatus
from portal.ledger.values import AccountView
from portal.orders.purchases import Outcome, Purchase, Recorded
from portal.programs.earning import Earned
from portal.programs.program import Program


@dataclass(slots=True)
class Row:
    """A purchase, and what is found out and decided about it step by step."""

    purchase: Purchase
    fingerprint: bytes = b""
    earns: bool = True
    held: bool = False
    """It is only recorded for now."""
    error: PortalError | None = None
    order_id: str | None = None
    already: bool = False
    twin: "Row | None" = None
    """An earlier one of this batch with the same receipt."""
    customer_id: str | None = None
    account_id: str | None = None
    joined_as: str | None = None
    """The account that its buyer got by it."""
    closed: bool = False
    earned: Earned | None = None
    contents: dict[str, Any] | None = None
    """What its order's row keeps of it."""
    event_id: str | None = None

    @property
    def enrolled(self) -> bool:
        """Whether its buyer joined by it."""
        return self.joined_as is not None

    @property
    def fresh(self) -> bool:
        """Whether it is to be recorded now."""
        return self.error is None and not self.already and self.twin is None

    @property
    def receipt(self) -> tuple[str | None, str]:
        """What it is known by."""
        return self.purchase.store, self.purchase.number

    @property
    def named(self) -> bool:
        """Whether it says who bought."""
        return bool(
            self.purchase.customer_id or self.purchase.customer_external_id or self.account_id
        )

    @property
    def qualifies(self) -> bool:
        """Whether it may enrol its buyer, and earn."""
        return self.named and self.purchase.value > 0

    @property
    def booked(self) -> bool:
        """Whether the ledger is to hear of it."""
        return self.account_id is not None and self.qualifies and not self.closed and not self.held

    def of(self, account: AccountView) -> None:
        """Say whose it is."""
        self.account_id = account.id
        # A household's account is nobody's in person: the buyer stays who it is.
        self.customer_id = account.customer_id or self.customer_id
        self.closed = account.status == AccountStatus.CLOSED

    def counted(self, program: Program) -> int:
        """What it adds to lifetime purchases."""
        return self.purchase.value if self.booked and self.purchase.currency == program.money else 0

    def warnings(self) -> tuple[str, ...]:
        """Why someone who was named earns nothing."""
        if not self.fresh or not self.qualifies:
            return ()
        if self.closed:
            return ("account_closed",)
        return () if self.account_id else ("not_enrolled",)

    def told(self) -> Recorded:
        """What became of it."""
        if self.twin is not None:
            self.error = self.twin.error
            self.order_id, self.customer_id = self.twin.order_id, self.twin.customer_id
            self.already = True
        if self.error is not None:
            return Recorded(purchase=self.purchase, outcome=Outcome.REFUSED, error=self.error)
        points = self.earned.points if self.earned else 0
        return Recorded(
            purchase=self.purchase,
            outcome=Outcome.ALREADY if self.already else Outcome.RECORDED,
            order_id=self.order_id,
            customer_id=self.customer_id,
            account_id=self.account_id,
            points=points,
            promised=bool(points and self.earned and self.earned.promised),
            enrolled=self.enrolled,
            earned=self.earned,
            event_id=self.event_id,
            warnings=self.warnings(),
        )


def by_date(rows: Iterable[Row]) -> list[Row]:
    """The order in which what customers bought is booked."""
    return sorted(rows, key=lambda row: row.purchase.placed_at)
