"""Points to, from and between households, by those who may (RULES, "Transferring")."""

import pytest

from portal import ledger, members, orm, transfers
from portal.members import households
from portal.members.errors import HouseholdSenderFrozen
from portal.members.models import Customer
from portal.transfers import Direction, Party


def customer(member):
    return Party(customer_id=member[0])


def told(check):
    return [(reason.code, reason.legacy_code, reason.field) for reason in check.reasons]


@pytest.fixture
def millers(post, jane):
    """A household that Jane heads: its id and account."""
    return post.household(jane[0], points=500)


def house(household):
    return Party(household_id=household[0])


def test_a_member_gives_to_the_household_they_are_in_by_default(post, jane, millers):
    assert households.default_household_id(post.session, customer_id=jane[0]) == millers[0]
    made = post.send(customer(jane), house(millers), 300)
    assert (made.sender.customer_id, made.recipient.household_id) == (jane[0], millers[0])
    assert (made.recipient.name, made.to_display) == ("The Millers", "Th… M…")
    assert (post.balance(jane[1]), post.balance(millers[1])) == (700, 800)
    post.verify()


def test_the_primary_member_sends_what_the_household_has(post, jane, tom, millers):
    made = post.send(house(millers), customer(tom), 200, by=customer(jane))
    assert (made.sender.household_id, made.by_customer_id) == (millers[0], jane[0])
    assert made.breakup[0].left == 300
    asked = next(m for m in post.messages() if "is your code" in m["body"])
    assert asked["to"] == "+351912345689"
    assert "send 200 points from The Millers to To… S… (…70)" in asked["body"]


def test_to_oneself_from_the_household(post, jane, millers):
    post.send(house(millers), customer(jane), 200, by=customer(jane))
    assert (post.balance(jane[1]), post.balance(millers[1])) == (1200, 300)


def test_from_a_household_it_must_be_said_who_does_it(post, tom, millers):
    assert told(post.check(house(millers), customer(tom))) == [
        ("transferred_by_needed", None, "transferred_by")
    ]
    assert told(post.check(Party(account_id=millers[1]), customer(tom))) == [
        ("transferred_by_needed", None, "transferred_by")
    ]


def test_other_members_send_only_where_they_are_allowed_to(post, jane, tom, millers):
    ann = post.member("Ann", "Bee")
    refused = [("transferred_by_not_allowed", None, "transferred_by")]
    # Nor is it for them to learn what the household has.
    post.status(ledger.freeze, millers[1])
    found = post.check(house(millers), customer(tom), 10**6, by=customer(ann))
    assert (found.available, found.parts) == (None, ())
    assert [r.code for r in found.reasons] == ["sender_frozen", "transferred_by_not_allowed"]
    assert [r.code for r in transfers.for_member(found.reasons)] == ["transferred_by_not_allowed"]
    post.status(ledger.unfreeze, millers[1])
    post.take_in(millers[0], ann[0], jane[0])
    assert told(post.check(house(millers), customer(tom), by=customer(ann))) == refused
    post.do(
        households.allow,
        household_id=millers[0],
        customer_id=ann[0],
        may_send=True,
        by=jane[0],
        at=post.at,
    )
    made = post.send(house(millers), customer(tom), 100, by=customer(ann))
    assert made.by_customer_id == ann[0]
    # Whoever did it, whose purse it was, and who has it now.
    assert len(post.messages()) == 4
    post.do(households.remove, household_id=millers[0], customer_id=ann[0], by=jane[0], at=post.at)
    assert told(post.check(house(millers), customer(tom), by=customer(ann))) == refused


def test_whoever_does_it_and_was_merged_is_named_by_the_survivor(post, session, jane, tom, millers):
    ann = post.member("Ann", "Bee")
    post.take_in(millers[0], ann[0], jane[0], may_send=True)
    with orm.writing(session):
        session.get(Customer, ann[0]).merged_into = tom[0]
    found = post.check(house(millers), customer(tom), by=customer(ann))
    assert told(found) == [("sender_merged", 419, "transferred_by")]
    assert found.reasons[0].facts == {"customer": tom[0]}
    for nobody in (Party(), Party(customer_id="cus_none")):
        assert told(post.check(house(millers), customer(tom), by=nobody)) == [
            ("sender_not_found", 816, "transferred_by")
        ]


def test_a_permission_that_is_taken_away_meanwhile_counts(post, jane, tom, millers):
    ann = post.member("Ann", "Bee")
    post.take_in(millers[0], ann[0], jane[0], may_send=True)
    asked = post.request(house(millers), customer(tom), 100, by=customer(ann))
    code = post.code()
    post.do(
        households.allow,
        household_id=millers[0],
        customer_id=ann[0],
        may_send=False,
        by=jane[0],
        at=post.at,
    )
    with pytest.raises(transfers.errors.SenderNotAllowed):
        post.confirm(asked.id, code)


def test_from_household_to_household(post, jane, tom, millers):
    sawyers = post.household(tom[0], name="Sawyers & Co")
    made = post.send(house(millers), house(sawyers), 100, by=customer(jane))
    assert (made.from_display, made.to_display) == ("Th… M…", "Sa… C…")
    assert post.balance(sawyers[1]) == 100
    # Whoever heads the other household is told.
    assert {m["to"] for m in post.messages()} == {"+351912345689", "+351912345670"}


def test_named_by_everything_that_the_rules_name(post, session, jane, tom):
    millers = post.household(jane[0], external_id="H-1")
    card = members.customer(session, jane[0]).card_number
    for type, value in (
        ("external_id", "H-1"),
        ("primary_id", jane[0]),
        ("primary_card_number", card),
        ("primary_mobile", "+351 912 345 689"),
    ):
        found = post.check(customer(jane), Party(type=type, value=value))
        assert (told(found), found.to_account) == ([], millers[1])


def test_the_same_household(post, jane, millers):
    assert told(post.check(house(millers), house(millers), by=customer(jane))) == [
        ("same_customer", 418, "recipient")
    ]


def test_a_closed_household(post, jane, tom):
    empty = post.household(jane[0])
    post.do(households.close, household_id=empty[0], by=jane[0], at=post.at)
    for party in (house(empty), Party(account_id=empty[1])):
        assert told(post.check(customer(jane), party)) == [("recipient_closed", None, "recipient")]
        assert ("sender_closed", None, "sender") in told(
            post.check(party, customer(tom), by=customer(jane))
        )


def test_fraud_of_the_primary_member_stops_the_household_both_ways(post, jane, tom, millers):
    ann = post.member("Ann", "Bee", points=100)
    post.take_in(millers[0], ann[0], jane[0], may_send=True)
    post.fraud(jane[0])
    assert told(post.check(house(millers), customer(tom), by=customer(ann))) == [
        ("sender_fraud", 415, "sender")
    ]
    assert told(post.check(house(millers), customer(tom), by=customer(jane))) == [
        ("sender_fraud", 415, "sender")
    ]
    assert told(post.check(customer(ann), house(millers))) == [
        ("recipient_fraud", 414, "recipient")
    ]


def test_fraud_of_whoever_does_it_stops_it(post, jane, tom, millers):
    ann = post.member("Ann", "Bee")
    post.take_in(millers[0], ann[0], jane[0], may_send=True)
    post.fraud(ann[0])
    assert told(post.check(house(millers), customer(tom), by=customer(ann))) == [
        ("sender_fraud", 415, "transferred_by")
    ]


def test_whoever_does_it_waits_after_a_changed_contact(post, session, jane, tom, millers):
    with orm.writing(session):
        members.amend_customer(
            session,
            customer_id=jane[0],
            identifiers=[members.NewIdentifier(type="email", value="j@new.test")],
            at=post.at,
        )
    assert told(post.check(house(millers), customer(tom), by=customer(jane))) == [
        ("contact_changed_lately", None, None)
    ]


def test_a_household_without_an_account_in_the_program_gets_one_when_it_is_needed(post, tom):
    post.coffee()
    ann = post.customer("Ann", "Bee")
    post.give(post.join(ann, program="coffee"), 500)
    club_only = post.household(tom[0])
    found = post.check(Party(customer_id=ann), house(club_only), program="coffee")
    assert (found.transferable, found.to_account) == (True, None)
    made = post.send(Party(customer_id=ann), house(club_only), program="coffee")
    assert (made.recipient.household_id, made.points) == (club_only[0], 100)
    by = customer(tom)
    assert told(post.check(house(post.household(ann)), customer(tom), program="coffee", by=by))[
        :1
    ] == [("sender_not_enrolled", 881, "sender")]


def test_limits_are_the_households_own(post, jane, tom, millers):
    post.limits(per_day=300)
    ann = post.member("Ann", "Bee")
    post.take_in(millers[0], ann[0], jane[0], may_send=True)
    post.send(house(millers), customer(tom), 200, by=customer(jane))
    assert not post.check(house(millers), customer(tom), 101, by=customer(ann)).transferable
    assert post.check(customer(jane), customer(tom), 300).transferable


def test_who_gave_what_into_a_household(post, jane, tom, millers):
    post.take_in(millers[0], tom[0], jane[0])
    post.give(tom[1], 1000)
    sawyers = post.household(tom[0], name="Sawyers", points=100)
    post.send(customer(jane), house(millers), 300)
    post.send(customer(tom), house(millers), 400)
    minute = post.at.replace(minute=1)
    post.send(customer(jane), house(millers), 50, at=minute)
    post.send(house(sawyers), house(millers), 10, by=customer(tom), at=minute)
    post.send(house(millers), customer(tom), 20, by=customer(jane), at=post.at.replace(minute=2))
    found = transfers.given(post.session, account_id=millers[1])
    assert [(one.giver.name, one.points, one.transfers) for one in found] == [
        ("Tom Sawyer", 400, 1),
        ("Jane Doe", 350, 2),
        ("Sawyers", 10, 1),
    ]
    assert found[2].by_customer_id == tom[0]
    assert transfers.given_by(post.session, account_id=millers[1]) == {
        jane[0]: 350,
        tom[0]: 410,
    }


def test_a_households_own_history(post, jane, tom, millers):
    post.send(customer(jane), house(millers), 300)
    post.send(house(millers), customer(tom), 100, by=customer(jane), at=post.at.replace(minute=5))
    page = transfers.history(post.session, account_ids=[millers[1]])
    assert [(one.direction, one.points, one.breakup[0].left) for one in page.transfers] == [
        (Direction.OUT, 100, 700),
        (Direction.IN, 300, 800),
    ]
    both = transfers.history(post.session, account_ids=[millers[1], jane[1]])
    assert [one.direction for one in both.transfers] == [Direction.OUT, Direction.WITHIN]


def test_who_froze_their_own_sends_nothing_from_a_household(post, jane, tom, millers):
    ann = post.member("Ann", "Bee")
    post.take_in(millers[0], ann[0], jane[0], may_send=True)
    asked = post.request(house(millers), customer(tom), 100, by=customer(jane))
    code = post.code()
    post.do(ledger.freeze, account_id=jane[1], at=post.at, by="member")
    refused = [("household_sender_frozen", None, "transferred_by")]
    assert told(post.check(house(millers), customer(tom), by=customer(jane))) == refused
    # A code that was on its way sends nothing either.
    with pytest.raises(HouseholdSenderFrozen):
        post.confirm(asked.id, code)
    # The others still do, and to the one who is frozen too.
    assert told(post.check(house(millers), customer(jane), by=customer(ann))) == []
    post.do(ledger.unfreeze, account_id=jane[1], at=post.at, by="member")
    assert told(post.check(house(millers), customer(tom), by=customer(jane))) == []
