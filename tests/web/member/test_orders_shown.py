"""What an order earned and why, how it was paid, holds, refunds and tiers, as a member reads it."""

import csv
import io
from datetime import timedelta

import pytest

from portal import checkout, ledger, orm, programs
from portal.ledger import EventName
from portal.members import Reference

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)

RULES = {
    "id": "corner",
    "name": "Corner Points",
    "currency": "PTS",
    "unit": {"one": "point", "other": "points"},
    "timezone": "Europe/Lisbon",
    "default": True,
    "rate": {"points": 100, "value": 100, "currency": "EUR"},
    "earning": [
        {"id": "base", "kind": "spend", "currency": "EUR", "per": 100, "points": 1},
        {
            "id": "beans",
            "kind": "item",
            "name": "coffee beans",
            "categories": ["coffee"],
            "points": 50,
            "each": 1,
            "wait_days": 14,
        },
        {
            "id": "review",
            "kind": "trigger",
            "name": "your review",
            "trigger": "review",
            "points": 25,
        },
    ],
    "tiers": [
        {"id": "silver", "name": "Silver", "from": 100, "benefits": ["Free coffee on Mondays"]},
        {"id": "gold", "name": "Gold", "from": 1000, "multiplier": "1.5"},
    ],
    "redemption": {"approval": "none"},
}


@pytest.fixture
def shop(portal):
    """The portal with rules to earn by; ``place`` sends an order of Rita's."""
    with orm.writing(portal.session):
        programs.apply(portal.session, document=RULES, actor="test", at=portal.at)

    def place(number, value, *, minutes_ago=1, **more):
        at = portal.at - minutes_ago * MINUTE
        with orm.writing(portal.session):
            placed = checkout.place(
                portal.session,
                wish=checkout.OrderWish(
                    number=number,
                    value=value,
                    currency="EUR",
                    store="Corner Lisboa",
                    till="2",
                    holder=checkout.Holder(
                        reference=Reference(account=portal.account_id), program=None
                    ),
                    **more,
                ),
                actor="key:till",
                at=at,
            )
        portal.session.rollback()
        return placed.order

    portal.place = place
    return portal


def lines(page):
    return [line.get_text(" ", strip=True) for line in page.select(".line-sentence")]


def words(element):
    return " ".join(element.get_text(" ").split())


def first_story(portal, sentence):
    for line in portal.get("/history").select("details.line"):
        if sentence in line.select_one(".line-sentence").text:
            return portal.get(line["hx-get"])
    raise AssertionError(f"no line says {sentence}")


def test_an_order_says_what_it_earned_and_why(shop):
    shop.earn(1000, days_ago=10)
    shop.place("1029", 4210)
    why = first_story(shop, "Earned 63 points").select_one(".story-why")
    steps = [step.text for step in why.select(".why-step")]
    assert steps == ["1 point per €1 on €42.10 = 42", "Gold ×1.5 = 63"]
    assert why.select_one(".amount").text == "63 points"


def test_promised_and_waiting_parts_say_what_they_wait_for(shop):
    shop.place(
        "1030",
        3000,
        lines=[
            checkout.Line(sku="BEANS-1", category="coffee", quantity=2, value=2000, tax=0),
            checkout.Line(sku="CUP", quantity=1, value=1000, tax=0),
        ],
    )
    said = lines(shop.get("/history"))
    assert any(line.startswith("Promised 100 points") for line in said)
    promised = first_story(shop, "Promised 100 points")
    assert "coffee beans" in words(promised.select_one(".story-why"))
    assert "From " in promised.select_one(".story-why .row-note").text
    waiting = first_story(shop, "Promised 25 points")
    assert "25 points, waiting for your review" in words(waiting.select_one(".story-why"))
    bought = [words(line) for line in waiting.select(".story-bought li")]
    assert bought == ["BEANS-1 coffee, × 2 €20.00", "CUP €10.00"]
    home = words(shop.get("/home").select_one("#promised"))
    assert "Waiting for your review" in home
    assert "25 points" in home
    assert "100 points" in home


def test_what_points_paid_and_what_came_back_lead_to_each_other(shop):
    shop.earn(500, days_ago=10)
    order = shop.place("1031", 2000, redeem=[checkout.Redeem(points=300)])
    page = first_story(shop, "Earned")
    facts = words(page.select_one(".story-facts"))
    assert "Paid with points €3.00" in facts
    assert "What else this order did" in page.text
    spent = page.find("a", string="Paid with points")
    other = shop.get(spent["href"])
    assert "The points paid €3.00" in words(other.select_one(".story-facts"))
    assert other.find("a", string="Earned")["href"].startswith("/history/ptx_")
    with orm.writing(shop.session):
        checkout.refund(
            shop.session,
            order_id=order.id,
            wish=checkout.RefundWish(value=1000),
            actor="key:till",
            at=shop.at,
        )
    again = shop.get(spent["href"])
    assert "Returned since €10.00" in words(again.select_one(".story-facts"))
    back = again.find("a", string="Given back after a return")
    assert back is not None
    assert shop.get(back["href"]).find("a", string="Paid with points")["href"] == spent["href"]
    assert again.find("a", string="Taken back after a return") is not None


def test_a_hold_reads_as_one_until_it_is_paid(shop):
    shop.earn(500, days_ago=10)
    order = shop.place(
        "1032", 2000, redeem=[checkout.Redeem(points=300)], capture=False, hold_minutes=30
    )
    page = shop.get("/history")
    assert lines(page)[0].startswith("300 points on hold until ")
    assert "Not paid yet" in page.select("details.line")[0].text
    assert "Spent" not in lines(page)[0]
    story = shop.get(page.select("details.line")[0]["hx-get"])
    assert "On hold until" in words(story.select_one(".story-facts"))
    assert "On hold until" in words(shop.get("/home").select_one("#last li"))
    rows = list(csv.DictReader(io.StringIO(shop.client.get("/history.csv").text[1:])))
    assert rows[0]["State"] == "On hold"
    with orm.writing(shop.session):
        checkout.capture_order(shop.session, order_id=order.id, actor="key:till", at=shop.at)
    said = lines(shop.get("/history"))
    assert any(line.startswith("Spent 300 points") for line in said)
    assert not any("on hold" in line for line in said)


def test_a_hold_that_ended_by_itself_was_one(shop):
    shop.earn(500, days_ago=10)
    with orm.writing(shop.session):
        ledger.redeem(
            shop.session,
            account_id=shop.account_id,
            points=200,
            facts=shop.facts(EventName.POINTS_REDEMPTION, at=shop.at - DAY),
            held_until=shop.at - DAY + 15 * MINUTE,
            at=shop.at - DAY,
        )
    said = lines(shop.get("/history"))
    assert said[:2] == [
        "200 points came back: the payment was not completed",
        "200 points were on hold",
    ]
    rows = list(csv.DictReader(io.StringIO(shop.client.get("/history.csv").text[1:])))
    assert [row["State"] for row in rows] == ["Being booked", "Booked", "Booked"]
    assert rows[0]["Reference"] == ""


def test_the_ladder_says_what_is_missing_and_what_each_tier_gives(shop):
    shop.earn(760)
    page = shop.get("/home")
    tier = page.select_one("#tier")
    assert "You are Silver. 240 points to Gold" in words(tier)
    assert "760 points earned so far" in words(tier)
    bar = tier.select_one("progress")
    assert (bar["value"], bar["max"]) == ("73", "100")
    rungs = [words(rung) for rung in tier.select(".rung")]
    assert rungs == [
        "Silver from 100 You are here Free coffee on Mondays",
        "Gold from 1,000 Next 1.5 × points on purchases",
    ]


def test_a_ladder_by_a_rolling_year_forgets_what_is_older(shop):
    shop.earn(900, days_ago=500, expires_in=400)
    shop.earn(160, days_ago=30)
    assert "You are Gold" in shop.text("/home")
    with orm.writing(shop.session):
        document = RULES | {"tier_basis": "rolling_year"}
        programs.apply(shop.session, document=document, actor="test", at=shop.at)
    tier = words(shop.get("/home").select_one("#tier"))
    assert "You are Silver. 840 points to Gold" in tier
    assert "160 points earned in the last twelve months" in tier


@pytest.mark.parametrize("basis", ["lifetime", "rolling_year"])
def test_every_page_asks_at_most_eight_times(shop, basis):
    with orm.writing(shop.session):
        document = RULES | {"tier_basis": basis}
        programs.apply(shop.session, document=document, actor="test", at=shop.at)
    shop.earn(500, days_ago=10)
    order = shop.place("1033", 2000, redeem=[checkout.Redeem(points=100)])
    with orm.writing(shop.session):
        checkout.refund(
            shop.session,
            order_id=order.id,
            wish=checkout.RefundWish(value=500),
            actor="key:till",
            at=shop.at,
        )
    paths = [line["hx-get"] for line in shop.get("/history").select("details.line")]
    assert len(paths) >= 5
    for path in ("/home", "/history", *paths):
        assert shop.count(path) <= 8, path
