"""Two tills at once: one order, one quote, one refund, one balance."""

import threading

import pytest
from sqlalchemy.orm import Session

from portal import checkout, ledger, members, orders, orm, programs
from portal.checkout import Redeem
from portal.errors import Busy, PortalError
from portal.members import households
from portal.orders import Purchase

TILLS = 4
OTHER = {
    "id": "other",
    "name": "Other",
    "currency": "OTH",
    "auto_enrol": True,
    "earning": [{"id": "base", "kind": "spend", "currency": "EUR", "per": 100, "points": 1}],
}


def at_once(engine, *calls):
    """Run each call in a session of its own, all at the same moment, as a till would.

    A till that is told to try again does so.
    """
    barrier = threading.Barrier(len(calls))
    results = [None] * len(calls)

    def run(place, call):
        with Session(engine, expire_on_commit=False) as session:
            barrier.wait()
            for _ in range(20):
                try:
                    with orm.writing(session):
                        results[place] = call(session)
                    return
                except Busy:
                    continue
                except PortalError as refusal:
                    results[place] = refusal
                    return

    threads = [threading.Thread(target=run, args=item) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def refused(results):
    return sorted(r.code for r in results if isinstance(r, PortalError))


def done(results):
    return [r for r in results if not isinstance(r, PortalError)]


@pytest.fixture
def placing(shop):
    def placing(wish):
        return lambda session: checkout.place(session, wish=wish, actor="key:till", at=shop.at)

    return placing


def test_one_receipt_at_several_tills_is_one_order(shop, engine, account, placing):
    wish = shop.wish(holder=shop.by_account(account), redeem=[Redeem(points=600)])
    results = at_once(engine, *[placing(wish)] * TILLS)
    assert refused(results) == []
    assert len({placed.order.id for placed in results}) == 1
    assert sum(not placed.again for placed in results) == 1
    assert shop.balance(account) == 400 + 44


def test_one_receipt_with_two_contents_is_one_order(shop, engine, account, placing):
    wishes = [
        shop.wish(number="R", holder=shop.by_account(account), redeem=[Redeem(points=n)])
        for n in (100, 200)
    ]
    results = at_once(engine, *[placing(wish) for wish in wishes])
    assert refused(results) == ["order_already_exists"]
    assert len(done(results)) == 1


def test_several_orders_at_once_spend_a_balance_once(shop, engine, account, placing):
    wishes = [
        shop.wish(holder=shop.by_account(account), earn=False, redeem=[Redeem(points=400)])
        for _ in range(TILLS)
    ]
    results = at_once(engine, *[placing(wish) for wish in wishes])
    assert refused(results) == ["insufficient_points"] * (TILLS - 2)
    assert shop.balance(account) == 200


def test_several_orders_at_once_use_a_day_once(shop, engine, account, placing):
    shop.corner({"per_day": 400})
    wishes = [
        shop.wish(holder=shop.by_account(account), earn=False, redeem=[Redeem(points=300)])
        for _ in range(TILLS)
    ]
    results = at_once(engine, *[placing(wish) for wish in wishes])
    assert refused(results) == ["redemption_above_daily_limit"] * (TILLS - 1)
    assert shop.balance(account) == 700


def test_a_quote_serves_one_of_several_orders(shop, engine, account, placing):
    holder = shop.by_account(account)
    quote = shop.quote(holder)
    wishes = [
        shop.wish(holder=holder, earn=False, redeem=[Redeem(points=100)], quote=quote.id)
        for _ in range(TILLS)
    ]
    results = at_once(engine, *[placing(wish) for wish in wishes])
    assert refused(results) == ["quote_used"] * (TILLS - 1)
    assert shop.balance(account) == 900


def test_several_refunds_at_once_are_together_at_most_the_order(shop, engine, account):
    order = shop.order(holder=shop.by_account(account), redeem=[Redeem(points=1000)])

    def refunding(session):
        return checkout.refund(
            session,
            order_id=order.id,
            wish=checkout.RefundWish(value=2000),
            actor="key:till",
            at=shop.at,
        )

    results = at_once(engine, *[refunding] * TILLS)
    assert refused(results) == ["more_than_bought"] * (TILLS - 2)
    assert sorted(refund.refunded for refund in done(results)) == [2000, 4000]
    assert shop.balance(account) == 40 - 32 + 800


def test_an_order_is_captured_or_voided(shop, engine, account):
    order = shop.order(holder=shop.by_account(account), redeem=[Redeem(points=1000)], capture=False)

    def completing(verb):
        return lambda session: verb(session, order_id=order.id, actor="key:till", at=shop.at)

    results = at_once(
        engine, *[completing(checkout.capture_order), completing(checkout.void_order)] * 2
    )
    assert refused(results) == ["order_not_held"] * 3
    (state,) = done(results)
    assert shop.balance(account) == (40 if state.status == "captured" else 1000)


def test_sources_named_in_either_order_never_wait_for_each_other(
    shop, engine, ana, account, placing
):
    shop.credits()
    wallet = shop.join("credits", ana, points=1000)
    blocks = [Redeem(points=10, account=account), Redeem(value=10, account=wallet)]
    wishes = [
        shop.wish(
            holder=shop.by_customer(ana, "corner"), earn=False, redeem=blocks[:: 1 - 2 * (n % 2)]
        )
        for n in range(8)
    ]
    results = at_once(engine, *[placing(wish) for wish in wishes])
    assert refused(results) == []
    assert (shop.balance(account), shop.balance(wallet)) == (920, 920)


def test_one_code_confirms_one_of_several_orders(shop, engine, account):
    shop.corner({"approval": "one_time_code"})
    holder = shop.by_account(account)
    quote = shop.quote(holder, issue_code=True)
    code = shop.code()
    approvals = [shop.approval(quote.id, code) for _ in range(3)]
    wishes = [
        shop.wish(
            holder=holder,
            earn=False,
            redeem=[Redeem(points=10)],
            quote=quote.id,
            approval=approval,
        )
        for approval in approvals
    ]
    results = at_once(
        engine,
        *[
            lambda session, wish=wish: checkout.place(
                session, wish=wish, actor="key:till", at=shop.at
            )
            for wish in wishes
        ],
    )
    assert len(done(results)) == 1
    assert shop.balance(account) == 990


def test_a_first_order_at_several_tills_enrols_once(shop, engine, ana, placing):
    wishes = [shop.wish(holder=shop.by_customer(ana, "corner")) for _ in range(TILLS)]
    results = at_once(engine, *[placing(wish) for wish in wishes])
    assert refused(results) == []
    (held,) = ledger.accounts_of(shop.session, customer_id=ana)
    assert shop.balance(held.id) == 50 * TILLS


def test_the_purse_of_a_household_is_opened_once_by_all_its_buyers(shop, engine, ana, placing):
    """Each member joins a program by their first purchase there, all at the same moment."""
    people = [ana, *(shop.customer(external_id=f"M{n}") for n in range(TILLS - 1))]
    with orm.writing(shop.session):
        corner = programs.find(shop.session, "corner")
        home = households.create_household(
            shop.session, name="Home", primary_id=ana, program=corner, at=shop.at
        ).id
        said = {"household_id": home, "at": shop.at}
        for person in people[1:]:
            households.invite(shop.session, customer_id=person, by=ana, **said)
            households.accept(shop.session, by=person, **said)
    other = shop.apply(OTHER)

    def record(session):
        purchases = [
            Purchase(
                number=f"B{person}",
                value=1000,
                currency="EUR",
                placed_at=shop.at,
                store="lisbon",
                customer_id=person,
            )
            for person in people
        ]
        return orders.record(
            session, purchases=purchases, program=other, actor="command", at=shop.at
        )

    wishes = [shop.wish(holder=shop.by_customer(person, "other")) for person in people]
    results = at_once(engine, *[placing(wish) for wish in wishes], record)
    assert refused(results) == []
    shop.session.rollback()
    (purse,) = [
        held
        for held in households.accounts_of(shop.session, household_id=home)
        if held.program_id == "other"
    ]
    assert purse.balance == TILLS * (50 + 10)
    assert purse.lifetime_purchases == TILLS * 6000
    given = orders.contributions(shop.session, account_id=purse.id)
    assert given == dict.fromkeys(people, 60)


def test_permission_taken_away_while_points_leave(shop, engine, ana, account):
    """Either the points left before the permission, or they stay."""
    ben = shop.customer(external_id="C2")
    shop.join("corner", ben)
    with orm.writing(shop.session):
        corner = programs.find(shop.session, "corner")
        home = households.create_household(
            shop.session, name="Home", primary_id=ana, program=corner, at=shop.at
        ).id
        said = {"household_id": home, "at": shop.at}
        households.invite(shop.session, customer_id=ben, by=ana, **said)
        households.accept(shop.session, by=ben, **said)
        households.allow(shop.session, customer_id=ben, may_send=True, by=ana, **said)
        purse = members.household_account(shop.session, household_id=home, program=corner).id
    shop.give(purse, 500)
    wish = shop.wish(
        holder=shop.by_customer(ben), redeem=[Redeem(points=100, account=purse)], earn=False
    )
    results = at_once(
        engine,
        lambda session: checkout.place(session, wish=wish, actor="key:till", at=shop.at),
        lambda session: households.remove(session, customer_id=ben, by=ana, **said),
    )
    assert refused(results) in ([], ["other_holders_account"])
    assert shop.balance(purse) == (400 if not refused(results) else 500)
