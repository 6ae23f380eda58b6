"""A program with rewards, its members, and the verbs as a test reads best."""

import json
from datetime import timedelta
from io import BytesIO

import pytest
from PIL import Image
from sqlalchemy import select

from portal import ledger, members, orm, outbox, programs, rewards
from portal.ledger import EventName, Facts
from portal.members import Channel, NewIdentifier
from portal.outbox.models import Message

CORNER = {
    "id": "corner",
    "name": "Corner Points",
    "currency": "PTS",
    "timezone": "Europe/Lisbon",
    "default": True,
    "auto_enrol": True,
    "rate": {"points": 100, "value": 100, "currency": "EUR"},
    "tiers": [
        {"id": "silver", "name": "Silver", "from": 500},
        {"id": "gold", "name": "Gold", "from": 1000},
    ],
}
MUG = {
    "id": "mug",
    "program": "corner",
    "name": "Mug",
    "price": 500,
    "kind": "free_item",
    "stock": 50,
    "voucher_days": 30,
}


class Shop:
    """The office, the members and the till: each verb in a transaction of its own."""

    def __init__(self, session, at):
        self.session, self.at = session, at
        self.cipher = outbox.Cipher(b"k" * 32)
        self.numbers = 0

    # -- the office

    def program(self, **changes):
        with orm.writing(self.session):
            return programs.apply(
                self.session, document=CORNER | changes, actor="command", at=self.at
            ).program

    def apply(self, document=MUG, *, at=None, read_picture=None, **changes):
        return self.apply_raw(document | changes, at=at, read_picture=read_picture)

    def apply_raw(self, document, *, at=None, read_picture=None):
        with orm.writing(self.session):
            return rewards.apply(
                self.session,
                document=document,
                actor="command",
                at=at or self.at,
                read_picture=read_picture,
            )

    def reward(self, **changes):
        return self.apply(**changes).reward

    # -- members

    def customer(self, **identifiers):
        with orm.writing(self.session):
            return members.create_customer(
                self.session,
                identifiers=[
                    NewIdentifier(type=type, value=value) for type, value in identifiers.items()
                ],
                first_name="Ana",
                last_name="Silva",
                at=self.at,
            ).id

    def member(self, points=0, *, days=365, program_id="corner", **identifiers):
        """The account of a new member."""
        self.numbers += 1
        identifiers = identifiers or {"external_id": f"c{self.numbers}"}
        customer_id = self.customer(**identifiers)
        with orm.writing(self.session):
            account = members.enrol(
                self.session,
                program=programs.find(self.session, program_id),
                customer_id=customer_id,
                channel=Channel.STAFF,
                actor="test",
                at=self.at,
            )
        if points:
            self.earn(account.id, points, days=days)
        return account.id

    def earn(self, account_id, points, *, days=365, at=None):
        at = at or self.at
        with orm.writing(self.session):
            ledger.earn(
                self.session,
                account_id=account_id,
                points=points,
                expires_at=None if days is None else at + timedelta(days=days),
                facts=Facts(name=EventName.TRANSACTION_ADD, actor="test"),
                at=at,
            )

    def merge(self, source, target, *, at=None):
        with orm.writing(self.session):
            ledger.merge(
                self.session,
                source_id=source,
                target_id=target,
                facts=Facts(name=EventName.ACCOUNT_MERGE, actor="test"),
                at=at or self.at,
            )

    def change(self, verb, account_id, *, at=None):
        with orm.writing(self.session):
            getattr(ledger, verb)(self.session, account_id=account_id, at=at or self.at)

    def account(self, account_id):
        return ledger.find_account(self.session, account_id)

    def balance(self, account_id, *, at=None):
        return ledger.position(self.session, account_id=account_id, at=at or self.at).balance

    def names(self, account_id, *, at=None):
        """The names of what happened, newest first; what is due and not booked stands first."""
        page = ledger.history(self.session, account_id=account_id, at=at or self.at)
        return [str(line.name) for line in page.pending] + [line.event.name for line in page.lines]

    def settle(self, *, at):
        with orm.writing(self.session):
            return ledger.settle(self.session, at=at)

    # -- vouchers

    def issue(self, account_id, reward_id="mug", *, at=None, **more):
        with orm.writing(self.session):
            return rewards.issue(
                self.session,
                account_id=account_id,
                reward_id=reward_id,
                actor="test",
                at=at or self.at,
                **more,
            )

    def use(self, voucher, *, at=None, **more):
        with orm.writing(self.session):
            return rewards.use(
                self.session,
                code=getattr(voucher, "code", voucher),
                actor="till",
                at=at or self.at,
                **more,
            )

    def cancel(self, voucher, *, at=None, **more):
        with orm.writing(self.session):
            return rewards.cancel(
                self.session,
                code=getattr(voucher, "code", voucher),
                actor="test",
                at=at or self.at,
                **more,
            )

    def voucher(self, voucher, *, at=None):
        code = getattr(voucher, "code", voucher)
        return rewards.voucher(self.session, code=code, at=at or self.at)

    def held(self, *account_ids, at=None, **more):
        return rewards.vouchers_of(
            self.session, account_ids=account_ids, at=at or self.at, **more
        ).vouchers

    def catalogue(self, account_id=None, *, at=None, **more):
        account = self.account(account_id) if account_id else None
        return rewards.catalogue(
            self.session,
            program=programs.find(self.session, "corner"),
            account=account,
            at=at or self.at,
            **more,
        )

    def offer(self, account_id=None, reward_id="mug", *, at=None, **more):
        account = self.account(account_id) if account_id else None
        return rewards.offer(
            self.session,
            reward_id=reward_id,
            program=programs.find(self.session, "corner"),
            account=account,
            at=at or self.at,
            **more,
        )

    def messages(self):
        """What was told, as (channel, to, subject, body)."""
        found = []
        for row in self.session.scalars(select(Message).order_by(Message.id)):
            assert row.purpose == "voucher"
            content = json.loads(self.cipher.open(row.content, name=row.id))
            found.append((row.channel, content["to"], content["subject"], content["body"]))
        self.session.rollback()
        return found

    def agrees(self):
        self.session.rollback()
        return ledger.verify(self.session) + rewards.verify(self.session) == []


def drawing(format="PNG", size=(64, 48), mode="RGB", **more):
    """The bytes of a small picture."""
    written = BytesIO()
    Image.new(mode, size, (200, 30, 40, 128)[: len(mode)]).save(written, format, **more)
    return written.getvalue()


@pytest.fixture
def shop(session, at):
    """A shop with a program; book and vouchers are verified when the test ends."""
    shop = Shop(session, at)
    shop.program()
    yield shop
    assert shop.agrees()
