"""Demonstration data: believable, made only through the services that real data comes through.

The same seed and the same day give the same people, purchases and points.
Production refuses to start where it is (:func:`present`): everybody can read
the codes of these members.
"""

from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal import programs
from portal.checkout import Line, Reward, Split
from portal.config import Settings
from portal.demo import cast, gifts
from portal.demo.cast import PEOPLE, Person
from portal.demo.stage import Stage
from portal.demo.together import Together
from portal.errors import Conflict
from portal.ledger.models import Account
from portal.members.models import Identifier
from portal.programs.models import Program

__all__ = [
    "PEOPLE",
    "DemonstrationPresent",
    "NotEmpty",
    "Person",
    "create",
    "present",
    "refuse_in_production",
]

SEED = 4


class NotEmpty(Conflict):
    """There is something in the database that demonstration data must not mix with."""

    code = "database_not_empty"
    sentence = (
        "This database holds programs of its own, and demonstration data does not mix with them. "
        "Point PORTAL_DATABASE_URL at an empty database."
    )


class DemonstrationPresent(Conflict):
    """Production has no members whose codes anybody can read."""

    code = "demonstration_present"
    sentence = (
        "This database holds demonstration accounts, which have no place in production. "
        "Point PORTAL_DATABASE_URL at a database of its own."
    )


def refuse_in_production(session: Session, settings: Settings) -> None:
    """What serves or delivers asks this before it starts.

    A database that cannot be asked yet (down, or without its tables) holds
    nobody back: readiness tells of it.

    Raises:
        DemonstrationPresent: there are demonstration accounts, in production.
    """
    if settings.development:
        return
    with suppress(DBAPIError):
        if present(session):
            raise DemonstrationPresent()
    session.rollback()


def present(session: Session) -> bool:
    """Whether there are demonstration accounts. Two look-ups by key, however big the database."""
    known = [person.external_id for person in PEOPLE]
    person = select(Identifier.customer_id).where(
        Identifier.type == "external_id",
        Identifier.source_account == "",
        Identifier.value.in_(known),
    )
    account = select(Account.id).where(Account.external_id == cast.NOBODY)
    return bool(session.scalar(person.limit(1)) or session.scalar(account))


def create(session: Session, *, at: datetime, actor: str, seed: int = SEED) -> None:
    """Fill an empty database with two years that end at ``at``. The caller commits it all at once.

    Raises:
        NotEmpty: there are programs or demonstration accounts already.
    """
    if present(session) or session.scalar(select(Program.id).limit(1)):
        raise NotEmpty()
    for document in (cast.CORNER, cast.CREDITS):
        programs.apply(session, document=document, actor=actor, at=at)
    stage = Stage(session, at=at, actor=actor, seed=seed)
    _plan(stage)
    gifts.plan(stage, session, actor=actor)
    stage.play()


def _plan(stage: Stage) -> None:
    joined = {
        (cast.ANA, "corner"): 730,
        (cast.ANA, "credits"): 421,
        (cast.TOMAS, "corner"): 726,
        (cast.BEATRIZ, "corner"): 401,
        (cast.JAMES, "corner"): 641,
        (cast.PRIYA, "corner"): 501,
        (cast.CAMILLE, "corner"): 721,
        (cast.INES, "corner"): 3,
        (cast.DUARTE, "corner"): 701,
        (cast.SOFIA, "credits"): 41,
        (cast.WALTER, "credits"): 729,
    }
    for (person, program), days_ago in joined.items():
        stage.plan_joining(person, days_ago, program=program)
    for person in PEOPLE:
        for habit in person.habits:
            stage.plan_habit(person, habit)

    ana, tomas, beatriz, james = cast.ANA, cast.TOMAS, cast.BEATRIZ, cast.JAMES
    stage.plan_redemption(ana, 400, points=500, store="Chiado")
    stage.plan_redemption(ana, 240, points=100, store="Alvalade")
    stage.plan_redemption(ana, 130, points=150, store="Chiado", called="returned")
    stage.plan_reversal("returned", 127, points=100)
    stage.plan_redemption(ana, 90, points=500, store=cast.MARKET, program="credits")
    stage.plan_adjustment(
        lambda: stage.account(ana),
        20,
        points=75,
        reason="goodwill",
        note="The delivery came a day late",
    )
    stage.plan_bonus(ana, 2, points=150, note="Double points weekend", in_days=9)

    stage.plan_order(
        ana,
        0,
        store="Chiado",
        lines=(
            Line(sku="House roast, 250 g", category="coffee", quantity=2, value=1780, tax=333),
            Line(sku="Oat milk", category="groceries", quantity=3, value=720, tax=41),
            Line(sku="Almond cake", category="bakery", quantity=1, value=1710, tax=196),
        ),
        splits=(
            Split(
                value=1710,
                seller="Padaria Alves",
                reward=Reward(value=80, expiration_date=stage.today + timedelta(days=6)),
            ),
            Split(value=2500),
        ),
    )
    stage.plan_order(
        ana,
        6,
        store="Web shop",
        number="WE-ANA-6",
        redeem=200,
        lines=(
            Line(sku="Moka pot", category="kitchen", quantity=1, value=3490, tax=653),
            Line(sku="Single origin, 500 g", category="coffee", quantity=1, value=1650, tax=309),
        ),
    )
    stage.plan_order_refund(3, number="WE-ANA-6", cents=1650)
    stage.plan_order(
        ana,
        1,
        store="Web shop",
        redeem=150,
        hold_minutes=3 * 24 * 60,
        lines=(Line(sku="Gift box", category="gifts", quantity=1, value=2990, tax=559),),
    )

    stage.plan_redemption(tomas, 300, points=3000, store="Boavista")
    stage.plan_redemption(tomas, 150, points=2500, store="Web shop")
    together = Together(stage)
    together.plan_transfer(tomas, cast.PRIYA, 12, points=400, note="Happy birthday!")
    stage.plan_bonus(
        cast.PRIYA,
        15,
        points=250,
        note="For answering our survey",
        trigger="your_answer_to_our_survey",
    )

    stage.plan_purchase(beatriz, 25, cents=21900, store="Alvalade", number="AL-COFFEE-1")
    stage.plan_redemption(beatriz, 18, share=0.95, store="Alvalade")
    stage.plan_order_refund(6, number="AL-COFFEE-1", cents=21900)

    for days_ago in (580, 500, 420, 340, 260, 180, 100, 30):
        stage.plan_redemption(james, days_ago, share=0.9, store="Chiado")
    for days_ago in (500, 300, 120):
        stage.plan_redemption(
            cast.WALTER, days_ago, share=0.5, store=cast.MARKET, program="credits"
        )
    stage.plan_purchase(cast.INES, 2, cents=1240, store="Chiado")
    stage.plan_closing(cast.DUARTE, 190)
    stage.plan_nobodys_account(30, points=1000)
    _plan_together(together)


def _plan_together(together: Together) -> None:
    ana, james = cast.ANA, cast.JAMES
    together.plan_household(cast.FAMILY, ana, 75)
    together.plan_invitation(cast.FAMILY, ana, james, 74, may_send=True)
    together.plan_invitation(cast.FAMILY, ana, cast.CAMILLE, 4)
    together.plan_invitation(cast.FAMILY, ana, cast.INES, 1, accepted=False)
    together.plan_household(cast.CLUB, cast.TOMAS, 30)
    together.plan_invitation(cast.CLUB, cast.TOMAS, ana, 2, accepted=False)
    together.plan_transfer(ana, None, 60, points=120, into=cast.FAMILY, note="For the holidays")
    together.plan_transfer(james, cast.PRIYA, 33, points=40, out_of=cast.FAMILY)
    together.plan_transfer(cast.PRIYA, ana, 8, points=35, note="Thank you for the coffee")
    together.plan_transfer(ana, cast.TOMAS, 5, points=60, note="For the tickets")
