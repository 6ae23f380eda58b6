"""Two programs, a customer in each, and the till's verbs as a test reads best."""

import json
from datetime import timedelta

import pytest

from portal import checkout, ledger, members, orders, orm, outbox, programs
from portal.checkout import Approval, Basket, Holder, OrderWish, RefundWish
from portal.ledger import EventName, Facts
from portal.members import NewIdentifier, Reference
from portal.outbox.models import Message

PEPPER = b"p" * 32
CORNER = {
    "id": "corner",
    "name": "Corner Points",
    "currency": "PTS",
    "timezone": "Europe/Lisbon",
    "default": True,
    "auto_enrol": True,
    "rate": {"points": 100, "value": 100, "currency": "EUR"},
    "earning": [{"id": "base", "kind": "spend", "currency": "EUR", "per": 100, "points": 1}],
    "redemption": {"approval": "none"},
}
CREDITS = {
    "id": "credits",
    "name": "Shop Credits",
    "currency": "EUR",
    "decimals": 2,
    "timezone": "Europe/Lisbon",
    "auto_enrol": True,
    "redemption": {"approval": "none"},
}


class Shop:
    """A till and its office: each verb in a transaction of its own."""

    def __init__(self, session, at):
        self.session, self.at = session, at
        self.cipher = outbox.Cipher(b"k" * 32)
        self.numbers = 0

    # -- naming

    @staticmethod
    def by_account(account_id):
        return Holder(reference=Reference(account=account_id))

    @staticmethod
    def by_customer(customer_id, program=None):
        return Holder(reference=Reference(customer=customer_id), program=program)

    @staticmethod
    def by(type, value, program=None):
        return Holder(reference=Reference(type=type, value=value), program=program)

    # -- the office

    def credits(self, **changes):
        """A program whose unit is the order's own money (000, 004)."""
        return self.apply(CREDITS, **changes)

    def corner(self, redemption=None, **changes):
        """The program in another version."""
        limits = {"approval": "none"} | (redemption or {})
        return self.apply(CORNER, redemption=limits, **changes)

    def apply(self, document, **changes):
        with orm.writing(self.session):
            return programs.apply(
                self.session, document=document | changes, actor="command", at=self.at
            ).program

    def customer(self, **identifiers):
        with orm.writing(self.session):
            return members.create_customer(
                self.session,
                identifiers=[
                    NewIdentifier(type=type, value=value) for type, value in identifiers.items()
                ],
                at=self.at,
            ).id

    def join(self, program_id="corner", customer_id=None, *, points=0, days=365, at=None):
        with orm.writing(self.session):
            account = members.enrol(
                self.session,
                program=programs.find(self.session, program_id),
                channel="checkout",
                customer_id=customer_id,
                actor="test",
                at=at or self.at,
            )
        if points:
            self.give(account.id, points, days=days, at=at)
        return account.id

    def give(self, account_id, points, *, days=365, at=None, lifetime=True):
        with orm.writing(self.session):
            return ledger.adjust(
                self.session,
                account_id=account_id,
                points=points,
                counts_as_earned=lifetime,
                expires_at=(at or self.at) + timedelta(days=days),
                facts=Facts(name=EventName.MANUAL_ADJUSTMENT, actor="test", reason="start"),
                at=at or self.at,
            )

    def status(self, verb, account_id):
        with orm.writing(self.session):
            return verb(self.session, account_id=account_id, at=self.at)

    def merge(self, source, target):
        with orm.writing(self.session):
            ledger.merge(
                self.session,
                source_id=source,
                target_id=target,
                facts=Facts(name=EventName.ACCOUNT_MERGE, actor="test"),
                at=self.at,
            )

    # -- the till

    def wish(self, value=5000, *, holder=None, **more):
        self.numbers += 1
        more.setdefault("number", f"R{self.numbers}")
        more.setdefault("currency", "EUR")
        return OrderWish(value=value, holder=holder, store=more.pop("store", "lisbon"), **more)

    def place(self, wish=None, *, at=None, **more):
        with orm.writing(self.session):
            return checkout.place(
                self.session,
                wish=wish if wish is not None else self.wish(**more),
                actor="key:till",
                at=at or self.at,
            )

    def order(self, *arguments, **more):
        return self.place(*arguments, **more).order

    def quote(
        self, holder, value=5000, *, at=None, issue_code=False, approval=None, channels=("sms",),
        **more,
    ):  # fmt: skip
        with orm.writing(self.session):
            return checkout.quote(
                self.session,
                holder=holder,
                order=Basket(value=value, currency=more.pop("currency", "EUR"), **more),
                actor="key:till",
                issue_code=issue_code,
                approval=approval,
                sending=checkout.CodeSending(
                    pepper=PEPPER, cipher=self.cipher, channels=frozenset(channels)
                ),
                at=at or self.at,
            )

    def approval(self, quote_id, code, *, at=None):
        with orm.recording(self.session):
            return Approval(
                one_time_code=checkout.look(
                    self.session, quote_id=quote_id, code=code, at=at or self.at, pepper=PEPPER
                )
            )

    def code(self):
        """The code in the last message."""
        with orm.writing(self.session):
            row = self.session.execute(
                Message.__table__.select().order_by(Message.created_at.desc(), Message.id.desc())
            ).first()
        return self.message(row)["body"][:6]

    def message(self, row):
        """What a message says, and to whom."""
        return json.loads(self.cipher.open(row.content, name=row.id))

    def capture(self, order_id, *, at=None):
        with orm.writing(self.session):
            return checkout.capture_order(
                self.session, order_id=order_id, actor="key:till", at=at or self.at
            )

    def void(self, order_id, *, at=None):
        with orm.writing(self.session):
            return checkout.void_order(
                self.session, order_id=order_id, actor="key:till", at=at or self.at
            )

    def refund(self, order_id, value, *, at=None, lines=()):
        with orm.writing(self.session):
            return checkout.refund(
                self.session,
                order_id=order_id,
                wish=RefundWish(value=value, lines=lines),
                actor="key:till",
                at=at or self.at,
            )

    def redeem(self, account_id, *, at=None, **wish):
        with orm.writing(self.session):
            return checkout.redeem(
                self.session,
                account_id=account_id,
                wish=checkout.Wish(**wish),
                actor="key:till",
                at=at or self.at,
            ).redemption

    # -- looking

    def position(self, account_id, *, at=None):
        self.session.rollback()
        return ledger.position(self.session, account_id=account_id, at=at or self.at)

    def balance(self, account_id, *, at=None):
        return self.position(account_id, at=at).balance

    def agrees(self):
        self.session.rollback()
        return ledger.verify(self.session) + orders.verify(self.session) == []


@pytest.fixture
def shop(session, at):
    """A shop with the program ``corner``; its books are verified when the test ends."""
    shop = Shop(session, at)
    shop.apply(CORNER)
    yield shop
    assert shop.agrees()


@pytest.fixture
def ana(shop):
    """A customer."""
    return shop.customer(mobile="+351912345678", external_id="C1")


@pytest.fixture
def account(shop, ana):
    """Ana's account, with 1,000 points."""
    return shop.join("corner", ana, points=1000)
