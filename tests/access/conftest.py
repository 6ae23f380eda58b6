"""People at the door: known, unknown, closed, merged and erased."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import sessionmaker

from portal import ledger, members, outbox, programs
from portal.access import sign_in
from portal.members.models import Customer, Identifier
from portal.orm import recording, writing

PEPPER = b"a pepper for tests, which nobody else has"
MOBILE = "+351912345689"
PROGRAM = {
    "id": "corner",
    "name": "Corner Points",
    "currency": "PTS",
    "default": True,
    "self_enrol": True,
    "terms_url": "https://corner.example/terms",
    "earning": [
        {"id": "welcome", "kind": "event", "event": "account.created", "points": 50},
    ],
}


@pytest.fixture
def cipher():
    return outbox.Cipher(PEPPER)


@pytest.fixture
def program(session, at):
    with writing(session):
        programs.apply(session, document=PROGRAM, actor="test", at=at)
    found = programs.find(session, "corner")
    session.rollback()
    return found


class Phone:
    """Receives what is told, as its owner would."""

    def __init__(self, engine, cipher):
        self.messages = []
        self.keeps = False
        self._engine, self._cipher = engine, cipher

    def send(self, message):
        self.messages.append(message)

    def deliver(self, at):
        outbox.deliver(
            sessionmaker(self._engine),
            senders={"sms": self, "email": self},
            cipher=self._cipher,
            now=lambda: at,
        )

    def code(self, at):
        self.deliver(at)
        return re.search(r"\d{6}", self.messages[-1].body)[0]


@pytest.fixture
def phone(engine, cipher):
    return Phone(engine, cipher)


class Door:
    """Sign-in as an edge does it: each step in its own unit."""

    def __init__(self, session, cipher, phone):
        self.session, self.cipher, self.phone = session, cipher, phone

    def begin(self, at, value=MOBILE, kind="mobile", **more):
        with writing(self.session):
            return sign_in.begin(
                self.session,
                identifier_type=kind,
                identifier_value=value,
                at=at,
                pepper=PEPPER,
                cipher=self.cipher,
                **more,
            )

    def resend(self, begun, at):
        with writing(self.session):
            return sign_in.resend(
                self.session, token=begun.token, at=at, pepper=PEPPER, cipher=self.cipher
            )

    def look(self, begun, code, at):
        with recording(self.session):
            return sign_in.look(self.session, token=begun.token, code=code, at=at, pepper=PEPPER)

    def confirm(self, begun, code, at, **more):
        attempt = self.look(begun, code, at)
        with writing(self.session):
            return sign_in.accept(self.session, attempt, at=at, **more)

    def enter(self, at, **more):
        begun = self.begin(at, **more)
        return self.confirm(begun, self.phone.code(at), at)


@pytest.fixture
def door(session, cipher, phone):
    return Door(session, cipher, phone)


@pytest.fixture
def people(session, at, program):
    """Makes customers with an account, by what they are known by."""

    def make(*identifiers, first_name="Ana", enrol=True):
        with writing(session):
            customer = members.create_customer(
                session,
                at=at,
                first_name=first_name,
                last_name="Silva",
                identifiers=[
                    members.NewIdentifier(type="email" if "@" in value else "mobile", value=value)
                    for value in identifiers
                ],
            )
            if enrol:
                members.enrol(
                    session,
                    program=program,
                    channel="staff",
                    actor="test",
                    at=at,
                    customer_id=customer.id,
                )
        return customer

    return make


@pytest.fixture
def ana(people):
    return people(MOBILE, "ana@example.com")


@pytest.fixture
def close_account(session, at, program):
    def close(customer):
        with writing(session):
            account = members.account_for(session, customer_id=customer.id, program=program)
            ledger.close(session, account_id=account.id, at=at)

    return close


@pytest.fixture
def merge_into(session):
    """What merging leaves behind: the survivor named, its identifiers moved unless kept back."""

    def merge(source, target, *, move=True):
        with writing(session):
            session.get(Customer, source.id).merged_into = target.id
            if move:
                for row in session.scalars(
                    select(Identifier).where(Identifier.customer_id == source.id)
                ):
                    row.customer_id = target.id

    return merge


@pytest.fixture
def erase(session, at):
    """What an erasure leaves behind; some identifiers may be left to make it harder."""

    def erase(customer, *, identifiers=True):
        with writing(session):
            session.get(Customer, customer.id).erased_at = at
            if identifiers:
                for row in session.scalars(
                    select(Identifier).where(Identifier.customer_id == customer.id)
                ):
                    session.delete(row)

    return erase


def shape(statements):
    """Statements without the transaction's own."""
    return [one for one in statements if one.split()[0] not in {"BEGIN", "PRAGMA", "COMMIT"}]


@pytest.fixture
def statements(engine):
    """Every statement that the database was sent."""
    seen = []

    def note(_connection, _cursor, statement, *_):
        seen.append(" ".join(statement.split()))

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def minute():
    return timedelta(minutes=1)
