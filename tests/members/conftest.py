"""A town where households are founded."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from portal import ledger, members, orm, programs
from portal.ledger import EventName, Facts
from portal.members import households
from portal.members.models import Customer

CORNER = {
    "id": "corner",
    "name": "Corner Points",
    "currency": "PTS",
    "timezone": "Europe/Lisbon",
    "default": True,
}


class Club:
    """A town where households are founded: each verb in a transaction of its own."""

    def __init__(self, session, at):
        self.session, self.at = session, at
        with orm.writing(session):
            self.program = programs.apply(session, document=CORNER, actor="command", at=at).program

    def person(self, first_name="Ana", **identifiers):
        with orm.writing(self.session):
            return members.create_customer(
                self.session,
                first_name=first_name,
                last_name="Dias",
                identifiers=[
                    members.NewIdentifier(type=type, value=value)
                    for type, value in identifiers.items()
                ],
                region="PT",
                at=self.at,
            ).id

    def found(self, primary_id, name="The Dias family", **more):
        with orm.writing(self.session):
            return households.create_household(
                self.session,
                name=name,
                primary_id=primary_id,
                program=self.program,
                at=more.pop("at", self.at),
                **more,
            )

    def do(self, verb, home, *, at=None, **more):
        with orm.writing(self.session):
            return verb(self.session, household_id=home.id, at=at or self.at, **more)

    def joined(self, home, customer_id, *, may_send=False):
        by = home.primary_id
        self.do(households.invite, home, customer_id=customer_id, by=by)
        self.do(households.accept, home, by=customer_id)
        if may_send:
            self.do(households.allow, home, customer_id=customer_id, may_send=True, by=by)
        return customer_id

    def see(self, home):
        self.session.rollback()
        return members.household(self.session, home.id)

    def account(self, home):
        self.session.rollback()
        return members.household_account(self.session, household_id=home.id, program=self.program)

    def give(self, home, points):
        with orm.writing(self.session):
            ledger.earn(
                self.session,
                account_id=self.account_id(home),
                points=points,
                expires_at=self.at + timedelta(days=365),
                facts=Facts(name=EventName.TRANSACTION_ADD, actor="test"),
                at=self.at,
            )

    def account_id(self, home):
        return members.household_account(
            self.session, household_id=home.id, program=self.program
        ).id

    def default(self, customer_id):
        self.session.rollback()
        return members.default_household_id(self.session, customer_id=customer_id)

    def find(self, type, value):
        self.session.rollback()
        return members.find_household_id(self.session, type=type, value=value, region="PT")

    def merge(self, source, target):
        with orm.writing(self.session):
            households.take_over(self.session, source_id=source, target_id=target, at=self.at)
            self.session.execute(
                update(Customer).where(Customer.id == source).values(merged_into=target)
            )


@pytest.fixture
def club(session, at):
    return Club(session, at)


@pytest.fixture
def ana(club):
    return club.person("Ana", mobile="912345678", email="Ana@Example.com", card_number="6300 11")


@pytest.fixture
def ben(club):
    return club.person("Ben")


@pytest.fixture
def home(club, ana):
    return club.found(ana, external_id="H-1")
