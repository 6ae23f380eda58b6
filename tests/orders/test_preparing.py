"""One purchase prepared for one posting: by checkout, held, told again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from portal import ledger, orders, orm
from portal.errors import Misuse
from portal.members.errors import CustomerNotFound
from portal.orders import Line
from portal.orders.errors import InvalidOrder, OrderAlreadyExists, OrderNotFound

WELCOME = {"id": "welcome", "kind": "event", "event": "account.created", "points": 50}
LATTE = Line(sku="latte", category="coffee", quantity=2, value=640, tax=120)
CAKE = Line(sku="cake", value=360)


@pytest.fixture
def place(shop, session):
    """Prepare, post and conclude, as checkout does."""

    def place(purchase, redeem=0, **more):
        with orm.writing(session):
            prepared = orders.prepare(
                session,
                purchase=purchase,
                program=shop.program,
                actor="key:till",
                at=shop.at,
                **more,
            )
            return finish(prepared)

    def finish(prepared):
        if prepared.happenings:
            ledger.post(session, prepared.happenings, at=shop.at)
        orders.conclude(session, prepared=prepared, actor="key:till", at=shop.at)
        return prepared

    place.finish = finish
    return place


def test_what_is_prepared_is_what_is_recorded(shop, place, session):
    shop.apply(tiers=shop.TIERS)
    account = shop.join("C1")
    done = place(shop.purchase(1, 20_000, None), account=account)
    assert (done.already, done.account_id, done.earned.points) == (False, account.id, 200)
    assert done.order.earning.points == 200
    found = shop.account()
    assert (found.balance, found.lifetime_purchases) == (200, 20_000)
    assert shop.tier() == "silver"
    assert shop.standing().recorded
    order = orders.find(session, done.order.id)
    assert order == replace(done.order, customer_id=account.customer_id)
    assert shop.whole()


def test_what_an_order_earned_and_why_is_kept_with_it(shop, place, session):
    shop.apply(
        {"id": "coffee", "kind": "item", "categories": ["coffee"], "points": 10, "wait_days": 7},
        {"id": "review", "kind": "trigger", "trigger": "reviewed", "points": 3},
    )
    done = place(shop.purchase(1, 1000, lines=(LATTE, CAKE), points_paid_value=100))
    order = orders.find(session, done.order.id)
    assert order == done.order
    assert (order.lines, order.tax, order.points_paid_value) == ((LATTE, CAKE), 120, 100)
    kept = order.earning
    assert (kept.points, kept.promised, kept.program_id, kept.version) == (26, 23, "corner", 1)
    assert kept.enrolled
    assert kept.explanation == done.earned.explanation
    assert [(p.rule_id, p.points, p.trigger, bool(p.available_from)) for p in kept.parts] == [
        ("base", 3, None, False),
        ("coffee", 20, None, True),
        ("review", 3, "reviewed", False),
    ]
    assert [part.explanation for part in kept.parts] == [
        "1 point per €1 on €3.24 = 3",
        "10 points per item on 2 items of coffee = 20",
        "3 points, waiting for reviewed",
    ]
    account = shop.account()
    assert (account.balance, account.promised, account.trigger_based) == (3, 23, 3)
    assert shop.whole()


def test_the_same_receipt_with_the_same_content_answers_the_first_result(shop, place):
    shop.apply(tiers=shop.TIERS)
    first = place(shop.purchase(1, 4210))
    # Later rules and tiers do not change what it earned then.
    shop.apply(earning=[shop.BASE | {"points": 9}])
    again = place(shop.purchase(1, 4210))
    assert (again.already, again.happenings, again.account_id) == (True, (), first.account_id)
    assert again.order == first.order
    assert again.order.earning.explanation == "1 point per €1 on €42.10 = 42"
    assert shop.account().balance == 42


@pytest.mark.parametrize(
    "change",
    [
        {"value": 999, "lines": ()},
        {"lines": (Line(value=1000),)},
        {"lines": (LATTE, replace(CAKE, sku="pie"))},
        {"lines": (replace(LATTE, quantity=3), CAKE)},
        {"lines": ()},
        {"terms": "redeem 100"},
        {"customer_external_id": "C2"},
        {"timed": True},
    ],
)
def test_the_same_receipt_with_other_content_is_order_already_exists(shop, place, change):
    shop.apply()
    told = shop.purchase(1, 1000, lines=(LATTE, CAKE), timed=False)
    first = place(told)
    with pytest.raises(OrderAlreadyExists) as caught:
        place(replace(told, **change))
    assert caught.value.facts["order"] == first.order.id


def test_a_receipt_without_a_time_may_come_again_later(shop, place):
    shop.apply()
    place(shop.purchase(1, 1000, timed=False))
    shop.later(seconds=40)
    again = place(shop.purchase(1, 1000, timed=False, placed_at=shop.at))
    assert again.already


def test_a_first_purchase_enrols_and_the_welcome_bonus_is_there_at_the_next_read(shop, place):
    shop.apply(WELCOME)
    done = place(shop.purchase(1, 4210))
    assert (done.enrolled, done.order.earning.enrolled) == (True, True)
    assert shop.account().balance == 92


def test_a_welcome_bonus_can_wait_too(shop, place, session):
    shop.apply(WELCOME | {"wait_days": 30})
    place(shop.purchase(1, 4210))
    assert (shop.account().balance, shop.account().promised) == (42, 50)


def test_an_anonymous_order_passes_untouched(shop, place, session):
    shop.apply(WELCOME, tiers=shop.TIERS)
    done = place(shop.purchase(1, 4210, None))
    assert (done.account_id, done.happenings, done.earned, done.warnings) == (None, (), None, ())
    assert orders.find(session, done.order.id).earning is None


def test_an_order_that_is_not_to_earn_still_counts_as_bought(shop, place):
    shop.apply()
    shop.join("C1")
    done = place(shop.purchase(1, 4210), earn=False)
    assert done.earned is None
    assert (shop.account().balance, shop.account().lifetime_purchases) == (0, 4210)
    assert shop.whole()


def test_a_closed_account_goes_through_with_a_warning(shop, place, session):
    shop.apply(tiers=shop.TIERS)
    account = shop.join("C1")
    with orm.writing(session):
        closed = ledger.close(session, account_id=account.id, at=shop.at)
    done = place(shop.purchase(1, 4210, None), account=closed)
    assert (done.happenings, done.warnings, done.earned) == ((), ("account_closed",), None)
    assert shop.account().lifetime_purchases == 0
    assert shop.whole()


def test_who_is_unknown_is_said(shop, place):
    shop.apply(auto_enrol=False)
    assert place(shop.purchase(1, 4210)).warnings == ("not_enrolled",)
    with pytest.raises(CustomerNotFound):
        place(shop.purchase(2, 4210, None, customer_id="cus_x"))


def test_a_held_order_earns_when_it_is_resumed(shop, place, session):
    shop.apply({"id": "first", "kind": "promotion", "bonus": 5, "per_member": 1})
    account = shop.join("C1")
    purchase = shop.purchase(1, 1000, None, lines=(LATTE, CAKE), points_paid_value=500)
    held = place(purchase, account=account, hold=True)
    assert (held.happenings, held.earned, held.order.held) == ((), None, True)
    assert (shop.account().balance, shop.account().lifetime_purchases) == (0, 0)
    assert shop.whole()
    # Another order meanwhile takes the promotion that counts once.
    assert shop.buy(2, 100).points == 6

    shop.later(minutes=10)
    with orm.writing(session):
        resumed = place.finish(
            orders.resume(
                session,
                order_id=held.order.id,
                program=shop.program,
                actor="key:till",
                at=shop.at,
                points_paid_value=250,
            )
        )
    assert resumed.earned.points == 7
    order = orders.find(session, held.order.id)
    assert (order.held, order.counted, order.earning.points) == (False, 1000, 7)
    assert order.lines == (LATTE, CAKE)
    assert (shop.account().balance, shop.account().lifetime_purchases) == (13, 1100)
    # The receipt is still known by what it said first.
    assert place(purchase, account=account).already
    assert shop.whole()
    with orm.writing(session), pytest.raises(Misuse):
        orders.resume(
            session, order_id=order.id, program=shop.program, actor="key:till", at=shop.at
        )
    with orm.writing(session), pytest.raises(OrderNotFound):
        orders.resume(session, order_id="ord_x", program=shop.program, actor="x", at=shop.at)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"lines": (LATTE,)}, "lines"),
        ({"lines": (LATTE, replace(CAKE, value=359))}, "lines"),
        ({"lines": (LATTE, replace(CAKE, value=360.0))}, "lines.1.value"),
        ({"lines": (LATTE, replace(CAKE, quantity=-1))}, "lines.1.quantity"),
        ({"lines": (LATTE, replace(CAKE, tax=361))}, "lines.1.tax"),
        ({"lines": (LATTE, replace(CAKE, tax=-1))}, "lines.1.tax"),
        ({"lines": (LATTE, replace(CAKE, sku=""))}, "lines.1.sku"),
        ({"lines": (LATTE, replace(CAKE, category="a\x00"))}, "lines.1.category"),
        ({"lines": (LATTE, replace(CAKE, sku="x" * 129))}, "lines.1.sku"),
        ({"lines": (Line(value=1),) * 1001}, "lines"),
        ({"lines": (LATTE, CAKE), "tax": 5}, "tax"),
        ({"points_paid_value": -1}, "points_paid_value"),
        ({"points_paid_value": 1001}, "points_paid_value"),
    ],
)
def test_lines_that_cannot_be_right_are_refused(shop, place, wrong, field):
    shop.apply()
    with pytest.raises(InvalidOrder) as caught:
        place(replace(shop.purchase(1, 1000), **wrong))
    assert caught.value.field == field


def test_a_late_purchase_is_dated_when_it_was(shop, place, session):
    shop.apply(WELCOME)
    done = place(shop.purchase(1, 4210, placed_at=shop.at - timedelta(days=3)))
    lines = ledger.history(session, account_id=done.account_id, at=shop.at).lines
    assert {line.event.occurred_at for line in lines} == {shop.at - timedelta(days=3)}
