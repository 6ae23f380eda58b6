"""Every reason why points cannot be sent: by its name and number, all at once, with figures."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from portal import ledger, members, orm, programs, transfers
from portal.ledger.errors import InvalidPoints
from portal.members import NewIdentifier
from portal.members.models import Customer
from portal.transfers import Party, RecipientCannotReceive, RecipientFault, people
from portal.transfers.errors import NotAWholeUnit


def customer(member):
    return Party(customer_id=member[0])


def account(member):
    return Party(account_id=member[1])


def told(check):
    return [(reason.code, reason.legacy_code) for reason in check.reasons]


@pytest.fixture(params=[customer, account], ids=["customer", "account"])
def named(request):
    """How the ends are named: by the person, or by the account."""
    return request.param


# -- the ends


def test_nobody_sends_and_nobody_receives(post, jane, tom):
    nobody = [
        Party(),
        Party(customer_id="cus_none"),
        Party(account_id="loy_none"),
        Party(household_id="hh_none"),
        Party(type="mobile", value="+351912000999"),
        Party(type="mobile", value="not a number"),
        Party(type="external_id", value="X"),
        Party(type="primary_mobile", value="+351912345689"),
        Party(type="star_sign", value="Leo"),
    ]
    for party in nobody:
        assert told(post.check(party, customer(tom))) == [("sender_not_found", 816)]
        assert told(post.check(customer(jane), party)) == [("recipient_not_found", 816)]


def test_by_any_identifier(post, jane, tom):
    person = members.customer(post.session, tom[0])
    for party in (
        Party(type="mobile", value="912 345 670"),
        Party(type="card_number", value=person.card_number),
    ):
        found = post.check(customer(jane), party, region="PT")
        assert (found.transferable, found.to_account) == (True, tom[1])


def test_who_has_not_joined_the_program(post, jane):
    stranger = Party(customer_id=post.customer("Eve", "Fox"))
    assert told(post.check(customer(jane), stranger)) == [("recipient_not_enrolled", 881)]
    assert told(post.check(stranger, customer(jane))) == [("sender_not_enrolled", 881)]


def test_an_account_of_nobody(post, jane):
    empty = Party(account_id=post.join(None, points=100))
    assert people.sides(post.session, [empty.account_id])[empty.account_id].display == "?"
    assert told(post.check(customer(jane), empty)) == [("recipient_not_enrolled", 881)]
    assert told(post.check(empty, customer(jane))) == [("transferred_by_needed", None)]


def test_an_account_of_another_program(post, jane, tom):
    coffee = post.coffee()
    other = Party(account_id=post.join(tom[0], program=coffee.id))
    assert told(post.check(account(jane), other)) == [("recipient_not_enrolled", 881)]
    assert told(post.check(account(jane), other, program="coffee"))[:1] == [
        ("sender_not_enrolled", 881)
    ]


def test_the_program_is_that_of_the_account_or_the_default_or_the_one_that_is_named(post, tom):
    post.coffee()
    ann = post.customer("Ann", "Bee")
    theirs = post.join(ann, program="coffee")
    post.give(theirs, 500)
    mine = post.join(tom[0], program="coffee")
    assert post.check(Party(account_id=theirs), Party(customer_id=tom[0])).to_account == mine
    assert post.check(
        Party(customer_id=ann), Party(customer_id=tom[0]), program="coffee"
    ).transferable
    assert told(post.check(Party(customer_id=ann), Party(customer_id=tom[0]))) == [
        ("sender_not_enrolled", 881)
    ]
    assert told(post.check(Party(customer_id=ann), customer(tom), program="none")) == [
        ("program_not_found", 895)
    ]


def test_the_same_person(post, jane, named):
    assert told(post.check(named(jane), account(jane))) == [("same_customer", 418)]


def test_the_same_person_who_has_not_joined(post):
    who = Party(customer_id=post.customer())
    assert told(post.check(who, who))[0] == ("same_customer", 418)


def test_a_merged_account_and_its_survivor(post, jane, tom):
    other = post.member("Ann", "Bee", points=100)
    post.merge(other[1], tom[1])
    found = post.check(account(jane), account(other))
    assert told(found) == [("recipient_merged", 419)]
    assert found.reasons[0].facts == {"account": tom[1]}
    assert told(post.check(account(other), account(jane))) == [("sender_merged", 419)]


def test_a_merged_customer_and_the_survivor(post, session, jane, tom):
    other = post.member("Ann", "Bee", points=100)
    with orm.writing(session):
        session.get(Customer, other[0]).merged_into = tom[0]
    for party in (customer(other), account(other)):
        found = post.check(customer(jane), party)
        assert told(found) == [("recipient_merged", 419)]
        assert found.reasons[0].facts == {"customer": tom[0]}
    assert told(post.check(customer(other), customer(jane)))[:1] == [("sender_merged", 419)]


def test_someone_erased_is_nobody(post, session, jane, tom, at):
    with orm.writing(session):
        session.get(Customer, tom[0]).erased_at = at
    assert told(post.check(customer(jane), customer(tom))) == [("recipient_not_found", 816)]


def test_closed(post, jane, tom, named):
    post.status(ledger.close, tom[1])
    assert told(post.check(named(jane), named(tom))) == [("recipient_closed", None)]
    assert told(post.check(named(tom), named(jane)))[:1] == [("sender_closed", None)]


def test_a_frozen_account_receives_and_sends_nothing(post, jane, tom, named):
    post.status(ledger.freeze, jane[1])
    assert told(post.check(named(jane), named(tom))) == [("sender_frozen", None)]
    post.give(tom[1], 100)
    assert told(post.check(named(tom), named(jane))) == []


def test_confirmed_fraud_stops_both_and_suspicion_does_not(post, jane, tom, named):
    for who in (jane, tom):
        post.fraud(who[0], "suspected")
    assert told(post.check(named(jane), named(tom))) == []
    post.fraud(jane[0])
    assert told(post.check(named(jane), named(tom))) == [("sender_fraud", 415)]
    post.fraud(tom[0])
    assert told(post.check(named(jane), named(tom))) == [
        ("sender_fraud", 415),
        ("recipient_fraud", 414),
    ]


def test_only_oneself_sends_ones_points(post, jane, tom):
    assert told(post.check(customer(jane), customer(tom), by=customer(jane))) == []
    assert told(post.check(customer(jane), customer(tom), by=account(jane))) == []
    assert told(post.check(customer(jane), customer(tom), by=customer(tom))) == [
        ("transferred_by_not_allowed", None)
    ]
    for nobody in (Party(), Party(account_id="loy_none"), Party(type="mobile", value="?")):
        assert told(post.check(customer(jane), customer(tom), by=nobody)) == [
            ("sender_not_found", 816)
        ]


# -- the amount


def test_transfers_are_off_unless_the_program_says_otherwise(post, jane, tom):
    assert not post.apply({"id": "still", "name": "Still", "currency": "ST"}).transfers.enabled
    post.limits(enabled=False)
    found = post.check(customer(jane), customer(tom), 10**9)
    assert told(found) == [("transfers_off", None)]


@pytest.mark.parametrize("points", [0, -1, -(10**30), 2**53, 10**30, True, 1.0, "100", None])
def test_points_are_a_whole_number_above_zero(post, jane, tom, points):
    assert told(post.check(customer(jane), customer(tom), points)) == [("invalid_points", 801)]


def test_not_enough(post, jane, tom):
    found = post.check(customer(jane), customer(tom), 1001)
    assert told(found) == [("insufficient_points", 804)]
    assert found.reasons[0].facts == {"available": 1000, "requested": 1001, "unit": "PTS"}
    assert found.reasons[0].detail == "There are only 1000 points to send."
    assert (found.available, found.remaining, found.parts) == (1000, None, ())


def test_points_that_died_are_not_there(post, jane, tom):
    late = post.at + timedelta(days=365)
    assert told(post.check(customer(jane), customer(tom), at=late)) == [
        ("insufficient_points", 804)
    ]


def test_least_most_and_step_are_told_together_with_their_limits(post, jane, tom):
    post.limits(min=50, max=200, multiple_of=25)
    found = post.check(customer(jane), customer(tom), 1201)
    assert told(found) == [
        ("transfer_above_maximum", 819),
        ("transfer_not_a_multiple", 807),
        ("insufficient_points", 804),
    ]
    assert [reason.facts.get("limit") for reason in found.reasons] == [200, 25, None]
    assert [reason.detail for reason in found.reasons[:2]] == [
        "Send at most 200 points at a time.",
        "Send a multiple of 25 points.",
    ]
    few = post.check(customer(jane), customer(tom), 49)
    assert told(few) == [("transfer_below_minimum", 821), ("transfer_not_a_multiple", 807)]
    assert few.reasons[0].facts == {"limit": 50, "unit": "PTS"}
    for points in (50, 200):
        assert post.check(customer(jane), customer(tom), points).transferable


def test_day_and_month_are_the_programs_own(post, jane, tom):
    # Lisbon is at UTC in winter; the day ends at midnight there.
    post.limits(per_day=300, per_month=500)
    post.at = datetime(2026, 3, 30, 22, 30, tzinfo=UTC)  # summer: 23:30 on the 30th
    post.send(customer(jane), customer(tom), 200)
    found = post.check(customer(jane), customer(tom), 101)
    assert told(found) == [("transfer_above_daily_limit", 819)]
    assert found.reasons[0].facts == {"limit": 300, "available": 100, "unit": "PTS"}
    assert found.reasons[0].detail == (
        "At most 300 points may be sent in a day; 100 points are left today."
    )
    rules = programs.find(post.session, "club")
    left = transfers.left(post.session, account_id=jane[1], program=rules, at=post.at)
    assert (left.today, left.this_month) == (100, 300)
    midnight = datetime(2026, 3, 30, 23, 0, tzinfo=UTC)
    post.send(customer(jane), customer(tom), 300, at=midnight)
    assert told(post.check(customer(jane), customer(tom), 1, at=midnight)) == [
        ("transfer_above_daily_limit", 819),
        ("transfer_above_monthly_limit", 819),
    ]
    april = datetime(2026, 3, 31, 23, 0, tzinfo=UTC)
    before = april - timedelta(microseconds=1)
    assert not post.check(customer(jane), customer(tom), 1, at=before).transferable
    assert post.check(customer(jane), customer(tom), 300, at=april).transferable


def test_limits_count_what_was_sent_not_what_was_received_or_asked(post, jane, tom):
    post.limits(per_day=300)
    post.request(customer(jane), customer(tom), 300, issue_code=False)
    post.send(customer(jane), customer(tom), 300)
    assert post.check(customer(tom), customer(jane), 300).transferable
    assert not post.check(customer(jane), customer(tom), 1).transferable


def test_limits_follow_an_account_into_its_survivor(post, jane, tom):
    post.limits(per_day=300)
    post.send(customer(jane), customer(tom), 250)
    ann = post.member("Ann", "Bee", points=100)
    post.merge(jane[1], ann[1])
    found = post.check(customer(ann), customer(tom), 100)
    assert found.reasons[0].facts["available"] == 50


def test_no_limits_no_left(post, jane):
    rules = programs.find(post.session, "club")
    left = transfers.left(post.session, account_id=jane[1], program=rules, at=post.at)
    assert (left.today, left.this_month) == (None, None)


def test_a_pause_after_a_changed_contact(post, session, jane, tom, at):
    with orm.writing(session):
        members.amend_customer(
            session,
            customer_id=jane[0],
            identifiers=[NewIdentifier(type="email", value="jane@new.test")],
            at=at,
        )
    found = post.check(customer(jane), customer(tom), at=at + timedelta(hours=23))
    assert told(found) == [("contact_changed_lately", None)]
    assert found.reasons[0].facts == {"until": "2026-03-03T12:00:00+00:00"}
    assert "03.03.2026 12:00" in found.reasons[0].detail
    assert post.check(customer(jane), customer(tom), at=at + timedelta(hours=24)).transferable
    post.limits(contact_pause_hours=0)
    assert post.check(customer(jane), customer(tom), at=at).transferable


def test_a_note_fits_in_280_characters(post, jane, tom):
    assert post.check(customer(jane), customer(tom), note="é" * 280).transferable
    found = post.check(customer(jane), customer(tom), note="é" * 281)
    assert told(found) == [("note_too_long", None)]
    assert post.request(customer(jane), customer(tom), note="é" * 281).id is None


# -- all at once, and to whom


def test_every_reason_is_told_at_once(post, jane, tom):
    post.limits(max=200, per_day=100)
    post.fraud(tom[0])
    post.status(ledger.close, tom[1])
    post.status(ledger.freeze, jane[1])
    found = post.check(customer(jane), customer(tom), 1201, note="n" * 300)
    assert [code for code, _ in told(found)] == [
        "sender_frozen",
        "recipient_fraud",
        "recipient_closed",
        "transfer_above_maximum",
        "transfer_above_daily_limit",
        "insufficient_points",
        "note_too_long",
    ]
    assert all(reason.field for reason in found.reasons)


def test_to_a_member_every_fault_of_the_recipient_reads_the_same(post, jane, tom):
    stranger = Party(customer_id=post.customer("Eve", "Fox"))
    closed, fraud, merged = (post.member("Ann", "Bee") for _ in range(3))
    post.status(ledger.close, closed[1])
    post.fraud(fraud[0])
    post.merge(merged[1], tom[1])
    sentences = set()
    for party in (Party(), stranger, customer(closed), customer(fraud), account(merged)):
        found = post.check(customer(jane), party)
        assert found.reasons
        (said,) = transfers.for_member(found.reasons)
        assert type(said) is RecipientCannotReceive
        sentences.add((said.code, said.legacy_code, said.detail, str(said.facts), said.field))
    assert len(sentences) == 1


def test_what_is_the_senders_own_stays_and_two_faults_are_one(post, jane, tom):
    post.fraud(tom[0])
    post.status(ledger.close, tom[1])
    found = post.check(customer(jane), customer(tom), 2000)
    said = transfers.for_member(found.reasons)
    assert [reason.code for reason in said] == ["recipient_cannot_receive", "insufficient_points"]


def test_every_refusal_has_a_name_of_its_own_and_says_what_to_do():
    from portal.errors import PortalError
    from portal.transfers import errors

    found = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type)
        and issubclass(kind, PortalError)
        and kind.__module__ == errors.__name__
    ]
    codes = [kind.code for kind in found if kind is not RecipientFault]
    assert len(set(codes)) == len(codes)
    assert all(kind.sentence.endswith(".") for kind in found)


def test_tenths_are_taken_as_they_are_never_cut(post):
    coffee = post.coffee()
    assert transfers.smallest(coffee, Decimal("10.5")) == 105
    assert transfers.smallest(coffee, Decimal(7)) == 70
    assert transfers.smallest(coffee, Decimal("1E+2")) == 1000
    with pytest.raises(NotAWholeUnit) as refused:
        transfers.smallest(coffee, Decimal("10.55"))
    assert refused.value.facts == {"decimals": 1}
    with pytest.raises(NotAWholeUnit):
        transfers.smallest(programs.find(post.session, "club"), Decimal("10.5"))
    for amount in ("0", "-1", "NaN", "Infinity", "1E+30"):
        with pytest.raises(InvalidPoints):
            transfers.smallest(coffee, Decimal(amount))


# -- again, when it happens


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda post, jane, tom: post.fraud(tom[0]), "recipient_fraud"),
        (lambda post, jane, tom: post.fraud(jane[0]), "sender_fraud"),
        (lambda post, jane, tom: post.status(ledger.close, tom[1]), "recipient_closed"),
        (lambda post, jane, tom: post.status(ledger.close, jane[1]), "sender_closed"),
        (lambda post, jane, tom: post.status(ledger.freeze, jane[1]), "sender_frozen"),
        (lambda post, jane, tom: post.limits(enabled=False), "transfers_off"),
        (lambda post, jane, tom: post.limits(max=99), "transfer_above_maximum"),
        (lambda post, jane, tom: post.give(jane[1], -950), "insufficient_points"),
        (
            lambda post, jane, tom: post.merge(tom[1], post.member("Ann", "Bee")[1]),
            "recipient_merged",
        ),
        (
            lambda post, jane, tom: post.merge(jane[1], post.member("Ann", "Bee")[1]),
            "sender_merged",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_all_of_it_is_checked_again_when_it_happens(post, jane, tom, change, code):
    asked = post.request(customer(jane), customer(tom))
    right = post.code()
    change(post, jane, tom)
    with pytest.raises(transfers.errors.PortalError) as refused:
        post.confirm(asked.id, right)
    assert refused.value.code == code
    assert transfers.history(post.session, account_ids=[jane[1]]).transfers == ()
    post.verify()


def test_a_refusal_leaves_the_code_for_when_its_reason_is_gone(post, jane, tom):
    asked = post.request(customer(jane), customer(tom))
    code = post.code()
    post.status(ledger.freeze, jane[1])
    with pytest.raises(transfers.SenderFault):
        post.confirm(asked.id, code)
    post.status(ledger.unfreeze, jane[1])
    assert post.confirm(asked.id, code).points == 100
