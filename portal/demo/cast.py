"""Who and what the demonstration shows: programs, stores, and people who do not exist.

Phone numbers are from ranges that are kept free for fiction: +44 7700 900000
to 900999 (Ofcom), +33 6 39 98 (ARCEP) and +1 202 555 0100 to 0199 (NANPA).
"""

import unicodedata
from dataclasses import dataclass
from typing import Any

MARK = "demonstration"
"""In the metadata of every demonstration customer and account."""

FAMILY, CLUB = "Duarte and friends", "Coffee club"
"""Households."""

NOBODY = "demonstration-gift-card-0042"
"""The external id of the account that belongs to nobody yet."""

CORNER: dict[str, Any] = {
    "id": "corner",
    "name": "Corner Points",
    "currency": "PTS",
    "decimals": 0,
    "unit": {"one": "point", "other": "points"},
    "timezone": "Europe/Lisbon",
    "default": True,
    "auto_enrol": True,
    "self_enrol": True,
    "terms_url": None,
    "theme": {"accent": "#0a7d5a", "logo": None},
    "expiry": {"kind": "months", "months": 12, "to_month_end": False},
    "rate": {"points": 100, "value": 100, "currency": "EUR"},
    "earning": [
        {
            "id": "base",
            "kind": "spend",
            "currency": "EUR",
            "per": 100,
            "points": 1,
            "tax": "included",
            "wait_days": 0,
        },
        {"id": "visit", "kind": "visit", "name": "coming by", "points": 5, "once_a_day": True},
        {
            "id": "beans",
            "kind": "item",
            "name": "coffee beans",
            "categories": ["coffee"],
            "points": 25,
        },
        {
            "id": "sunday",
            "kind": "promotion",
            "name": "Double Sunday",
            "multiplier": "2",
            "weekdays": ["sun"],
            "stores": ["Chiado", "Alvalade"],
        },
        {
            "id": "big-basket",
            "kind": "promotion",
            "name": "the big basket bonus",
            "bonus": 20,
            "currency": "EUR",
            "min_value": 15000,
            "wait_days": 14,
        },
        {"id": "welcome", "kind": "event", "event": "account.created", "points": 50},
        {"id": "birthday", "kind": "event", "event": "birthday", "points": 100},
    ],
    "tiers": [
        {
            "id": "silver",
            "name": "Silver",
            "from": 1000,
            "multiplier": "1.25",
            "benefits": ["A free coffee on your birthday"],
        },
        {
            "id": "gold",
            "name": "Gold",
            "from": 4000,
            "multiplier": "1.5",
            "benefits": ["Free delivery from the web shop", "First to hear of new roasts"],
        },
    ],
    "redemption": {
        "min": 100,
        "max": 50000,
        "per_day": 100000,
        "reversal": True,
        "grace_days": 30,
        "hold_minutes_max": 10080,
        "approval": "none",
    },
    "transfers": {"enabled": True, "min": 1, "max": 10000, "per_day": 20000, "per_month": 50000},
}

CREDITS: dict[str, Any] = {
    "id": "credits",
    "name": "Market Credits",
    "currency": "EUR",
    "decimals": 2,
    "unit": {"one": "euro credit", "other": "euro credits"},
    "timezone": "Europe/Lisbon",
    "auto_enrol": False,
    "self_enrol": True,
    "theme": {"accent": "#5a3fb0", "logo": None},
    "expiry": {"kind": "months", "months": 12, "to_month_end": True},
    "rate": {"points": 1, "value": 1, "currency": "EUR"},
    "earning": [
        {
            "id": "cashback",
            "kind": "spend",
            "currency": "EUR",
            "per": 100,
            "points": 3,
            "tax": "included",
            "wait_days": 14,
        }
    ],
    "redemption": {"min": 100, "approval": "none"},
    "transfers": {"enabled": False},
}

CORNER_STORES = ("Chiado", "Alvalade", "Boavista", "Web shop")
MARKET = "Mercado da Ribeira"


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """How someone buys: about every ``days``, for ``cents`` from and to, at these stores."""

    days: float
    cents: tuple[int, int]
    stores: tuple[str, ...]
    since_days: int
    """How long ago it began."""
    until_days: int = 0
    """How long ago it ended."""
    program: str = "corner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Someone of the demonstration; ``shows`` is what their pages have to show."""

    first_name: str
    last_name: str
    mobile: str
    card_number: str
    shows: str
    habits: tuple[Habit, ...]
    language: str = "en"

    @property
    def external_id(self) -> str:
        """What the tills call them."""
        return f"{MARK}-{_ascii(self.first_name)}"

    @property
    def email(self) -> str:
        """An address in a domain that takes no mail."""
        return f"{_ascii(self.first_name)}.{_ascii(self.last_name)}@example.com"

    @property
    def name(self) -> str:
        """Their whole name."""
        return f"{self.first_name} {self.last_name}"


def _ascii(name: str) -> str:
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()


ANA = Person(
    first_name="Ana",
    last_name="Duarte",
    mobile="+447700900101",
    card_number="6310000000000010",
    shows="both programs, an order on hold, a household, an invitation",
    language="pt",
    habits=(
        Habit(
            days=6, cents=(1490, 7980), stores=("Chiado", "Alvalade", "Web shop"), since_days=730
        ),
        Habit(days=11, cents=(900, 9500), stores=(MARKET,), since_days=420, program="credits"),
    ),
)
TOMAS = Person(
    first_name="Tomás",
    last_name="Ferreira",
    mobile="+447700900102",
    card_number="6310000000000028",
    shows="many points, Gold; the curl line below spends some of them",
    language="pt",
    habits=(Habit(days=5, cents=(2500, 18900), stores=("Boavista", "Web shop"), since_days=725),),
)
BEATRIZ = Person(
    first_name="Beatriz",
    last_name="Nunes",
    mobile="+447700900103",
    card_number="6310000000000036",
    shows="a debt, after a refund of what had been spent already",
    language="pt",
    habits=(
        Habit(days=45, cents=(800, 2600), stores=("Alvalade",), since_days=400, until_days=60),
    ),
)
JAMES = Person(
    first_name="James",
    last_name="Whitfield",
    mobile="+447700900104",
    card_number="6310000000000044",
    shows="redeems nearly all of it, again and again",
    habits=(Habit(days=8, cents=(1200, 6400), stores=("Chiado", "Boavista"), since_days=640),),
)
PRIYA = Person(
    first_name="Priya",
    last_name="Raman",
    mobile="+447700900105",
    card_number="6310000000000051",
    shows="points sent by Tomás Ferreira, and some that wait for an answer to a survey",
    habits=(Habit(days=15, cents=(900, 4200), stores=("Web shop",), since_days=500),),
)
CAMILLE = Person(
    first_name="Camille",
    last_name="Moreau",
    mobile="+33639980106",
    card_number="6310000000000069",
    shows="everything expired while she was away; she has just come back",
    language="fr",
    habits=(
        Habit(days=12, cents=(1500, 5200), stores=("Chiado",), since_days=720, until_days=410),
        Habit(days=2, cents=(1500, 4200), stores=("Chiado",), since_days=5),
    ),
)
INES = Person(
    first_name="Inês",
    last_name="Carvalho",
    mobile="+447700900107",
    card_number="6310000000000077",
    shows="joined this week: a welcome bonus and little else",
    language="pt",
    habits=(),
)
DUARTE = Person(
    first_name="Duarte",
    last_name="Lopes",
    mobile="+447700900108",
    card_number="6310000000000085",
    shows="a closed account",
    language="pt",
    habits=(
        Habit(days=20, cents=(1100, 3900), stores=("Boavista",), since_days=700, until_days=200),
    ),
)
SOFIA = Person(
    first_name="Sofia",
    last_name="Almeida",
    mobile="+447700900109",
    card_number="6310000000000093",
    shows="euro credits only, the latest still promised",
    language="pt",
    habits=(Habit(days=4, cents=(600, 4400), stores=(MARKET,), since_days=40, program="credits"),),
)
WALTER = Person(
    first_name="Walter",
    last_name="Brooks",
    mobile="+12025550110",
    card_number="6310000000000101",
    shows="euro credits for two years, redeemed now and then",
    habits=(Habit(days=9, cents=(700, 8800), stores=(MARKET,), since_days=728, program="credits"),),
)

PEOPLE = (ANA, TOMAS, BEATRIZ, JAMES, PRIYA, CAMILLE, INES, DUARTE, SOFIA, WALTER)
