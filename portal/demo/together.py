"""What the people of the demonstration do together: send points, and keep households."""

import secrets
from datetime import datetime

from sqlalchemy import delete

from portal import codes, transfers
from portal.demo.cast import Person
from portal.demo.stage import Stage
from portal.members import households
from portal.outbox import Cipher
from portal.outbox.models import Message
from portal.transfers import CodeSending, Party, Text, Wording
from portal.transfers.telling import PURPOSE

_SECRET = secrets.token_bytes(32)
"""Nobody will ever read these codes: they are typed in the moment they are made."""
_NO_PAUSE = codes.Limits(destination_per_hour=1000, destination_per_day=1000, holder_per_hour=1000)


class Together:
    """Plans on a stage what takes more than one person."""

    def __init__(self, stage: Stage):
        self._stage = stage
        self._households: dict[str, str] = {}

    def plan_transfer(
        self,
        sender: Person,
        recipient: Person | None,
        days_ago: int,
        *,
        points: int,
        note: str | None = None,
        out_of: str | None = None,
        into: str | None = None,
    ) -> None:
        """One sends points to another, as they would: asked for, and confirmed by its code.

        Args:
            out_of: the household they send from, by its name; None: their own account.
            into: the household that receives, where no person does.
        """

        def send(when: datetime) -> None:
            self._stage.record()
            by = self._stage.customer(sender)
            self._send(
                by,
                Party(household_id=self._households[out_of]) if out_of else Party(customer_id=by),
                Party(household_id=self._households[into])
                if into
                else Party(customer_id=self._stage.customer(recipient) if recipient else None),
                points=points,
                note=note,
                when=when,
            )

        self._stage.plan(days_ago, send, hour=21)

    def _send(
        self,
        by: str,
        sender: Party,
        recipient: Party,
        *,
        points: int,
        note: str | None,
        when: datetime,
    ) -> None:
        session, made = self._stage.session, []

        def keep(code: str, spoken: str, recipient: str, household: str | None) -> Text:
            made.append(code)
            return Text(subject="", body=f"{spoken} to {recipient} of {household}")

        asked = transfers.request(
            session,
            sender=sender,
            recipient=recipient,
            points=points,
            program="corner",
            note=note,
            by=Party(customer_id=by),
            context="demonstration",
            actor=f"member:{by}",
            at=when,
            issue_code=True,
            sending=CodeSending(
                pepper=_SECRET,
                cipher=Cipher(_SECRET),
                channels=frozenset({"sms", "email"}),
                limits=_NO_PAUSE,
            ),
            wording=Wording(code=keep),
        )
        if asked.id is None:
            raise asked.check.reasons[0]
        look = transfers.look(
            session,
            request_id=asked.id,
            context="demonstration",
            code=made[0],
            at=when,
            pepper=_SECRET,
        )
        transfers.confirm(
            session,
            request_id=asked.id,
            look=look,
            context="demonstration",
            actor=f"member:{by}",
            at=when,
        )
        # Nobody waits for this message any more.
        session.execute(delete(Message).where(Message.purpose == PURPOSE))

    def plan_household(self, name: str, primary: Person, days_ago: int) -> None:
        """Somebody makes a household, and goes on earning for themselves."""

        def make(when: datetime) -> None:
            self._stage.record()
            by = self._stage.customer(primary)
            made = households.create_household(
                self._stage.session,
                name=name,
                primary_id=by,
                program=self._stage.program("corner"),
                at=when,
            )
            households.set_default(self._stage.session, household_id=None, by=by, at=when)
            self._households[name] = made.id

        self._stage.plan(days_ago, make, hour=9)

    def plan_invitation(
        self,
        name: str,
        by: Person,
        invited: Person,
        days_ago: int,
        *,
        accepted: bool = True,
        may_send: bool = False,
    ) -> None:
        """Somebody is invited to a household; where they accept, they earn for it from then on."""

        def invite(when: datetime) -> None:
            self._stage.record()
            session, id = self._stage.session, self._households[name]
            primary, other = self._stage.customer(by), self._stage.customer(invited)
            households.invite(session, household_id=id, customer_id=other, by=primary, at=when)
            if accepted:
                households.accept(session, household_id=id, by=other, at=when)
            if may_send:
                households.allow(
                    session,
                    household_id=id,
                    customer_id=other,
                    may_send=True,
                    by=primary,
                    at=when,
                )

        self._stage.plan(days_ago, invite, hour=10)
