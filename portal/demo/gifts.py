"""The rewards of the demonstration, as their files say them, and who turned points into them."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal import ledger, rewards
from portal.demo import cast, pictures
from portal.demo.cast import Person
from portal.demo.stage import Stage

OFFERED_DAYS = 120
_EARLY = 8
"""The hour of all that is done here: before the first purchase of a day."""

MOKA_STOCK = 2
"""So few that the demonstration takes them all."""

REWARDS: tuple[dict[str, Any], ...] = (
    {
        "id": "filter-coffee",
        "name": "Filter coffee",
        "description": "A cup of the roast of the week, brewed by hand, here or to take along.",
        "price": 150,
        "kind": "free_item",
        "categories": ["coffee"],
        "voucher_days": 30,
        "picture": "coffee",
    },
    {
        "id": "almond-cake",
        "name": "Slice of almond cake",
        "description": "Baked every morning by Padaria Alves. While there is some.",
        "price": 220,
        "kind": "free_item",
        "stores": ["Chiado", "Alvalade"],
        "categories": ["treats"],
        "voucher_days": 14,
        "picture": "cake",
    },
    {
        "id": "five-off",
        "name": "Five euros off",
        "description": "Off your next purchase, in a store or on the web.",
        "price": 500,
        "kind": "amount_off",
        "value": 500,
        "categories": ["money off"],
        "voucher_days": 90,
        "picture": "voucher",
    },
    {
        "id": "tenth-off",
        "name": "A tenth off everything",
        "description": "Off one whole purchase, however large.",
        "price": 800,
        "kind": "share_off",
        "value": "0.10",
        "categories": ["money off"],
        "voucher_days": 30,
    },
    {
        "id": "cotton-bag",
        "name": "Cotton bag",
        "description": "Organic cotton, sewn in Guimarães, for everything that does not fit "
        "into your pockets.",
        "price": 650,
        "kind": "gift",
        "stock": 8,
        "per_member": 1,
        "categories": ["to keep"],
        "voucher_days": 30,
        "picture": "tote",
    },
    {
        "id": "house-roast",
        "name": "House roast, 250 g",
        "description": "Chocolate and hazelnut; whole beans, or ground while you wait.",
        "price": 900,
        "kind": "gift",
        "categories": ["coffee"],
        "voucher_days": 30,
        "picture": "beans",
    },
    {
        "id": "tasting",
        "name": "An evening of tasting",
        "description": "Six coffees, two hours, one of our roasters. For our Gold members.",
        "price": 1200,
        "kind": "gift",
        "tiers": ["gold"],
        "stock": 24,
        "per_member": 2,
        "stores": ["Chiado"],
        "categories": ["to do"],
        "voucher_days": 60,
        "picture": "workshop",
    },
    {
        "id": "moka-pot",
        "name": "Moka pot",
        "description": "For three cups, made of steel, good for every stove.",
        "price": 1800,
        "kind": "gift",
        "stock": MOKA_STOCK,
        "categories": ["to keep"],
        "voucher_days": 60,
        "picture": "moka",
    },
    {
        "id": "plant-a-tree",
        "name": "A tree in the Serra",
        "description": "We plant a young oak where the fires were, and add a second one ourselves.",
        "price": 300,
        "kind": "donation",
        "categories": ["to do"],
        "picture": "trees",
    },
    {
        "id": "roasting-course",
        "name": "A day at the roastery",
        "description": "Roast your own kilogram with us, and take it home.",
        "price": 6500,
        "kind": "gift",
        "categories": ["to do"],
        "on_lapse": "keep",
        "voucher_days": 180,
    },
)
"""In the order of their display; ``picture`` names a drawing of :mod:`portal.demo.pictures`."""


def plan(stage: Stage, session: Session, *, actor: str) -> None:
    """Plan the catalogue and what members had of it: open, used, cancelled, lapsed, given."""

    def offer(when: datetime) -> None:
        for position, document in enumerate(REWARDS):
            rewards.apply(
                session,
                document=document | {"program": "corner", "position": position},
                actor=actor,
                at=when,
                read_picture=pictures.draw,
            )

    stage.plan(OFFERED_DAYS, offer, hour=_EARLY)
    giving = _Giving(stage, session, actor)
    for _ in range(MOKA_STOCK):
        giving.plan(cast.TOMAS, 60, "moka-pot", used_days_ago=58, store="Boavista")
    giving.plan(cast.TOMAS, 4, "filter-coffee")
    giving.plan(cast.ANA, 95, "five-off", used_days_ago=80, store="Chiado")
    giving.plan(cast.ANA, 70, "almond-cake")
    giving.plan(cast.ANA, 33, "cotton-bag", cancelled_days_ago=32)
    giving.plan(cast.ANA, 16, "plant-a-tree")
    giving.plan(cast.ANA, 5, "filter-coffee")


class _Giving:
    """What planning a voucher needs each time."""

    def __init__(self, stage: Stage, session: Session, actor: str):
        self._stage, self._session, self._actor = stage, session, actor

    def plan(
        self,
        person: Person,
        days_ago: int,
        reward: str,
        *,
        used_days_ago: int | None = None,
        store: str | None = None,
        cancelled_days_ago: int | None = None,
    ) -> None:
        """Somebody turns points into a voucher, and uses it, gives it back or leaves it."""
        codes: list[str] = []

        def member() -> str:
            account = ledger.find_account(self._session, self._stage.account(person))
            return f"member:{account.customer_id}"

        def issue(when: datetime) -> None:
            voucher = rewards.issue(
                self._session,
                account_id=self._stage.account(person),
                reward_id=reward,
                actor=member(),
                at=when,
            )
            codes.append(voucher.code)

        def use(when: datetime) -> None:
            rewards.use(self._session, code=codes[0], store=store, actor=self._actor, at=when)

        def cancel(when: datetime) -> None:
            rewards.cancel(self._session, code=codes[0], actor=member(), at=when)

        self._stage.plan(days_ago, issue, hour=_EARLY)
        if used_days_ago is not None:
            self._stage.plan(used_days_ago, use, hour=_EARLY)
        if cancelled_days_ago is not None:
            self._stage.plan(cancelled_days_ago, cancel, hour=_EARLY)
