"""A program, its members, and purchases of theirs."""

from datetime import timedelta

import pytest

from portal import ledger, members, orders, orm, programs
from portal.ledger.verification import verify

CORNER = {
    "id": "corner",
    "name": "Corner Points",
    "currency": "PTS",
    "timezone": "Europe/Lisbon",
    "auto_enrol": True,
    "earning": [{"id": "base", "kind": "spend", "currency": "EUR", "per": 100, "points": 1}],
}
TIERS = [
    {"id": "silver", "name": "Silver", "from": 100, "multiplier": "1.2"},
    {"id": "gold", "name": "Gold", "from": 1000, "multiplier": "1.5"},
]


class Shop:
    """A till that knows one program, and looks into its members' accounts."""

    BASE = CORNER["earning"][0]
    TIERS = TIERS

    def __init__(self, session, at):
        self.session, self.at = session, at
        self.program = None

    def apply(self, *rules, **changes):
        earning = [*CORNER["earning"], *rules]
        document = CORNER | {"earning": earning} | changes
        with orm.writing(self.session):
            self.program = programs.apply(
                self.session, document=document, actor="command", at=self.at
            ).program
        return self.program

    def join(self, name, **more):
        with orm.writing(self.session):
            person = members.create_customer(
                self.session,
                identifiers=[members.NewIdentifier(type="external_id", value=name)],
                at=self.at,
                **more,
            )
            return members.enrol(
                self.session,
                program=self.program,
                customer_id=person.id,
                channel=members.Channel.STAFF,
                actor="staff:ana",
                at=self.at,
            )

    def purchase(self, number, value, who="C1", **more):
        more.setdefault("placed_at", self.at)
        return orders.Purchase(
            number=str(number),
            value=value,
            currency=more.pop("currency", "EUR"),
            store=more.pop("store", "lisbon"),
            customer_external_id=who,
            **more,
        )

    def buy(self, number, value, who="C1", **more):
        (done,) = self.record(self.purchase(number, value, who, **more))
        assert done.error is None, done.error
        return done

    def record(self, *purchases, **more):
        with orm.writing(self.session):
            return orders.record(
                self.session,
                purchases=purchases,
                program=self.program,
                actor="key:till",
                at=self.at,
                **more,
            )

    def account(self, who="C1"):
        owner = members.find_customer(self.session, type="external_id", value=who)
        return owner and members.account_for(
            self.session, customer_id=owner.id, program=self.program
        )

    def standing(self, who="C1", at=None):
        return orders.tiers.of(
            self.session,
            account_id=self.account(who).id,
            program=self.program,
            at=at or self.at,
        )

    def tier(self, who="C1", at=None):
        tier = self.standing(who, at).tier
        return tier and tier.id

    def refund(self, done, value=None):
        """What a refund does at least: take back, count less, look at the tier."""
        order = orders.find(self.session, done.order_id)
        value = order.value if value is None else value
        with orm.writing(self.session):
            less = orders.refund(self.session, order_id=order.id, value=value)
            page = ledger.history(
                self.session, account_id=done.account_id, at=self.at, types=["earn"], limit=100
            )
            entry = next(
                line.entry
                for line in page.lines
                if line.event.order and line.event.order.id == order.id
            )
            points = entry.amount * value // order.value
            ledger.reverse(
                self.session,
                entry_id=entry.id,
                points=points,
                purchase_value=less,
                facts=ledger.Facts(name=ledger.EventName.RETURN_BILL, actor="key:till"),
                at=self.at,
            )
            return orders.tiers.note(
                self.session,
                program=self.program,
                account_ids=[done.account_id],
                actor="key:till",
                at=self.at,
            )

    def later(self, **delta):
        self.at += timedelta(**delta)

    def whole(self):
        return verify(self.session) == [] and orders.verify(self.session) == []


@pytest.fixture
def shop(session, at):
    return Shop(session, at)
