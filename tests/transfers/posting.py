"""The verbs of sending points, as a test reads best: each in the units that an edge gives it."""

import json
from datetime import timedelta

from portal import codes, ledger, members, orm, outbox, programs, transfers
from portal.ledger import EventName, Facts
from portal.members import NewIdentifier, households
from portal.outbox.models import Message
from portal.transfers import CodeSending, telling
from portal.transfers.models import TransferRequest

PEPPER = b"p" * 32
CLUB = {
    "id": "club",
    "name": "Club Points",
    "currency": "PTS",
    "timezone": "Europe/Lisbon",
    "default": True,
    "transfers": {"contact_pause_hours": 24},
}
COFFEE = {
    "id": "coffee",
    "name": "Coffee Beans",
    "currency": "BEANS",
    "decimals": 1,
    "unit": {"one": "bean", "other": "beans"},
    "timezone": "Asia/Kolkata",
    "transfers": {},
}


class Post:
    """Sending points: each verb in the units that an edge gives it."""

    def __init__(self, session, at):
        self.session, self.at = session, at
        self.cipher = outbox.Cipher(b"k" * 32)
        self.sending = CodeSending(
            pepper=PEPPER, cipher=self.cipher, channels=frozenset({"sms", "email"})
        )
        self.people = 0

    # -- the office

    def apply(self, document, **changes):
        with orm.writing(self.session):
            return programs.apply(
                self.session, document=document | changes, actor="command", at=self.at
            ).program

    def coffee(self):
        """A program that counts tenths."""
        return self.apply(COFFEE)

    def limits(self, *, timezone="Europe/Lisbon", **rules):
        """The club in another version."""
        document = CLUB | {"timezone": timezone}
        return self.apply(document, transfers={"contact_pause_hours": 24} | rules)

    def customer(self, first="Jane", last="Doe", **identifiers):
        self.people += 1
        identifiers = identifiers or {"mobile": f"+35191200{self.people:04}"}
        with orm.writing(self.session):
            return members.create_customer(
                self.session,
                first_name=first,
                last_name=last,
                identifiers=[
                    NewIdentifier(type=type, value=value)
                    for type, value in identifiers.items()
                    if value
                ],
                at=self.at - timedelta(days=90),
            ).id

    def join(self, customer_id, *, points=0, program="club", days=365):
        with orm.writing(self.session):
            account = members.enrol(
                self.session,
                program=programs.find(self.session, program),
                channel="staff",
                customer_id=customer_id,
                actor="test",
                at=self.at - timedelta(days=90),
            )
        if points:
            self.give(account.id, points, days=days)
        return account.id

    def member(self, first="Jane", last="Doe", *, points=0, **identifiers):
        """A customer and their account in the club."""
        customer_id = self.customer(first, last, **identifiers)
        return customer_id, self.join(customer_id, points=points)

    def give(self, account_id, points, *, days=365):
        with orm.writing(self.session):
            return ledger.adjust(
                self.session,
                account_id=account_id,
                points=points,
                expires_at=None if days is None else self.at + timedelta(days=days),
                facts=Facts(name=EventName.MANUAL_ADJUSTMENT, actor="test", reason="start"),
                at=self.at,
            )

    def do(self, verb, *arguments, **more):
        with orm.writing(self.session):
            return verb(self.session, *arguments, **more)

    def status(self, verb, account_id):
        return self.do(verb, account_id=account_id, at=self.at)

    def fraud(self, customer_id, status="confirmed"):
        self.do(members.set_fraud_status, customer_id=customer_id, status=status, at=self.at)

    def household(self, primary_id, *, name="The Millers", program="club", points=0, **more):
        """A household and its account."""
        rules = programs.find(self.session, program)
        made = self.do(
            households.create_household,
            name=name,
            primary_id=primary_id,
            program=rules,
            at=self.at,
            **more,
        )
        account = households.household_account(self.session, household_id=made.id, program=rules)
        if points:
            self.give(account.id, points)
        return made.id, account.id

    def take_in(self, household_id, customer_id, primary_id, *, may_send=False):
        at = self.at
        self.do(
            households.invite,
            household_id=household_id,
            customer_id=customer_id,
            by=primary_id,
            at=at,
        )
        self.do(households.accept, household_id=household_id, by=customer_id, at=at)
        if may_send:
            self.do(
                households.allow,
                household_id=household_id,
                customer_id=customer_id,
                may_send=True,
                by=primary_id,
                at=at,
            )

    def merge(self, source, target):
        self.do(
            ledger.merge,
            source_id=source,
            target_id=target,
            facts=Facts(name=EventName.ACCOUNT_MERGE, actor="test"),
            at=self.at,
        )

    # -- sending

    def check(self, sender, recipient, points=100, *, at=None, program=None, **more):
        self.session.rollback()
        return transfers.check(
            self.session,
            sender=sender,
            recipient=recipient,
            points=points,
            program=program,
            at=at or self.at,
            **more,
        )

    def codes_of(self, *arguments, **more):
        return [reason.code for reason in self.check(*arguments, **more).reasons]

    def request(
        self,
        sender,
        recipient,
        points=100,
        *,
        at=None,
        program=None,
        context="ses_1",
        issue_code=True,
        sending=None,
        **more,
    ):
        with orm.writing(self.session):
            return transfers.request(
                self.session,
                sender=sender,
                recipient=recipient,
                points=points,
                program=program,
                context=context,
                actor="member:test",
                issue_code=issue_code,
                sending=sending or self.sending,
                at=at or self.at,
                **more,
            )

    def look(self, request_id, code, *, at=None, context="ses_1", session=None):
        session = session or self.session
        with orm.recording(session):
            return transfers.look(
                session,
                request_id=request_id,
                context=context,
                code=code,
                at=at or self.at,
                pepper=PEPPER,
            )

    def confirm(self, request_id, code, *, at=None, context="ses_1", session=None, **more):
        session = session or self.session
        look = self.look(request_id, code, at=at, context=context, session=session)
        with orm.writing(session):
            return transfers.confirm(
                session,
                request_id=request_id,
                look=look,
                context=context,
                actor="member:test",
                sending=more.pop("sending", self.sending),
                at=at or self.at,
                **more,
            )

    def send(self, sender, recipient, points=100, *, at=None, context="ses_1", **more):
        """The whole way, with a code of each request's own."""
        asked = self.request(sender, recipient, points, at=at, context=context, **more)
        assert asked.check.reasons == ()
        return self.confirm(asked.id, self.code(), at=at, context=context)

    # -- what came of it

    def balance(self, account_id, *, at=None):
        self.session.rollback()
        return ledger.position(self.session, account_id=account_id, at=at or self.at).balance

    def messages(self):
        """What was told, newest first."""
        self.session.rollback()
        rows = self.session.execute(
            Message.__table__.select().order_by(Message.created_at.desc(), Message.id.desc())
        ).all()
        return [json.loads(self.cipher.open(row.content, name=row.id)) for row in rows]

    def code(self):
        """The code that was sent last."""
        return next(
            message["body"][:6] for message in self.messages() if "is your code" in message["body"]
        )

    def verify(self):
        self.session.rollback()
        assert list(ledger.verify(self.session)) == []


def coded(session, request_id, *, at):
    """A code for a request, without the limits and the phone that one person has."""
    with orm.writing(session):
        row = (
            session.execute(
                TransferRequest.__table__.select().where(TransferRequest.id == request_id)
            )
            .mappings()
            .one()
        )
        return codes.issue(
            session,
            purpose=telling.PURPOSE,
            subject=request_id,
            context=telling.bound(row),
            destination=request_id,
            at=at,
            pepper=PEPPER,
        )
