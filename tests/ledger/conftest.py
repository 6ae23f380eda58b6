"""A program, accounts in it, and the verbs as a test reads best."""

from datetime import timedelta

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from portal import ledger, orm
from portal.ledger import EventName, Facts, RedemptionPurpose
from portal.programs.models import Program


def facts(name: EventName = EventName.TRANSACTION_ADD, **more) -> Facts:
    return Facts(name=name, actor="test", **more)


def _purpose(voucher: bool) -> RedemptionPurpose:
    return RedemptionPurpose.VOUCHER if voucher else RedemptionPurpose.PAYMENT


class Book:
    """The ledger of one session, each verb in a transaction of its own."""

    def __init__(self, session: Session, at):
        self.session, self.at = session, at

    def open(self, **more):
        with orm.writing(self.session):
            return ledger.open_account(
                self.session, program_id="corner", at=more.pop("at", self.at), **more
            ).id

    def earn(self, account_id, points, *, days=365, at=None, occurred_at=None, **more):
        at = at or self.at
        expires_at = more.pop("expires_at", "unset")
        if expires_at == "unset":
            expires_at = None if days is None else (occurred_at or at) + timedelta(days=days)
        with orm.writing(self.session):
            return ledger.earn(
                self.session,
                account_id=account_id,
                points=points,
                expires_at=expires_at,
                facts=facts(occurred_at=occurred_at),
                at=at,
                **more,
            )

    def redeem(self, account_id, points, *, at=None, voucher=False, **more):
        name = EventName.VOUCHER_ISSUED if voucher else EventName.POINTS_REDEMPTION
        with orm.writing(self.session):
            return ledger.redeem(
                self.session,
                account_id=account_id,
                points=points,
                facts=facts(name),
                at=at or self.at,
                **more,
            )

    def adjust(self, account_id, points, *, at=None, **more):
        with orm.writing(self.session):
            return ledger.adjust(
                self.session,
                account_id=account_id,
                points=points,
                facts=facts(EventName.MANUAL_ADJUSTMENT, reason="goodwill_credit"),
                at=at or self.at,
                **more,
            )

    def give_back(self, redemption_id, points=None, *, at=None, voucher=False, **more):
        with orm.writing(self.session):
            return ledger.reverse_redemption(
                self.session,
                redemption_id=redemption_id,
                points=points,
                facts=facts(
                    EventName.VOUCHER_CANCELLED if voucher else EventName.REDEMPTION_REVERSAL
                ),
                at=at or self.at,
                purpose=_purpose(voucher),
                **more,
            )

    def take_back(self, entry_id, points=None, *, at=None, **more):
        with orm.writing(self.session):
            return ledger.reverse(
                self.session,
                entry_id=entry_id,
                points=points,
                facts=facts(EventName.RETURN_BILL),
                at=at or self.at,
                **more,
            )

    def void(self, redemption_id, *, at=None, voucher=False, **more):
        with orm.writing(self.session):
            return ledger.void(
                self.session,
                redemption_id=redemption_id,
                facts=facts(EventName.VOUCHER_CANCELLED if voucher else EventName.HOLD_RELEASED),
                at=at or self.at,
                purpose=_purpose(voucher),
                **more,
            )

    def capture(self, redemption_id, *, at=None, voucher=False):
        with orm.writing(self.session):
            return ledger.capture(
                self.session,
                redemption_id=redemption_id,
                at=at or self.at,
                purpose=_purpose(voucher),
            )

    def transfer(self, sender, recipient, points, *, at=None):
        with orm.writing(self.session):
            return ledger.transfer(
                self.session,
                from_account_id=sender,
                to_account_id=recipient,
                points=points,
                facts=facts(EventName.POINTS_TRANSFER),
                at=at or self.at,
            )

    def merge(self, source, target, *, at=None):
        with orm.writing(self.session):
            return ledger.merge(
                self.session,
                source_id=source,
                target_id=target,
                facts=facts(EventName.ACCOUNT_MERGE),
                at=at or self.at,
            )

    def release(self, account_id, trigger, *, at=None):
        with orm.writing(self.session):
            return ledger.release(
                self.session,
                account_id=account_id,
                trigger=trigger,
                facts=facts(EventName.DELAYED_ACCRUAL),
                at=at or self.at,
            )

    def settle(self, *, at=None, limit=500):
        with orm.writing(self.session):
            return ledger.settle(self.session, at=at or self.at, limit=limit)

    def status(self, verb, account_id, *, at=None):
        with orm.writing(self.session):
            return verb(self.session, account_id=account_id, at=at or self.at)

    def position(self, account_id, *, at=None):
        return ledger.position(self.session, account_id=account_id, at=at or self.at)

    def history(self, account_id, *, at=None, **more):
        return ledger.history(self.session, account_id=account_id, at=at or self.at, **more)

    def balance(self, account_id, *, at=None):
        return self.position(account_id, at=at).balance

    def agrees(self):
        """Whether every figure of the book can be recomputed."""
        self.session.rollback()
        return ledger.verify(self.session) == []


def add_programs(session: Session, at) -> None:
    """The programs that accounts belong to; the book asks nothing else of them."""
    with orm.writing(session):
        for program_id in ("corner", "other"):
            session.execute(
                insert(Program.__table__),
                {
                    "id": program_id,
                    "name": program_id,
                    "currency": "PTS",
                    "is_default": program_id == "corner",
                    "version": 1,
                    "document": {},
                    "created_at": at,
                    "updated_at": at,
                },
            )


@pytest.fixture
def book(session, at):
    """The ledger, with two programs; the book is verified when the test ends."""
    add_programs(session, at)
    book = Book(session, at)
    yield book
    session.rollback()
    assert ledger.verify(session) == []
