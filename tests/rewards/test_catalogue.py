"""The catalogue: what I can have now first, then what is nearly mine, and why not the rest."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from portal import programs, rewards
from portal.ledger.errors import InsufficientPoints
from portal.programs import Money
from portal.rewards import Kind
from portal.rewards.errors import RewardNotFound, RewardNotInStore, RewardOutOfStock

DAY = timedelta(days=1)


@pytest.fixture
def shelf(shop):
    """Rewards of every sort, and a member with 1,000 points."""
    shop.reward(id="cheap", price=100, position=5, categories=["home", "gift"])
    shop.reward(id="dear", price=900, position=1, categories=["home"])
    shop.reward(id="near", price=1100, position=9)
    shop.reward(id="far", price=9000, position=0)
    shop.reward(id="gone", price=100, stock=0)
    shop.reward(id="golden", price=100, tiers=["gold"])
    shop.reward(id="golden-far", price=1100, tiers=["gold"])
    shop.reward(id="later", valid_from="2026-03-03")
    shop.reward(id="over", valid_to="2026-03-01")
    shop.reward(id="off", active=False)
    shop.reward(id="five", kind="amount_off", value=500, price=200, position=6)
    shop.reward(id="trees", kind="donation", price=300, position=7)
    shop.program(id="other", default=False)
    shop.reward(id="elsewhere", program="other")
    return shop.member(1000)


def ids(offers):
    return [offer.reward.id for offer in offers]


def test_what_can_be_had_comes_first_then_what_is_nearly_mine(shop, shelf):
    found = shop.catalogue(shelf)
    assert ids(found) == [
        "dear",
        "cheap",
        "five",
        "trees",
        "near",
        "far",
        "golden",
        "gone",
        "golden-far",
    ]
    by_id = {offer.reward.id: offer for offer in found}
    assert [offer.available for offer in found] == [True] * 4 + [False] * 5
    assert [offer.nearly for offer in found] == [False] * 4 + [True] * 2 + [False] * 3
    near = by_id["near"]
    assert (near.affordable, near.missing_points) == (False, 100)
    assert near.refusals[0].detail == "100 points are missing for this reward."
    assert (by_id["far"].missing_points, by_id["cheap"].missing_points) == (8000, 0)
    assert isinstance(by_id["gone"].refusals[0], RewardOutOfStock)
    assert by_id["golden"].affordable
    assert isinstance(by_id["golden-far"].refusals[1], InsufficientPoints)


def test_what_it_says_is_what_issuing_does(shop, shelf):
    for offer in shop.catalogue(shelf, tier="gold"):
        if offer.available:
            shop.cancel(shop.issue(shelf, offer.reward.id, tier="gold")) if (
                offer.reward.kind is not Kind.DONATION
            ) else shop.issue(shelf, offer.reward.id)
        else:
            with pytest.raises(type(offer.refusals[0])):
                shop.issue(shelf, offer.reward.id, tier="gold")


def test_it_is_one_statement_for_who_knows_the_balance(shop, shelf, engine):
    account, program = shop.account(shelf), programs.find(shop.session, "corner")
    asked = []
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    more = {"program": program, "account": account, "balance": 1000, "at": shop.at}
    found = rewards.catalogue(shop.session, **more)
    assert len(asked) == 1
    assert ids(found) == ids(shop.catalogue(shelf))
    asked.clear()
    rewards.offer(shop.session, reward_id="near", **more)
    assert len(asked) == 1
    asked.clear()
    rewards.vouchers_of(shop.session, account_ids=[shelf], at=shop.at)
    assert len(asked) == 1
    asked.clear()
    rewards.fitting(shop.session, order=Money(100, "EUR"), **more)
    assert len(asked) == 2


def test_it_is_filtered_by_category_and_kind(shop, shelf):
    assert ids(shop.catalogue(shelf, category="home")) == ["dear", "cheap"]
    assert ids(shop.catalogue(shelf, category="gift")) == ["cheap"]
    assert ids(shop.catalogue(shelf, category="none")) == []
    assert ids(shop.catalogue(shelf, kind=Kind.DONATION)) == ["trees"]


def test_without_an_account_only_what_stands_against_everyone_is_said(shop, shelf):
    found = {offer.reward.id: offer for offer in shop.catalogue()}
    assert found["golden"].available
    assert not found["gone"].available
    assert (found["cheap"].affordable, found["cheap"].missing_points) == (False, 100)
    assert shop.offer(reward_id="later").refusals[0].code == "reward_not_yet"


def test_where_the_member_is(shop):
    shop.reward(stores=["baixa"])
    account = shop.member(500)
    (offer,) = shop.catalogue(account, store="porto")
    assert isinstance(offer.refusals[0], RewardNotInStore)
    assert shop.catalogue(account, store="baixa")[0].available
    assert shop.catalogue(account)[0].available


def test_a_debt_is_no_balance_below_zero(shop, shelf):
    offer = shop.offer(shelf, "cheap", balance=-50)
    assert (offer.affordable, offer.missing_points) == (False, 100)
    assert offer.refusals[0].facts["available"] == 0


def test_a_reward_of_another_program_is_not_here(shop, shelf):
    with pytest.raises(RewardNotFound):
        shop.offer(shelf, "elsewhere")


# -- what fits an order


def fitting(shop, account, order, **more):
    return rewards.fitting(
        shop.session,
        program=programs.find(shop.session, "corner"),
        account=shop.account(account),
        order=order,
        at=more.pop("at", shop.at),
        **more,
    )


def test_an_order_is_told_what_fits_it(shop, shelf):
    five, cheap = shop.issue(shelf, "five"), shop.issue(shelf, "cheap")
    shop.issue(shelf, "trees")
    shop.use(shop.issue(shelf, "cheap"))
    found = fitting(shop, shelf, Money(300, "EUR"))
    assert {(each.voucher.id, each.off) for each in found.vouchers} == {
        (five.id, Money(300, "EUR")),
        (cheap.id, None),
    }
    # 300 points are left: what is to be had comes first, a donation goes with no order.
    assert [(each.offer.reward.id, each.offer.available) for each in found.rewards] == [
        ("cheap", True),
        ("five", True),
        ("dear", False),
        ("near", False),
        ("far", False),
    ]
    other = fitting(shop, shelf, Money(300, "GBP"))
    assert [each.voucher.id for each in other.vouchers] == [cheap.id]
    assert "five" not in [each.offer.reward.id for each in other.rewards]


def test_only_what_can_be_used_in_the_store_fits(shop):
    shop.reward(stores=["baixa"])
    account = shop.member(1000)
    issued = shop.issue(account)
    order = Money(300, "EUR")
    assert fitting(shop, account, order, store="porto").vouchers == ()
    assert fitting(shop, account, order, store="porto").rewards == ()
    for store in ("baixa", None):
        found = fitting(shop, account, order, store=store)
        assert [each.voucher.id for each in found.vouchers] == [issued.id]
        assert len(found.rewards) == 1
    assert fitting(shop, account, order, at=issued.expires_at).vouchers == ()


def test_the_day_is_the_programs(shop):
    shop.program(id="far-east", default=False, timezone="Pacific/Auckland")
    shop.reward(program="far-east", valid_to="2026-03-02")
    program = programs.find(shop.session, "far-east")
    # In Auckland the third of March begins at eleven in the morning here.
    for at, offered in (
        (datetime(2026, 3, 2, 10, 59, 59, tzinfo=UTC), 1),
        (datetime(2026, 3, 2, 11, tzinfo=UTC), 0),
    ):
        assert len(rewards.catalogue(shop.session, program=program, at=at)) == offered
