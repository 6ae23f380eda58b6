"""Books to measure on: filled through the ledger's own door, so that verify stays clean."""

from datetime import UTC, datetime, timedelta
from itertools import islice

from sqlalchemy.orm import Session

from portal import ledger, members, orm, programs
from portal.ledger import Earn, EventName, Facts, Happening, NewRedemption, OrderFacts, Spend
from portal.members import NewIdentifier
from portal.orm import new_id

BEGAN = datetime(2016, 1, 4, 9, 0, tzinfo=UTC)
EXPIRES = datetime(2035, 1, 1, tzinfo=UTC)
PROGRAM = {
    "id": "bench",
    "name": "Bench Points",
    "currency": "PTS",
    "default": True,
    "auto_enrol": True,
    "expiry": {"kind": "never"},
    "rate": {"points": 100, "value": 100, "currency": "USD"},
    "earning": [{"id": "base", "kind": "spend", "currency": "USD", "per": 100, "points": 1}],
    "redemption": {"enabled": True, "approval": "none"},
}


def program(session: Session) -> None:
    """The program that everything here happens in."""
    with orm.writing(session):
        programs.apply(session, document=PROGRAM, actor="bench", at=BEGAN)


def accounts(session: Session, count: int, *, lots: int, points_each: int) -> list[str]:
    """``count`` members' accounts, each with ``lots`` open lots."""
    rows = []
    with orm.writing(session):
        for number in range(count):
            customer = members.create_customer(
                session,
                identifiers=[NewIdentifier(type="external_id", value=f"bench-{number}")],
                first_name="Robin",
                at=BEGAN,
            )
            rows.append(
                ledger.new_row(
                    program_id="bench", customer_id=customer.id, at=BEGAN, enrolled_at=BEGAN
                )
            )
        ledger.insert_accounts(session, rows)
    ids = [row["id"] for row in rows]
    open_lots(session, ids, lots=lots, points_each=points_each)
    return ids


def open_lots(
    session: Session,
    ids: list[str],
    *,
    lots: int,
    points_each: int,
    expires_at: datetime = EXPIRES,
    expire_together: bool = False,
    batch: int = 4_000,
) -> None:
    """Give each account ``lots`` lots, that expire one after the other, or together."""
    earned = ((account_id, number) for account_id in ids for number in range(lots))
    while rows := list(islice(earned, batch)):
        happenings = [
            Happening(
                facts=_facts(BEGAN + timedelta(hours=number)),
                movements=[
                    Earn(
                        account_id=account_id,
                        points=points_each,
                        expires_at=expires_at + timedelta(hours=0 if expire_together else number),
                    )
                ],
            )
            for account_id, number in rows
        ]
        with orm.writing(session):
            ledger.post(session, happenings, at=BEGAN + timedelta(days=900))


def _facts(occurred_at: datetime) -> Facts:
    return Facts(name=EventName.TRANSACTION_ADD, actor="bench", occurred_at=occurred_at)


def history(
    session: Session,
    account_id: str,
    entries: int,
    *,
    until: datetime,
    open_lots: int = 10,
    batch: int = 250,
) -> None:
    """``entries`` lines on one account: purchases, each spent again, over ten years.

    The last ``open_lots`` purchases stay unspent, however long the history is,
    so that only its length differs.
    """
    spends = (entries - open_lots) // 2
    span = until - BEGAN
    happenings: list[Happening] = []
    for number in range(entries):
        when = BEGAN + span * (number / entries)
        spending = number % 2 == 1 and number < 2 * spends
        points = 100 + number // 2 % 50
        happenings.append(
            Happening(facts=_spending(when), movements=[_spend(account_id, points)])
            if spending
            else Happening(
                facts=_purchase(when, number),
                movements=[
                    Earn(
                        account_id=account_id,
                        points=points,
                        expires_at=EXPIRES,
                        purchase_value=points * 100,
                    )
                ],
            )
        )
        if len(happenings) >= batch or number == entries - 1:
            with orm.writing(session):
                ledger.post(session, happenings, at=until)
            happenings = []


def _spend(account_id: str, points: int) -> Spend:
    face = NewRedemption(id=new_id("red"), value=points, currency="USD")
    return Spend(account_id=account_id, points=points, redemption=face)


def _spending(when: datetime) -> Facts:
    return Facts(
        name=EventName.POINTS_REDEMPTION,
        actor="bench",
        origin="redemption",
        store="lisbon",
        till="1",
        occurred_at=when,
    )


def _purchase(when: datetime, number: int) -> Facts:
    return Facts(
        name=EventName.TRANSACTION_ADD,
        actor="bench",
        origin="payment",
        store="porto" if number % 3 else "lisbon",
        till="1",
        order=OrderFacts(
            id=None,
            number=f"R{number}",
            value=(100 + number // 2 % 50) * 100,
            currency="USD",
            placed_at=when,
        ),
        occurred_at=when,
    )


def stores(session: Session) -> None:
    """The stores that the histories name."""
    with orm.writing(session):
        for code in ("lisbon", "porto"):
            programs.stores.ensure(session, code=code, till="1", at=BEGAN)
