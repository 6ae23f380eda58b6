"""Purchases: recorded once, earning once, whatever the order they come in."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, func, select

from portal import ledger, members, orders, orm, programs
from portal.errors import Busy, Misuse
from portal.ledger.models import Entry
from portal.ledger.verification import verify
from portal.members.models import Customer, Enrolment
from portal.orders.errors import OrderNotFound
from portal.orders.models import Order
from portal.programs.models import Store, Till

CORNER = {
    "id": "corner",
    "name": "Corner Points",
    "currency": "PTS",
    "timezone": "Europe/Lisbon",
    "auto_enrol": True,
    "earning": [{"id": "base", "kind": "spend", "currency": "EUR", "per": 100, "points": 1}],
}
WELCOME = {"id": "welcome", "kind": "event", "event": "account.created", "points": 50}


@pytest.fixture
def apply(session, at):
    def apply(**changes):
        with orm.writing(session):
            return programs.apply(
                session, document=CORNER | changes, actor="command", at=at
            ).program

    return apply


@pytest.fixture
def program(apply):
    return apply()


@pytest.fixture
def record(session, at):
    def record(program, *purchases, at=at, **more):
        with orm.writing(session):
            return orders.record(
                session, purchases=purchases, program=program, actor="key:till", at=at, **more
            )

    return record


@pytest.fixture
def ana(session, at):
    with orm.writing(session):
        return members.create_customer(
            session, identifiers=[members.NewIdentifier(type="external_id", value="C1")], at=at
        )


@pytest.fixture
def receipt(at):
    def receipt(number="1", value=4210, **more):
        more.setdefault("customer_external_id", "C1")
        return orders.Purchase(
            number=number,
            value=value,
            **{"currency": "EUR", "placed_at": at - timedelta(hours=1), "store": "lisbon"} | more,
        )

    return receipt


def count(session, table):
    return session.scalar(select(func.count()).select_from(table))


def account_of(session, program, external_id="C1"):
    owner = members.find_customer(session, type="external_id", value=external_id)
    return owner and members.account_for(session, customer_id=owner.id, program=program)


def test_a_purchase_enrols_its_buyer_and_earns(session, program, record, receipt, at):
    (done,) = record(program, receipt(till="3", metadata={"cashier": "Rui"}))
    assert done.outcome is orders.Outcome.RECORDED
    assert (done.points, done.promised, done.enrolled, done.warnings) == (42, False, True, ())
    assert done.earned.explanation == "1 point per €1 on €42.10 = 42"
    account = account_of(session, program)
    assert (account.id, account.customer_id) == (done.account_id, done.customer_id)
    assert (account.balance, account.lifetime, account.lifetime_purchases) == (42, 42, 4210)
    assert account.enrolled_at == at - timedelta(hours=1)
    assert session.get(Enrolment, account.id).channel == "auto"
    order = orders.find(session, done.order_id)
    assert (order.store, order.number, order.till, order.value) == ("lisbon", "1", "3", 4210)
    assert (order.customer_id, order.metadata) == (done.customer_id, {"cashier": "Rui"})
    (line,) = ledger.history(session, account_id=account.id, at=at).lines
    assert line.event.id == done.event_id
    assert (line.event.name, line.event.origin) == ("TransactionAdd", "payment")
    assert line.event.occurred_at == at - timedelta(hours=1)
    assert line.event.recorded_at == at
    assert (line.event.order.id, line.event.order.number) == (order.id, "1")
    assert (line.entry.amount, line.entry.program_version) == (42, 1)
    assert line.entry.expires_at == datetime(2027, 3, 3, tzinfo=UTC)
    assert verify(session) == []


def test_the_same_receipt_again_changes_nothing(session, program, record, receipt):
    (first,) = record(program, receipt())
    for again in (receipt(), receipt(till="9", metadata={"x": 1}), receipt(number=" 1 ")):
        (done,) = record(program, again)
        assert done.outcome is orders.Outcome.ALREADY
        assert (done.order_id, done.customer_id, done.points) == (
            first.order_id,
            first.customer_id,
            0,
        )
    assert account_of(session, program).balance == 42
    assert count(session, Order) == count(session, Entry) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"value": 4211},
        {"currency": "USD"},
        {"customer_external_id": "C2"},
        {"customer_external_id": None},
        {"placed_at": datetime(2026, 3, 1, 12, tzinfo=UTC)},
        {"tax": 10},
    ],
)
def test_the_same_receipt_with_other_content_is_a_conflict(
    session, program, record, receipt, change
):
    (first,) = record(program, receipt())
    (done,) = record(program, replace(receipt(), **change))
    assert done.outcome is orders.Outcome.REFUSED
    assert done.error.code == "order_already_exists"
    assert done.error.facts["order"] == first.order_id
    assert count(session, Customer) == count(session, Order) == 1


def test_a_receipt_number_is_unique_in_its_store_only(session, program, record, receipt):
    record(program, receipt(), receipt(store="porto"), receipt(store=None))
    assert account_of(session, program).balance == 126
    assert session.scalars(select(Store.code).order_by(Store.code)).all() == [
        "lisbon",
        "porto",
        "web",
    ]


def test_twins_within_a_batch_are_one(session, program, record, receipt):
    first, twin, other = record(program, receipt(), receipt(), receipt(value=1))
    assert (first.outcome, first.points) == (orders.Outcome.RECORDED, 42)
    assert (twin.outcome, twin.order_id, twin.points) == (
        orders.Outcome.ALREADY,
        first.order_id,
        0,
    )
    assert other.error.code == "order_already_exists"
    assert account_of(session, program).balance == 42


@pytest.mark.parametrize("value", [0, -1, -4210])
def test_zero_or_less_enrols_nobody_and_earns_nothing(session, program, record, receipt, value):
    (done,) = record(program, receipt(value=value))
    assert (done.outcome, done.points, done.enrolled, done.warnings) == (
        orders.Outcome.RECORDED,
        0,
        False,
        (),
    )
    assert count(session, Customer) == count(session, Entry) == 0
    assert orders.find(session, done.order_id).value == value
    assert record(program, receipt(value=value))[0].outcome is orders.Outcome.ALREADY


def test_zero_or_less_of_a_member_changes_no_figure(session, program, record, receipt):
    record(program, receipt())
    (back,) = record(program, receipt("2", value=-4210))
    assert back.customer_id
    account = account_of(session, program)
    assert (account.balance, account.lifetime_purchases) == (42, 4210)


def test_less_than_a_point_still_counts_as_bought(session, program, record, receipt, at):
    (done,) = record(program, receipt(value=99))
    assert (done.points, done.enrolled, done.event_id) == (0, True, None)
    assert "less than one" in done.earned.explanation
    account = account_of(session, program)
    assert (account.balance, account.lifetime_purchases) == (0, 99)
    assert account.enrolled_at == at - timedelta(hours=1)
    assert count(session, Entry) == 0


def test_other_money_earns_nothing_and_is_not_added_up(session, program, record, receipt):
    (done,) = record(program, receipt(currency="USD"))
    assert (done.outcome, done.points) == (orders.Outcome.RECORDED, 0)
    assert account_of(session, program).lifetime_purchases == 0


def test_an_anonymous_purchase_never_earns(session, program, record, receipt):
    (done,) = record(program, receipt(customer_external_id=None))
    assert (done.outcome, done.customer_id, done.points, done.warnings) == (
        orders.Outcome.RECORDED,
        None,
        0,
        (),
    )
    assert count(session, Customer) == count(session, Entry) == 0


def test_without_auto_enrolment_strangers_stay_strangers(session, apply, record, receipt, ana):
    program = apply(auto_enrol=False)
    stranger, known = record(
        program, receipt(customer_external_id="C2"), receipt("2", customer_external_id="C1")
    )
    for done in (stranger, known):
        assert (done.outcome, done.account_id, done.warnings) == (
            orders.Outcome.RECORDED,
            None,
            ("not_enrolled",),
        )
    assert (stranger.customer_id, known.customer_id) == (None, ana.id)
    assert count(session, Customer) == 1


def test_a_known_customer_is_named_by_id(session, program, record, receipt, ana):
    good, bad, _ = record(
        program,
        receipt(customer_external_id=None, customer_id=ana.id),
        receipt("2", customer_external_id=None, customer_id="cus_x"),
        receipt("3", customer_external_id=None),
    )
    assert (good.customer_id, good.points, good.enrolled) == (ana.id, 42, True)
    assert (bad.error.code, bad.error.field) == ("customer_not_found", "customer_id")
    assert count(session, Order) == 2


def test_a_merged_customer_earns_for_the_survivor(session, program, record, receipt, ana, at):
    with orm.writing(session):
        bea = members.create_customer(session, at=at)
        session.get(Customer, ana.id).merged_into = bea.id
    (done,) = record(program, receipt(customer_external_id=None, customer_id=ana.id))
    assert done.customer_id == bea.id
    assert members.account_for(session, customer_id=bea.id, program=program).balance == 42


def test_a_closed_account_takes_the_purchase_and_earns_nothing(
    session, program, record, receipt, at
):
    record(program, receipt())
    account = account_of(session, program)
    with orm.writing(session):
        ledger.close(session, account_id=account.id, at=at)
    (done,) = record(program, receipt("2"))
    assert (done.outcome, done.points, done.warnings, done.enrolled) == (
        orders.Outcome.RECORDED,
        0,
        ("account_closed",),
        False,
    )
    assert account_of(session, program).balance == 42


def test_a_frozen_account_earns(session, program, record, receipt, at):
    record(program, receipt())
    with orm.writing(session):
        ledger.freeze(session, account_id=account_of(session, program).id, at=at)
    assert record(program, receipt("2"))[0].points == 42


def test_the_welcome_bonus_comes_once_and_first(session, apply, record, receipt, at):
    program = apply(earning=[*CORNER["earning"], WELCOME])
    day = timedelta(days=1)
    record(
        program,
        receipt("3", 300, placed_at=at - day),
        receipt("1", 100, placed_at=at - 3 * day),
        receipt("2", 200, placed_at=at - 2 * day),
    )
    account = account_of(session, program)
    lines = ledger.history(session, account_id=account.id, at=at).lines
    # Newest first: what one customer bought is booked by date.
    assert [line.entry.amount for line in lines] == [3, 2, 1, 50]
    assert [line.entry.late for line in lines] == [False] * 4
    assert lines[-1].event.occurred_at == account.enrolled_at == at - 3 * day
    record(program, receipt("4", 400))
    assert account_of(session, program).balance == 60
    assert verify(session) == []


def test_waiting_points_are_promised(session, apply, record, receipt, at):
    program = apply(earning=[CORNER["earning"][0] | {"wait_days": 14}])
    (done,) = record(program, receipt())
    assert (done.points, done.promised) == (42, True)
    account = account_of(session, program)
    assert (account.balance, account.promised, account.lifetime) == (0, 42, 0)
    later = ledger.position(session, account_id=account.id, at=done.earned.available_from)
    assert (later.balance, later.promised) == (42, 0)


def test_a_purchase_of_long_ago_earns_what_has_expired_since(session, program, record, receipt, at):
    old = receipt(placed_at=datetime(1997, 1, 1, 12, tzinfo=UTC))
    assert record(program, old)[0].error.code == "time_not_allowed"
    (done,) = record(program, old, any_past=True, origin="import")
    assert done.points == 42
    account = account_of(session, program)
    assert (account.balance, account.lifetime) == (0, 42)
    assert account.enrolled_at == datetime(1997, 1, 1, 12, tzinfo=UTC)
    lines = ledger.history(session, account_id=account.id, at=at).lines
    assert [(line.entry.type, line.entry.amount) for line in lines] == [
        ("expire", -42),
        ("earn", 42),
    ]
    assert lines[0].event.occurred_at == datetime(1998, 1, 2, tzinfo=UTC)
    assert lines[1].event.origin == "import"
    assert verify(session) == []


@pytest.mark.parametrize(
    ("ago", "allowed"),
    [
        (timedelta(days=90), True),
        (timedelta(days=90, seconds=1), False),
        (timedelta(minutes=-5), True),
        (timedelta(minutes=-5, seconds=-1), False),
    ],
)
def test_when_a_purchase_may_lie(session, program, record, receipt, at, ago, allowed):
    (done,) = record(program, receipt(placed_at=at - ago))
    if allowed:
        assert done.points == 42
        assert verify(session) == []
    else:
        assert (done.error.legacy_code, done.error.field) == (859, "placed_at")
        assert count(session, Order) == 0


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"number": ""}, "number"),
        ({"number": " "}, "number"),
        ({"number": "x" * 65}, "number"),
        ({"number": "a\x00b"}, "number"),
        ({"number": "\ud800"}, "number"),
        ({"value": 1.5}, "value"),
        ({"value": "100"}, "value"),
        ({"value": True}, "value"),
        ({"value": 10**15 + 1}, "value"),
        ({"tax": -1}, "tax"),
        ({"tax": 4211}, "tax"),
        ({"currency": ""}, "currency"),
        ({"currency": "x" * 17}, "currency"),
        ({"store": "x" * 65}, "store"),
        ({"till": "a\nb"}, "store"),
        ({"customer_external_id": "x" * 65}, "external_id"),
        ({"customer_external_id": "a\x00"}, "external_id"),
        ({"customer_id": "cus_1"}, "customer_id"),
        ({"metadata": {"x": "y" * 8192}}, "metadata"),
        ({"metadata": {"x": "\ud800"}}, "metadata"),
        ({"placed_at": datetime(2026, 3, 2, 11)}, "placed_at"),
    ],
)
def test_a_bad_purchase_stops_no_other(session, program, record, receipt, wrong, field):
    good, bad, also_good = record(
        program, receipt("1"), replace(receipt("2"), **wrong), receipt("3")
    )
    assert (bad.outcome, bad.error.field, bad.order_id) == (
        orders.Outcome.REFUSED,
        field,
        None,
    )
    assert (good.points, also_good.points) == (42, 42)
    assert count(session, Order) == 2


def test_stores_and_tills_are_created_when_first_named(session, program, record, receipt):
    record(program, receipt(till="1"), receipt("2", till="2"), receipt("3", till="2"))
    assert session.execute(select(Till.store, Till.code).order_by(Till.code)).all() == [
        ("lisbon", "1"),
        ("lisbon", "2"),
    ]


def test_nothing_to_record(session, program, record):
    assert record(program) == []


def test_too_many_at_once_is_a_mistake_of_the_caller(program, record, receipt):
    with pytest.raises(Misuse):
        record(program, *[receipt()] * (orders.BATCH_MAX + 1))


def test_an_unknown_order_is_not_found(session):
    with pytest.raises(OrderNotFound) as caught:
        orders.find(session, "ord_x")
    assert caught.value.legacy_code == 811


@pytest.mark.parametrize("rich", [False, True])
def test_a_thousand_purchases_cost_the_statements_of_ten(engine, apply, record, receipt, at, rich):
    program = apply(earning=[*CORNER["earning"], WELCOME])
    if rich:
        limited = {"id": "few", "kind": "promotion", "bonus": 5, "per_member": 1, "total": 100}
        silver = {"id": "silver", "name": "Silver", "from": 20, "multiplier": "1.5"}
        program = apply(earning=[*CORNER["earning"], WELCOME, limited], tiers=[silver])
    statements: list[str] = []

    def heard(connection, cursor, statement, *_):
        statements.append(statement)

    def cost(prefix, size):
        statements.clear()
        batch = [
            receipt(
                f"{prefix}{number}",
                value=number * 10,
                customer_external_id=f"{prefix}{number % (size // 2)}",
                store=f"{prefix}{number % 7}",
                placed_at=at - timedelta(minutes=number),
            )
            for number in range(size)
        ]
        assert {done.outcome for done in record(program, *batch)} == {orders.Outcome.RECORDED}
        return len(statements)

    event.listen(engine, "before_cursor_execute", heard)
    few = cost("a", 10)
    assert cost("b", 1000) == few
    assert few < 40


AMOUNTS = st.lists(
    st.tuples(
        st.sampled_from(["C1", "C2", "C3", None]),
        st.integers(-500, 20_000),
        st.sampled_from(["EUR", "EUR", "USD"]),
        st.integers(0, 60 * 24 * 80),
        st.booleans(),
    ),
    max_size=25,
)


@settings(max_examples=20)
@given(amounts=AMOUNTS, cut=st.integers(0, 25))
def test_whatever_the_batches_and_repeats_each_purchase_earns_once(databases, at, amounts, cut):
    """Against a sum made without any of our code."""
    url = databases.make()
    engine = orm.make_engine(url)
    try:
        with orm.Session(engine) as session:
            with orm.writing(session):
                program = programs.apply(session, document=CORNER, actor="command", at=at).program
            batch = [
                orders.Purchase(
                    number=str(number),
                    value=value,
                    currency=currency,
                    placed_at=at - timedelta(minutes=ago),
                    customer_external_id=who,
                )
                for number, (who, value, currency, ago, _) in enumerate(amounts)
            ]
            again = [one for one, row in zip(batch, amounts, strict=True) if row[-1]]
            for part in (batch[:cut], again, batch[cut:], batch):
                with orm.writing(session):
                    told = orders.record(
                        session, purchases=part, program=program, actor="command", at=at
                    )
            assert {done.outcome for done in told} <= {orders.Outcome.ALREADY}
            for who in ("C1", "C2", "C3"):
                mine = [row for row in amounts if row[0] == who and row[1] > 0]
                account = account_of(session, program, who)
                if not mine:
                    assert account is None
                    continue
                points = sum(value // 100 for _, value, currency, *_ in mine if currency == "EUR")
                money = sum(value for _, value, currency, *_ in mine if currency == "EUR")
                assert (account.balance, account.lifetime) == (points, points)
                assert account.lifetime_purchases == money
            assert count(session, Order) == len(amounts)
            assert verify(session) == []
    finally:
        engine.dispose()
        databases.drop(url)


@pytest.mark.parametrize("rich", [False, True])
def test_many_tills_telling_the_same_at_once_record_it_once(
    engine, session, apply, receipt, at, rich
):
    program = apply(earning=[*CORNER["earning"], WELCOME])
    if rich:
        # Accounts and counters are locked before the orders are written.
        limited = {"id": "few", "kind": "promotion", "multiplier": "1", "total": 9, "per_member": 3}
        program = apply(
            earning=[*CORNER["earning"], WELCOME, limited],
            tiers=[{"id": "t", "name": "T", "from": 2, "multiplier": "1"}],
        )
    batch = [
        receipt(f"{number}", value=100, customer_external_id=f"C{number % 5}", till=f"{number}")
        for number in range(20)
    ]
    barrier, told, failures = threading.Barrier(6), [], []

    def tell(shift):
        mine = batch[shift:] + batch[:shift]
        barrier.wait()
        try:
            with orm.Session(engine) as own:
                for _ in range(50):
                    try:
                        with orm.writing(own):
                            told.extend(
                                orders.record(
                                    own, purchases=mine, program=program, actor="key:till", at=at
                                )
                            )
                        return
                    except Busy:
                        continue
                raise AssertionError("busy fifty times")
        except Exception as error:  # noqa: BLE001 - told by the test itself
            failures.append(error)

    threads = [threading.Thread(target=tell, args=(3 * number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    recorded = [done for done in told if done.outcome is orders.Outcome.RECORDED]
    assert len(told) == 120
    assert sorted(int(done.purchase.number) for done in recorded) == list(range(20))
    assert count(session, Customer) == 5
    assert [account_of(session, program, f"C{number}").balance for number in range(5)] == [54] * 5
    assert verify(session) == []
