"""The catalogue says what can be had and what is missing; points become a voucher once."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image
from sqlalchemy import update

from portal import ledger, members, orm, rewards
from portal.access import sessions
from portal.access.models import MemberSession
from portal.members.models import Customer, Identifier
from portal.programs import find

DAY = timedelta(days=1)


def groups(page):
    """The headings of the catalogue with the names under them."""
    return {
        group.h2.text: [name.text for name in group.select("h3")]
        for group in page.select(".reward-group")
    }


def tile(page, name):
    """The words of one tile."""
    found = next(one for one in page.select(".tile") if one.h3.text == name)
    return " ".join(found.get_text(" ").split())


def test_what_can_be_had_now_comes_first_then_what_is_nearly_there(portal, gifts):
    portal.earn(260)
    gifts.offer("bag", price=500, position=0)
    gifts.offer("pot", price=1800, position=1)
    gifts.offer("cake", price=300, position=2)
    gifts.offer("tea", price=120, position=3)
    gifts.offer("coffee", price=150, position=4)
    page = portal.get("/rewards")
    assert groups(page) == {
        "You can have now": ["Tea", "Coffee"],
        "Nearly yours": ["Cake", "Bag"],
        "More to look forward to": ["Pot"],
    }
    assert "You have 260 points." in portal.text("/rewards")
    assert "240 points to go" in tile(page, "Bag")
    bag = next(one for one in page.select(".tile") if one.h3.text == "Bag")
    assert bag.select_one("progress")["value"] == "52"
    assert bag.select_one("progress")["aria-label"] == "Bag: 240 points to go"
    assert not next(one for one in page.select(".tile") if one.h3.text == "Tea").select("progress")


def test_the_catalogue_is_narrowed_by_category_and_by_what_can_be_had(portal, gifts):
    portal.earn(200)
    gifts.offer("coffee", price=150, categories=["drinks"])
    gifts.offer("tea", price=450, categories=["drinks"])
    gifts.offer("bag", price=100, categories=["things"])
    page = portal.get("/rewards")
    assert [chip.get_text(strip=True) for chip in page.select(".filters fieldset label")] == [
        "All",
        "Drinks",
        "Things",
    ]
    drinks = portal.get("/rewards?category=drinks")
    assert [name.text for name in drinks.select(".tile h3")] == ["Coffee", "Tea"]
    assert drinks.select_one("input[value=drinks]").has_attr("checked")
    now = portal.get("/rewards?now=1")
    assert [name.text for name in now.select(".tile h3")] == ["Bag", "Coffee"]
    both = portal.get("/rewards?now=1&category=things", htmx=True)
    assert [name.text for name in both.select(".tile h3")] == ["Bag"]
    assert both.select_one("#rewards")["data-say"] == "1 reward"
    # A category that nobody knows hides nothing.
    assert len(portal.get("/rewards?category=nowhere").select(".tile")) == 3
    portal.redeem(190)
    assert "There is no reward like that" in portal.text("/rewards?now=1")


def test_a_catalogue_without_rewards_says_so(portal):
    assert "No rewards yet" in portal.text("/rewards")


def test_pictures_have_their_size_and_are_kept(portal, gifts):
    portal.earn(10)
    gifts.offer("mug", picture=Image.new("RGB", (1600, 1200), "#336699"))
    gifts.offer("tea", kind="share_off", value="0.10", picture=None)
    page = portal.get("/rewards")
    image = page.select_one(".tile img")
    assert (image["width"], image["height"]) == ("480", "360")
    assert image["alt"] == "Picture of Mug"
    assert page.select_one(".face-mark").text == "10%"

    portal.client.delete_cookie("session")
    answer = portal.client.get(image["src"])
    assert answer.status_code == 200
    assert answer.content_type == "image/webp"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers
    again = portal.client.get(image["src"], headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    large = portal.client.get(image["src"].replace("small", "large"))
    assert len(large.data) > len(answer.data)
    for wrong in ("small/" + "0" * 64, "small/x", "huge/" + image["src"].rsplit("/", 1)[1]):
        assert portal.client.get(f"/pictures/{wrong}").status_code == 404


@pytest.mark.parametrize(
    ("kind", "mark"),
    [
        ({"kind": "amount_off", "value": 500}, "€5"),
        ({"kind": "amount_off", "value": 1050}, "€10.50"),
        ({"kind": "share_off", "value": "0.125"}, "12.5%"),
        ({"kind": "free_item"}, "#bag"),
        ({"kind": "gift"}, "#gift"),
        ({"kind": "donation"}, "#heart"),
    ],
)
def test_each_kind_without_a_picture_has_a_mark_of_its_own(portal, gifts, kind, mark):
    gifts.offer(**kind)
    face = portal.get("/rewards/mug").select_one(".face")
    if mark.startswith("#"):
        assert face.select_one("use")["href"].endswith(mark)
    else:
        assert face.text.strip() == mark


def test_a_reward_tells_all_before_anybody_asks(portal, gifts):
    portal.earn(900)
    gifts.offer(
        "bag",
        name="Cotton bag",
        description="Organic cotton.\nMade in Portugal.",
        stock=3,
        per_member=2,
        stores=["Corner Lisboa", "Corner Porto"],
        voucher_days=14,
        on_lapse="keep",
    )
    gifts.issue("bag")
    text = portal.text("/rewards/bag")
    for said in (
        "Cotton bag 500 points",
        "Organic cotton. Made in Portugal.",
        "Show the code at the till, and they hand it to you.",
        "Where Corner Lisboa, Corner Porto",
        "When Within 14 days of getting it",
        "In stock 2 left",
        "How many 2 for each member · you have had 1",
        "Not used in time The points are gone",
        "You have 400 points.",
        "100 points to go",
    ):
        assert said in text, said


def refuse_stock(portal, gifts):
    gifts.offer("mug", stock=0)


def refuse_limit(portal, gifts):
    gifts.offer("mug", per_member=1)
    gifts.issue("mug")


def refuse_points(portal, gifts):
    gifts.offer("mug", price=50_000)


def refuse_tier(portal, gifts):
    gifts.offer("mug", tiers=["gold"])


def refuse_before(portal, gifts):
    gifts.offer("mug", valid_from=(portal.at + 40 * DAY).date().isoformat())


def refuse_after(portal, gifts):
    gifts.offer("mug", valid_to=(portal.at - 40 * DAY).date().isoformat())


def refuse_switched_off(portal, gifts):
    gifts.offer("mug", active=False)


def refuse_frozen(portal, gifts):
    gifts.offer("mug")
    with orm.writing(portal.session):
        ledger.freeze(portal.session, account_id=portal.account_id, at=portal.at)


def refuse_fraud(portal, gifts):
    gifts.offer("mug")
    with orm.writing(portal.session):
        portal.session.execute(update(Customer).values(fraud_status="confirmed"))


REFUSALS = [
    (refuse_stock, "Out of stock"),
    (refuse_limit, "You have had yours: 1 for each member"),
    (refuse_points, "49,200 points to go"),
    (refuse_tier, "For Gold members"),
    (refuse_before, "From "),
    (refuse_after, "Was offered through "),
    (refuse_switched_off, "Not offered any more"),
    (refuse_frozen, "Your account is frozen"),
    (refuse_fraud, "This account cannot have rewards at the moment"),
]


@pytest.mark.parametrize(
    ("prepare", "words"), REFUSALS, ids=lambda one: getattr(one, "__name__", "")
)
def test_what_cannot_be_had_is_said_before(portal, gifts, prepare, words):
    portal.earn(1300 if prepare is refuse_limit else 800)
    prepare(portal, gifts)
    page = portal.get("/rewards/mug")
    refusals = page.select_one("#why-not").get_text(" ", strip=True)
    assert words in refusals
    assert not page.select("a[href$=confirm]")
    answer = portal.client.get("/rewards/mug/confirm")
    assert answer.status_code == 303
    assert answer.location == "/rewards/mug"


@pytest.mark.parametrize(
    ("prepare", "words"), REFUSALS, ids=lambda one: getattr(one, "__name__", "")
)
def test_what_changes_in_between_is_said_well_and_takes_nothing(portal, gifts, prepare, words):
    portal.earn(1300 if prepare is refuse_limit else 800)
    gifts.offer("mug", price=500)
    fields = gifts.form("/rewards/mug/confirm")
    prepare(portal, gifts)
    balance = gifts.balance()
    answer = gifts.send("/rewards/mug/confirm", fields)
    assert answer.status_code == 409
    said = gifts.words(answer)
    assert "Nothing was taken from you." in said
    assert gifts.balance() == balance
    assert len(gifts.mine()) == (prepare is refuse_limit)
    fragment = gifts.send("/rewards/mug/confirm", fields, htmx=True)
    assert fragment.status_code == 409
    assert fragment.headers["HX-Retarget"] == "#agree"
    assert "<html" not in fragment.text


def test_the_balance_after_is_said_and_true(portal, gifts):
    portal.earn(1240)
    gifts.offer("mug", name="Blue mug", voucher_days=30)
    text = portal.text("/rewards/mug/confirm")
    assert "Get Blue mug?" in text
    assert "You have 1,240 points It costs −500 points You keep 740 points" in text
    assert "you can cancel it and have the same points back" in text
    voucher_id = gifts.take()
    assert gifts.balance() == 740
    found = gifts.found(voucher_id)
    assert found.points == 500
    assert found.status == "issued"


def test_sent_twice_or_again_from_the_back_button_it_is_done_once(portal, gifts):
    portal.earn(1240)
    gifts.offer("mug")
    fields = gifts.form("/rewards/mug/confirm")
    first = gifts.send("/rewards/mug/confirm", fields)
    again = gifts.send("/rewards/mug/confirm", fields)
    by_htmx = gifts.send("/rewards/mug/confirm", fields, htmx=True)
    assert first.status_code == again.status_code == 303
    assert first.location == again.location == by_htmx.headers["HX-Redirect"]
    assert len(gifts.mine()) == 1
    assert gifts.balance() == 740
    # Another look at the form is another wish.
    gifts.take()
    assert len(gifts.mine()) == 2


def test_a_form_that_is_not_ours_does_nothing(portal, gifts):
    portal.earn(1240)
    gifts.offer("mug")
    fields = gifts.form("/rewards/mug/confirm")
    for wrong in ({"operation": "mine"}, {"price": "x"}, {"price": "-500"}, {"price": ""}):
        answer = gifts.send("/rewards/mug/confirm", fields | wrong)
        assert answer.status_code == 422, wrong
        assert "This page is out of date" in gifts.words(answer)
    assert gifts.send("/rewards/mug/confirm", {"price": "500"}).status_code == 400
    gifts.send("/rewards/mug/confirm", fields)
    other = gifts.send("/rewards/mug/confirm", fields | {"price": "1"})
    assert other.status_code == 409
    assert len(gifts.mine()) == 1


@pytest.mark.parametrize("price", [400, 600])
def test_a_price_that_changed_is_asked_about_again(portal, gifts, price):
    portal.earn(1240)
    gifts.offer("mug", price=500)
    fields = gifts.form("/rewards/mug/confirm")
    gifts.offer("mug", price=price)
    answer = gifts.send("/rewards/mug/confirm", fields)
    assert answer.status_code == 409
    assert f"The price has changed: it is {price} points now. Nothing was taken" in gifts.words(
        answer
    )
    assert gifts.balance() == 1240
    gifts.take()
    assert gifts.balance() == 1240 - price


def test_a_donation_is_given_at_once(portal, gifts):
    portal.earn(700)
    gifts.offer("trees", name="Trees", kind="donation", price=300)
    assert "cannot come back" in portal.text("/rewards/trees/confirm")
    voucher_id = gifts.take("trees")
    text = portal.text(f"/vouchers/{voucher_id}?new=1")
    assert "Thank you. Your 300 points were passed on." in text
    page = portal.get(f"/vouchers/{voucher_id}")
    assert not page.select(".bright")
    assert not page.select("a[href$=cancel]")
    assert "Gave 300 points to Trees" in portal.text("/history")


def test_who_was_away_shows_that_it_is_them_first(portal, gifts):
    portal.earn(700)
    gifts.offer("mug")
    fields = gifts.form("/rewards/mug/confirm")
    with orm.writing(portal.session):
        portal.session.execute(
            update(MemberSession).values(fresh_until=portal.at - timedelta(hours=1))
        )
    assert portal.client.get("/rewards/mug/confirm").location == "/prove"
    assert gifts.send("/rewards/mug/confirm", fields).location == "/prove"
    assert gifts.mine() == ()
    assert portal.get("/rewards/mug").select("a[href$=confirm]")


def test_rewards_of_a_program_they_are_not_in_are_not_there(portal, gifts):
    gifts.offer("soup", program="credits")
    for path in ("/rewards/soup", "/rewards/soup/confirm", "/rewards/nothing"):
        portal.get(path, status=404)


def test_a_reward_of_the_other_program_is_bought_with_its_points(portal, gifts):
    gifts.offer("soup", program="credits", price=450)
    with orm.writing(portal.session):
        credits = ledger.open_account(
            portal.session, program_id="credits", customer_id=portal.customer_id, at=portal.at
        )
    portal.earn(1000)
    portal.earn(1250, account_id=credits.id, expires_in=None)
    assert "You keep €8.00" in portal.text("/rewards/soup/confirm?program=corner")
    gifts.take("soup")
    assert gifts.balance() == 1000
    assert [name.text for name in portal.get("/rewards?program=credits").select("h3")] == ["Soup"]


def test_the_pages_ask_the_database_the_same_few_times(portal, gifts):
    portal.earn(50_000)
    gifts.offer("mug")
    few = {
        path: portal.count(path) for path in ("/rewards", "/rewards/mug", "/rewards/mug/confirm")
    }
    for number in range(15):
        gifts.offer(f"mug{number}", picture=Image.new("RGB", (40, 30)), stock=9, per_member=5)
        gifts.issue(f"mug{number}")
    for path, count in few.items():
        assert portal.count(path) == count <= 8, path


def test_a_member_of_no_program_has_no_rewards(portal):
    with orm.writing(portal.session):
        alone = members.create_customer(portal.session, identifiers=[], at=portal.at)
        token = sessions.open(portal.session, customer_id=alone.id, at=portal.at).token
    portal.client.set_cookie("session", token)
    for path in ("/rewards", "/vouchers", "/card"):
        assert "You have no points yet" in portal.text(path)


def test_the_message_about_a_voucher_names_it_and_keeps_its_code(portal, gifts):
    portal.earn(700)
    gifts.offer("mug", name="Blue mug")
    with orm.writing(portal.session):
        portal.session.add(
            Identifier(
                customer_id=portal.customer_id,
                type="mobile",
                value="+447400000001",
                source_account="",
                verified_at=portal.at,
                created_at=portal.at,
            )
        )
    found = gifts.found(gifts.take())
    for _ in range(100):
        if sent := portal.client.get("/dev/messages.json").json["data"]:
            break
        time.sleep(0.05)
    program = find(portal.session, "corner")
    assert "Your voucher for Blue mug (Corner Points) is ready." in sent[0]["body"]
    assert found.code not in sent[0]["body"]
    assert program.last_day(found.expires_at).strftime("%B %Y") in sent[0]["body"]
    assert rewards.voucher(portal.session, code=found.code, at=datetime.now(UTC)).id == found.id
